"""Platform API: pipelines and couplings (contract §7)."""

import re
from collections.abc import Iterable

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, Partner, created, listing, read_reference
from headrace.emulator.heroku.eligibility import check_coupling
from headrace.emulator.heroku.scopes import find_couplings
from headrace.emulator.kit.catalogue import DEFAULT_STACK
from headrace.emulator.kit.errors import Declined, forbidden, invalid, not_found
from headrace.emulator.render.pipelines import render_coupling, render_pipeline
from headrace.emulator.world.people import transfer_app
from headrace.emulator.world.records import Coupling, Team, User

PIPELINE_NAME = re.compile(r"[a-z][a-z0-9-]{2,29}")


def list_pipelines(call: Call) -> ApiAnswer:
    """Every pipeline the caller sees, or those of one name: names are not unique (contract §7.5)."""
    name = call.request.query_params.get("eq[name]")
    if name is None:
        return listing(call.scope.pipelines(), render_pipeline)
    namesakes = call.registry.pipelines.named(name)
    return listing([pipeline for pipeline in namesakes if call.scope.can_see_pipeline(pipeline)], render_pipeline)


def create_pipeline(call: Call) -> ApiAnswer:
    body = call.body()
    owner = _read_owner(call) if body.get("owner") else call.user
    generation = read_reference(body.get("generation")) or "cedar"
    if generation not in DEFAULT_STACK:
        raise invalid(f"There is no generation {generation}.")
    return created(render_pipeline(call.registry.add_pipeline(_read_name(call), owner=owner, generation=generation)))


def show_pipeline(call: Call) -> ApiAnswer:
    """By id, or by name where an app is in it: an empty one is not found by its name, as at Heroku."""
    pipeline = call.pipeline(by_name=True)
    if not pipeline.couplings and call.part("pipeline") != pipeline.id:
        raise not_found("pipeline")
    return ApiAnswer(body=render_pipeline(pipeline))


def update_pipeline(call: Call) -> ApiAnswer:
    pipeline = call.pipeline()
    call.registry.rename_pipeline(pipeline, _read_name(call))
    return ApiAnswer(body=render_pipeline(pipeline))


def delete_pipeline(call: Call) -> ApiAnswer:
    pipeline = call.pipeline()
    call.registry.remove_pipeline(pipeline)
    return ApiAnswer(body=render_pipeline(pipeline))


def transfer_pipeline(call: Call) -> ApiAnswer:
    """Change the owner of a pipeline and of the apps in it, as the schema has it; only who owns them all may."""
    pipeline = call.pipeline_from_body()
    previous, owner = pipeline.owner, _read_owner(call, member="new_owner")
    apps = [coupling.app for coupling in pipeline.couplings.values()]
    foreign = [app.name for app in apps if app.owner is not call.user and app.owner.id not in call.user.teams]
    if foreign:
        raise forbidden(f"You do not own {', '.join(foreign)}, which would change hands with {pipeline.name}.")
    call.registry.transfer_pipeline(pipeline, owner)
    for app in apps:
        transfer_app(call.registry, app, owner)
    shown = render_pipeline(pipeline)
    return created(
        {
            "pipeline": {"id": pipeline.id},
            "previous_owner": {"id": previous.id, "type": _kind(previous)} if previous else None,
            "new_owner": shown["owner"],
        }
    )


def list_couplings(call: Call) -> ApiAnswer:
    return _list(call, find_couplings(call.scope))


def list_pipeline_couplings(call: Call) -> ApiAnswer:
    """Without the apps of test runs: they do not show in the pipeline (contract §7.6)."""
    shown = [c for c in call.pipeline().couplings.values() if c.app.id not in call.heroku.flow.test_runs_by_app]
    return _list(call, [coupling for coupling in shown if call.scope.can_see_coupling(coupling)])


def list_team_couplings(call: Call) -> ApiAnswer:
    couplings = (app.coupling for app in call.team().apps.values())
    return _list(call, [coupling for coupling in couplings if coupling is not None])


def create_coupling(call: Call) -> ApiAnswer:
    app, pipeline = call.app(call.text("app")), call.pipeline_from_body()
    check_coupling(call.heroku, app, pipeline)
    return created(render_coupling(call.registry.couple(app, pipeline, call.stage()), call.heroku.switches))


def show_coupling(call: Call) -> ApiAnswer:
    return ApiAnswer(body=render_coupling(call.coupling(), call.heroku.switches))


def update_coupling(call: Call) -> ApiAnswer:
    coupling = call.coupling()
    call.registry.move(coupling, call.stage())
    return ApiAnswer(body=render_coupling(coupling, call.heroku.switches))


def delete_coupling(call: Call) -> ApiAnswer:
    coupling = call.coupling()
    call.registry.uncouple(coupling.app)
    return ApiAnswer(body=render_coupling(coupling, call.heroku.switches))


def show_app_coupling(call: Call) -> ApiAnswer:
    """The article shows partners an array, the schema and the CLI one object (contract §7.3)."""
    coupling, switches = call.app().coupling, call.heroku.switches
    form = switches.user_couplings if call.scope.addon is None else switches.partner_couplings
    if coupling is not None:
        body = render_coupling(coupling, call.heroku.switches)
        return ApiAnswer(body=body if form == "object" else [body])
    if form == "object" or switches.uncoupled_array == "not_found":
        raise Declined(404, "not_found", "Not found.")
    return ApiAnswer(body=[])


ENDPOINTS = (
    Endpoint("GET", "/teams/{team}/pipeline-couplings", list_team_couplings),
    Endpoint("GET", "/users/~/pipeline-couplings", list_couplings),
    Endpoint("GET", "/pipelines", list_pipelines, Partner.PIPELINES),
    Endpoint("POST", "/pipelines", create_pipeline),
    Endpoint("POST", "/pipeline-transfers", transfer_pipeline),
    Endpoint("GET", "/pipelines/{pipeline}", show_pipeline, Partner.PIPELINES),
    Endpoint("PATCH", "/pipelines/{pipeline}", update_pipeline),
    Endpoint("DELETE", "/pipelines/{pipeline}", delete_pipeline),
    Endpoint("GET", "/pipelines/{pipeline}/pipeline-couplings", list_pipeline_couplings, Partner.PIPELINES),
    Endpoint("GET", "/pipeline-couplings", list_couplings, Partner.PIPELINES),
    Endpoint("POST", "/pipeline-couplings", create_coupling),
    Endpoint("GET", "/pipeline-couplings/{coupling}", show_coupling, Partner.PIPELINES),
    Endpoint("PATCH", "/pipeline-couplings/{coupling}", update_coupling),
    Endpoint("DELETE", "/pipeline-couplings/{coupling}", delete_coupling),
    Endpoint("GET", "/apps/{app}/pipeline-couplings", show_app_coupling, Partner.PIPELINES),
)


def _list(call: Call, couplings: Iterable[Coupling]) -> ApiAnswer:
    return listing(couplings, lambda coupling: render_coupling(coupling, call.heroku.switches))


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
