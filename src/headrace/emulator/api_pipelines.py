"""Platform API: pipelines and couplings (contract §7)."""

import re
from collections.abc import Iterable

from headrace.emulator.call import Answer, Call, created, listing, read_reference
from headrace.emulator.catalogue import DEFAULT_STACK
from headrace.emulator.eligibility import check_coupling
from headrace.emulator.errors import Declined, invalid, not_found
from headrace.emulator.records import Coupling, Team, User
from headrace.emulator.render import render_coupling, render_pipeline
from headrace.emulator.scopes import find_couplings

PIPELINE_NAME = re.compile(r"[a-z][a-z0-9-]{2,29}")


def list_pipelines(call: Call) -> Answer:
    """Every pipeline the caller sees, or those of one name: names are not unique (contract §7.5)."""
    name = call.request.query_params.get("eq[name]")
    if name is None:
        return listing(call.scope.pipelines(), render_pipeline)
    namesakes = call.registry.pipelines.named(name)
    return listing([pipeline for pipeline in namesakes if call.scope.can_see_pipeline(pipeline)], render_pipeline)


def create_pipeline(call: Call) -> Answer:
    body = call.body()
    owner = _read_owner(call) if body.get("owner") else call.user
    generation = read_reference(body.get("generation")) or "cedar"
    if generation not in DEFAULT_STACK:
        raise invalid(f"There is no generation {generation}.")
    return created(render_pipeline(call.registry.add_pipeline(_read_name(call), owner=owner, generation=generation)))


def show_pipeline(call: Call) -> Answer:
    return Answer(body=render_pipeline(call.pipeline(by_name=True)))


def update_pipeline(call: Call) -> Answer:
    pipeline = call.pipeline()
    call.registry.rename_pipeline(pipeline, _read_name(call))
    return Answer(body=render_pipeline(pipeline))


def delete_pipeline(call: Call) -> Answer:
    pipeline = call.pipeline()
    call.registry.remove_pipeline(pipeline)
    return Answer(body=render_pipeline(pipeline))


def transfer_pipeline(call: Call) -> Answer:
    pipeline = call.pipeline_from_body()
    previous = pipeline.owner
    call.registry.transfer_pipeline(pipeline, _read_owner(call, member="new_owner"))
    shown = render_pipeline(pipeline)
    return created(
        {
            "pipeline": {"id": pipeline.id},
            "previous_owner": {"id": previous.id, "type": _kind(previous)} if previous else None,
            "new_owner": shown["owner"],
        }
    )


def list_couplings(call: Call) -> Answer:
    return _list(call, find_couplings(call.scope))


def list_pipeline_couplings(call: Call) -> Answer:
    couplings = call.pipeline().couplings.values()
    return _list(call, [coupling for coupling in couplings if call.scope.can_see_coupling(coupling)])


def list_team_couplings(call: Call) -> Answer:
    couplings = (app.coupling for app in call.team().apps.values())
    return _list(call, [coupling for coupling in couplings if coupling is not None])


def create_coupling(call: Call) -> Answer:
    app, pipeline = call.app(call.text("app")), call.pipeline_from_body()
    check_coupling(call.heroku, app, pipeline)
    return created(render_coupling(call.registry.couple(app, pipeline, call.stage()), call.heroku))


def show_coupling(call: Call) -> Answer:
    return Answer(body=render_coupling(call.coupling(), call.heroku))


def update_coupling(call: Call) -> Answer:
    coupling = call.coupling()
    call.registry.move(coupling, call.stage())
    return Answer(body=render_coupling(coupling, call.heroku))


def delete_coupling(call: Call) -> Answer:
    coupling = call.coupling()
    call.registry.uncouple(coupling.app)
    return Answer(body=render_coupling(coupling, call.heroku))


def show_app_coupling(call: Call) -> Answer:
    """The article shows partners an array, the schema and the CLI one object (contract §7.3)."""
    coupling, switches = call.app().coupling, call.heroku.switches
    form = switches.user_couplings if call.scope.addon is None else switches.partner_couplings
    if coupling is not None:
        body = render_coupling(coupling, call.heroku)
        return Answer(body=body if form == "object" else [body])
    if form == "object" or switches.uncoupled_array == "not_found":
        raise Declined(404, "not_found", "Not found.")
    return Answer(body=[])


def _list(call: Call, couplings: Iterable[Coupling]) -> Answer:
    return listing(couplings, lambda coupling: render_coupling(coupling, call.heroku))


def _read_name(call: Call) -> str:
    name = call.text("name")
    if not PIPELINE_NAME.fullmatch(name):
        raise invalid("Name has to be 3 to 30 lowercase letters, digits and dashes, beginning with a letter.")
    return name


def _read_owner(call: Call, *, member: str = "owner") -> User | Team:
    owner = call.registry.find_owner(call.text(member))
    if owner is None:
        raise not_found("owner")
    if isinstance(owner, Team):
        call.team(owner.id)
    return owner


def _kind(owner: User | Team) -> str:
    return "team" if isinstance(owner, Team) else "user"
