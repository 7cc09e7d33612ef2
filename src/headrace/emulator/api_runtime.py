"""Platform API: an app's domains, its formation and its dynos."""

import re
from typing import Any
from uuid import uuid4

from headrace.emulator.call import Answer, Call, created, listing, read_reference
from headrace.emulator.errors import forbidden, invalid, not_found
from headrace.emulator.records import App, Domain, Process
from headrace.emulator.render_runtime import render_domain, render_dyno, render_process
from headrace.emulator.runtime import Dyno, list_dynos, restart, scale
from headrace.emulator.world import derive_id

HOSTNAME = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
QUANTITY = re.compile(r"[+-]?[0-9]{1,3}")
MOST_DYNOS = 100


def list_domains(call: Call) -> Answer:
    app = call.app()
    return listing(_domains(app), lambda domain: render_domain(domain, app), by=("id", "hostname"))


def show_domain(call: Call) -> Answer:
    app = call.app()
    return Answer(body=render_domain(_find_domain(call, app), app))


def create_domain(call: Call) -> Answer:
    app, hostname = call.app(), call.text("hostname")
    if not HOSTNAME.fullmatch(hostname):
        raise invalid(f"{hostname} is not the name of a host.")
    if hostname in app.domains:
        raise invalid(f"{hostname} is currently in use by another app.")
    domain = Domain(id=str(uuid4()), hostname=hostname, created_at=call.heroku.clock.now())
    app.domains[hostname] = domain
    call.registry.tell("create", domain, app)
    return created(render_domain(domain, app))


def delete_domain(call: Call) -> Answer:
    app = call.app()
    domain = _find_domain(call, app)
    if not domain.is_custom:
        raise forbidden("The domain that Heroku gives to an app cannot be removed.")
    del app.domains[domain.hostname]
    call.registry.tell("destroy", domain, app)
    return Answer(body=render_domain(domain, app))


def list_formation(call: Call) -> Answer:
    return _list_formation(call.app())


def show_process(call: Call) -> Answer:
    app = call.app()
    return Answer(body=render_process(_find_process(app, call.part("process")), app))


def update_formation(call: Call) -> Answer:
    """Scale process types, by type or id; all or none."""
    app, updates = call.app(), call.body().get("updates")
    if not isinstance(updates, list) or not all(isinstance(update, dict) for update in updates):
        raise invalid("updates is required.")
    scaled = [update for update in updates if "quantity" in update]
    processes = [_find_process(app, read_reference(update.get("type"))) for update in scaled]
    wanted = [(process, _read_quantity(update, process)) for process, update in zip(processes, scaled, strict=True)]
    for process, quantity in wanted:
        _scale(call, app, process, quantity)
    return _list_formation(app)


def update_process(call: Call) -> Answer:
    app = call.app()
    process = _find_process(app, call.part("process"))
    if "quantity" in call.body():
        _scale(call, app, process, _read_quantity(call.body(), process))
    return Answer(body=render_process(process, app))


def show_dynos(call: Call) -> Answer:
    app = call.app()
    return listing(list_dynos(app), lambda dyno: render_dyno(dyno, app), by=("name", "id"))


def show_dyno(call: Call) -> Answer:
    app = call.app()
    return Answer(body=render_dyno(_find_dyno(call, app), app))


def restart_dyno(call: Call) -> Answer:
    """Stopping a dyno of a formation restarts it too; the answer is an empty object."""
    restart(_find_dyno(call, call.app()), at=call.heroku.clock.now())
    return Answer(body={}, status=202)


def restart_dynos(call: Call) -> Answer:
    for dyno in list(list_dynos(call.app())):
        restart(dyno, at=call.heroku.clock.now())
    return Answer(body={}, status=202)


def _domains(app: App) -> list[Domain]:
    """The one that Heroku gives, then the customer's own."""
    given = Domain(
        id=derive_id("domain", app.id),
        hostname=f"{app.name}.herokuapp.com",
        created_at=app.created_at,
        is_custom=False,
    )
    return [given, *app.domains.values()]


def _find_domain(call: Call, app: App) -> Domain:
    key = call.part("domain")
    for domain in _domains(app):
        if key in {domain.id, domain.hostname}:
            return domain
    raise not_found("domain")


def _list_formation(app: App) -> Answer:
    return listing(app.formation.values(), lambda process: render_process(process, app), by=("type",))


def _find_process(app: App, key: str) -> Process:
    for process in app.formation.values():
        if key in {process.type, derive_id("process", f"{app.id}:{process.type}")}:
            return process
    raise not_found("process type")


def _read_quantity(update: dict[str, Any], process: Process) -> int:
    """A number; the CLI sends it as text, and `+1` or `-1` to change what is there."""
    text = str(update["quantity"])
    if not QUANTITY.fullmatch(text):
        raise invalid("quantity has to be a number.")
    quantity = process.quantity + int(text) if text[0] in "+-" else int(text)
    if not 0 <= quantity <= MOST_DYNOS:
        raise invalid(f"quantity has to be from 0 to {MOST_DYNOS}.")
    return quantity


def _scale(call: Call, app: App, process: Process, quantity: int) -> None:
    with call.registry.changing(process, app):
        scale(app, {process.type: quantity}, at=call.heroku.clock.now())


def _find_dyno(call: Call, app: App) -> Dyno:
    key = call.part("dyno")
    for dyno in list_dynos(app):
        if key in {dyno.id, dyno.name}:
            return dyno
    raise not_found("dyno")
