"""Platform API: an app's domains, its formation and its dynos."""

import re
from typing import Any
from uuid import uuid4

import msgspec

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, Partner, created, listing, read_reference
from headrace.emulator.kit.catalogue import find_dyno_size
from headrace.emulator.kit.errors import forbidden, invalid, not_found
from headrace.emulator.render.dynos import read_size, render_domain, render_dyno, render_process
from headrace.emulator.world.dynos import Dyno, list_dynos, resize, restart, scale
from headrace.emulator.world.records import App, Domain, Process
from headrace.emulator.world.world_file import derive_id

HOSTNAME = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
QUANTITY = re.compile(r"[+-]?[0-9]{1,3}")
MOST_DYNOS = 100


def list_domains(call: Call) -> ApiAnswer:
    app = call.app()
    return listing(_domains(app), lambda domain: render_domain(domain, app), by=("id", "hostname"))


def show_domain(call: Call) -> ApiAnswer:
    app = call.app()
    return ApiAnswer(body=render_domain(_find_domain(call, app), app))


def create_domain(call: Call) -> ApiAnswer:
    app, hostname = call.app(), call.text("hostname")
    if not HOSTNAME.fullmatch(hostname):
        raise invalid(f"{hostname} is not the name of a host.")
    _refuse_certificate(call)
    if hostname in app.domains:
        raise invalid(f"{hostname} is a domain of {app.name} already.")
    if any(hostname in other.domains for other in call.registry.apps):
        raise invalid(f"{hostname} is currently in use by another app.")
    domain = Domain(id=str(uuid4()), hostname=hostname, created_at=call.heroku.clock.now())
    app.domains[hostname] = domain
    call.registry.tell("create", domain, app)
    return created(render_domain(domain, app))


def update_domain(call: Call) -> ApiAnswer:
    """The one thing that a domain can be given is a certificate, of which there are none."""
    app = call.app()
    domain = _find_domain(call, app)
    if "sni_endpoint" not in call.body():
        raise invalid("sni_endpoint is required.")
    _refuse_certificate(call)
    return ApiAnswer(body=render_domain(domain, app))


def delete_domain(call: Call) -> ApiAnswer:
    app = call.app()
    domain = _find_domain(call, app)
    if not domain.is_custom:
        raise forbidden("The domain that Heroku gives to an app cannot be removed.")
    del app.domains[domain.hostname]
    call.registry.tell("destroy", domain, app)
    return ApiAnswer(body=render_domain(domain, app))


def list_formation(call: Call) -> ApiAnswer:
    return _list_formation(call.app())


def show_process(call: Call) -> ApiAnswer:
    app = call.app()
    return ApiAnswer(body=render_process(_find_process(app, call.part("process")), app))


def update_formation(call: Call) -> ApiAnswer:
    """Scale and resize process types, by type or id; all or none."""
    app, updates = call.app(), call.body().get("updates")
    if not isinstance(updates, list) or not all(isinstance(update, dict) for update in updates):
        raise invalid("updates is required.")
    wanted = [_read_update(app, _find_process(app, read_reference(update.get("type"))), update) for update in updates]
    for update in wanted:
        _apply(call, app, update)
    return _list_formation(app)


def update_process(call: Call) -> ApiAnswer:
    app = call.app()
    process = _find_process(app, call.part("process"))
    _apply(call, app, _read_update(app, process, call.body()))
    return ApiAnswer(body=render_process(process, app))


def show_dynos(call: Call) -> ApiAnswer:
    app = call.app()
    return listing(list_dynos(app), lambda dyno: render_dyno(dyno, app), by=("name", "id"))


def show_dyno(call: Call) -> ApiAnswer:
    app = call.app()
    return ApiAnswer(body=render_dyno(_find_dyno(call, app), app))


def restart_dyno(call: Call) -> ApiAnswer:
    """Stopping a dyno of a formation restarts it too; the answer is an empty object."""
    restart(_find_dyno(call, call.app()), at=call.heroku.clock.now())
    return ApiAnswer(body={}, status=202)


def restart_dynos(call: Call) -> ApiAnswer:
    for dyno in list(list_dynos(call.app())):
        restart(dyno, at=call.heroku.clock.now())
    return ApiAnswer(body={}, status=202)


def refuse_dyno(call: Call) -> ApiAnswer:
    app = call.app()
    raise invalid(f"The emulator runs nothing, so that {app.name} gets no one-off dynos.")


def restart_process(call: Call) -> ApiAnswer:
    """Restart every dyno of a process type; stopping them comes to the same, as with one dyno."""
    app, at = call.app(), call.heroku.clock.now()
    process = _find_process(app, call.part("process"))
    for dyno in list(list_dynos(app)):
        if dyno.process is process:
            restart(dyno, at=at)
    return ApiAnswer(body={}, status=202)


