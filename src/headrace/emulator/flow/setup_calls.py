"""Platform API: sources that are uploaded, and apps that are set up after the app.json in one."""

from typing import Any
from uuid import uuid4

from starlette.responses import Response

from headrace.emulator.api.apps import APP_NAME
from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, created, read_reference
from headrace.emulator.flow.following import advance_setup
from headrace.emulator.flow.reading import SOURCES, read_blob_url, read_source
from headrace.emulator.flow.setups import begin_setup, carry_out
from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.lifecycle import make_name
from headrace.emulator.kit.errors import forbidden, invalid, not_found
from headrace.emulator.kit.whole_request import WholeRequest
from headrace.emulator.render.flow import render_setup
from headrace.emulator.world.flow import AppSetup, Source
from headrace.emulator.world.records import Pipeline, Team, User
from headrace.models import Stage

# How many uploads are kept.
KEPT_SOURCES = 20


def create_source(call: Call) -> ApiAnswer:
    """Give the URLs to which an archive is uploaded and under which it is found; they need no token."""
    sources = call.heroku.flow.sources
    source = Source(id=str(uuid4()))
    sources[source.id] = source
    while len(sources) > KEPT_SOURCES:
        del sources[next(iter(sources))]
    url = f"{call.heroku.url}{SOURCES}{source.id}"
    return created({"source_blob": {"get_url": url, "put_url": url}})


async def store_source(heroku: Heroku, request: WholeRequest) -> Response:
    _find_source(heroku, request).archive = request.raw
    return Response(status_code=200)


async def show_source(heroku: Heroku, request: WholeRequest) -> Response:
    return Response(_find_source(heroku, request).archive, media_type="application/gzip")


def create_setup(call: Call) -> ApiAnswer:
    """Make an app of a source that was uploaded here, or of a pipeline's repository."""
    body = call.body()
    wanted = body.get("app") or {}
    if not isinstance(wanted, dict):
        raise invalid("app has to be an object.")
    coupling = _read_coupling(call, body.get("pipeline_coupling"))
    app_json = read_source(call, read_blob_url(body))
    if app_json is None and (coupling is None or not call.heroku.flow.of(coupling[0]).repository):
        raise invalid("The emulator fetches no source from elsewhere: upload it to what POST /sources answers.")
    name, region = _read_name(wanted.get("name")), read_reference(wanted.get("region")) or "us"
    app = call.registry.add_app(name, owner=_read_owner(call, wanted), region=region)
    if coupling is not None:
        call.registry.couple(app, *coupling)
    setup = begin_setup(call.heroku, app)
    written = app_json if app_json is not None or coupling is None else call.heroku.flow.of(coupling[0]).app_json
    call.heroku.agenda.start(_set_up(call.heroku, setup, written or {}, _read_overrides(body)))
    return created(render_setup(setup))


def show_setup(call: Call) -> ApiAnswer:
    setup = call.heroku.flow.setups.get(call.part("setup"))
    if setup is None:
        raise not_found("app setup")
    if not call.scope.can_see_app(setup.app):
        raise forbidden("You do not have access to that app setup.")
    return ApiAnswer(body=render_setup(setup))


ENDPOINTS = (
    Endpoint("POST", "/sources", create_source),
    Endpoint("POST", "/apps/{app}/sources", create_source),
    Endpoint("POST", "/app-setups", create_setup),
    Endpoint("GET", "/app-setups/{setup}", show_setup),
)


async def _set_up(heroku: Heroku, setup: AppSetup, written: dict[str, Any], overrides: dict[str, str]) -> None:
    await carry_out(heroku, setup, written, "", overrides)
    advance_setup(heroku, setup)


def _find_source(heroku: Heroku, request: WholeRequest) -> Source:
    source = heroku.flow.sources.get(request.path_params["source"])
    if source is None:
        raise not_found("source")
    return source


def _read_name(value: Any) -> str:
    name = value or make_name("app", str(uuid4()))
    if not isinstance(name, str) or not APP_NAME.fullmatch(name):
        raise invalid("app.name has to be 3 to 30 lowercase letters, digits and dashes, beginning with a letter.")
    return name


def _read_owner(call: Call, wanted: dict[str, Any]) -> User | Team:
    team = read_reference(wanted.get("organization"))
    return call.team(team) if team and wanted.get("personal") is not True else call.user


def _read_coupling(call: Call, value: Any) -> tuple[Pipeline, Stage] | None:
    """The CLI's `pipelines:setup` sends it; the schema does not have it."""
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("stage") not in set(Stage):
        raise invalid("pipeline_coupling has to be an object with pipeline and stage.")
    pipeline = call.registry.pipelines.get(read_reference(value.get("pipeline")))
    if pipeline is None or not call.scope.can_see_pipeline(pipeline):
        raise not_found("pipeline")
    return pipeline, Stage(value["stage"])


def _read_overrides(body: dict[str, Any]) -> dict[str, str]:
    overrides = body.get("overrides") or {}
    env = overrides.get("env") or {} if isinstance(overrides, dict) else None
    if not isinstance(env, dict) or not all(isinstance(value, str) for value in env.values()):
        raise invalid("overrides.env has to be an object of text.")
    return env