ENDPOINTS = (
    Endpoint("GET", "/apps/{app}/dynos", show_dynos, Partner.EXTRA),
    Endpoint("POST", "/apps/{app}/dynos", refuse_dyno),
    Endpoint("DELETE", "/apps/{app}/dynos", restart_dynos),
    Endpoint("DELETE", "/apps/{app}/formations/{process}", restart_process),
    Endpoint("POST", "/apps/{app}/formations/{process}/actions/stop", restart_process),
    Endpoint("GET", "/apps/{app}/dynos/{dyno}", show_dyno, Partner.EXTRA),
    Endpoint("DELETE", "/apps/{app}/dynos/{dyno}", restart_dyno),
    Endpoint("POST", "/apps/{app}/dynos/{dyno}/actions/stop", restart_dyno, Partner.EXTRA),
    Endpoint("GET", "/apps/{app}/formation", list_formation, Partner.EXTRA),
    Endpoint("PATCH", "/apps/{app}/formation", update_formation),
    Endpoint("GET", "/apps/{app}/formation/{process}", show_process, Partner.EXTRA),
    Endpoint("PATCH", "/apps/{app}/formation/{process}", update_process),
    Endpoint("GET", "/apps/{app}/domains", list_domains, Partner.YES),
    Endpoint("POST", "/apps/{app}/domains", create_domain),
    Endpoint("GET", "/apps/{app}/domains/{domain}", show_domain, Partner.YES),
    Endpoint("PATCH", "/apps/{app}/domains/{domain}", update_domain),
    Endpoint("DELETE", "/apps/{app}/domains/{domain}", delete_domain),
)


def _domains(app: App) -> list[Domain]:
    """The one that Heroku gives, then the customer's own."""
    given = Domain(
        id=derive_id("domain", app.id),
        hostname=f"{app.name}.herokuapp.com",
        created_at=app.created_at,
        is_custom=False,
    )
    return [given, *app.domains.values()]


def _refuse_certificate(call: Call) -> None:
    if call.body().get("sni_endpoint") is not None:
        raise invalid("The emulator has no certificates: leave sni_endpoint out, or null.")


def _find_domain(call: Call, app: App) -> Domain:
    key = call.part("domain")
    for domain in _domains(app):
        if key in {domain.id, domain.hostname}:
            return domain
    raise not_found("domain")


def _list_formation(app: App) -> ApiAnswer:
    return listing(app.formation.values(), lambda process: render_process(process, app), by=("type",))


def _find_process(app: App, key: str) -> Process:
    for process in app.formation.values():
        if key in {process.type, derive_id("process", f"{app.id}:{process.type}")}:
            return process
    raise not_found("process type")


class _Update(msgspec.Struct, frozen=True, kw_only=True):
    """What a process type is to be; None leaves it as it is."""

    process: Process
    quantity: int | None
    size: str | None


def _read_update(app: App, process: Process, update: dict[str, Any]) -> _Update:
    return _Update(process=process, quantity=_read_quantity(update, process), size=_read_size(update, app))


def _read_size(update: dict[str, Any], app: App) -> str | None:
    """`size` is text, `dyno_size` an object with the name; the CLI sends the first, the schema has both."""
    name = read_reference(update.get("dyno_size")) or read_reference(update.get("size"))
    if not name:
        return None
    size = find_dyno_size(app.generation, name)
    if size is None:
        raise invalid(f"There is no dyno size {name} for {app.generation} apps.")
    return size


def _read_quantity(update: dict[str, Any], process: Process) -> int | None:
    """A number; the CLI sends it as text, and `+1` or `-1` to change what is there."""
    if "quantity" not in update:
        return None
    text = str(update["quantity"])
    if not QUANTITY.fullmatch(text):
        raise invalid("quantity has to be a number.")
    quantity = process.quantity + int(text) if text[0] in "+-" else int(text)
    if not 0 <= quantity <= MOST_DYNOS:
        raise invalid(f"quantity has to be from 0 to {MOST_DYNOS}.")
    return quantity


def _apply(call: Call, app: App, update: _Update) -> None:
    if update.quantity is None and update.size is None:
        return
    process, at = update.process, call.heroku.clock.now()
    with call.registry.changing(process, app):
        if update.size not in {None, read_size(process, app)}:
            resize(process, update.size or "", at=at)
        if update.quantity is not None:
            scale(app, {process.type: update.quantity}, at=at)


def _find_dyno(call: Call, app: App) -> Dyno:
    key = call.part("dyno")
    for dyno in list_dynos(app):
        if key in {dyno.id, dyno.name}:
            return dyno
    raise not_found("dyno")
