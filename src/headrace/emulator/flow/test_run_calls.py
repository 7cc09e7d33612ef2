"""Platform API: test runs of Heroku CI, their nodes, and what those have written."""

from starlette.responses import PlainTextResponse, Response

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, created, listing, read_reference
from headrace.emulator.flow.reading import read_flag, read_source
from headrace.emulator.flow.test_runs import cancel, create_test_run
from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.kit.errors import forbidden, invalid, not_found
from headrace.emulator.kit.whole_request import WholeRequest
from headrace.emulator.render.flow import render_test_node, render_test_run
from headrace.emulator.world.flow import TestRun


def create(call: Call) -> ApiAnswer:
    body, pipeline = call.body(), call.pipeline_from_body()
    url, team = call.text("source_blob_url"), read_reference(body.get("organization"))
    run = create_test_run(
        call.heroku,
        pipeline,
        by=call.user,
        commit_branch=call.text("commit_branch"),
        commit_sha=call.text("commit_sha"),
        commit_message=str(body.get("commit_message") or ""),
        source_blob_url=url,
        organization=call.team(team) if team else None,
        app_json=read_source(call, url),
        is_debug=read_flag(body, "debug"),
    )
    return created(render_test_run(run))


def show(call: Call) -> ApiAnswer:
    return ApiAnswer(body=render_test_run(_find(call)))


def update(call: Call) -> ApiAnswer:
    """A run is cancelled; nothing else that a client would set can be true here."""
    run = _find(call)
    if call.text("status") != "cancelled":
        raise invalid("The emulator runs no tests: a run's status can be set to cancelled only.")
    message = call.body().get("message")
    cancel(call.heroku, run, message if isinstance(message, str) else None)
    return ApiAnswer(body=render_test_run(run))


def list_of_pipeline(call: Call) -> ApiAnswer:
    runs = call.heroku.flow.of(call.pipeline()).test_runs
    return listing(runs, render_test_run, by=("number", "id"))


def show_of_pipeline(call: Call) -> ApiAnswer:
    runs, number = call.heroku.flow.of(call.pipeline()).test_runs, call.part("number")
    for run in runs:
        if number == str(run.number):
            return ApiAnswer(body=render_test_run(run))
    raise not_found("test run")


def list_nodes(call: Call) -> ApiAnswer:
    run = _find(call)
    return listing(run.nodes, lambda node: render_test_node(node, run, call.heroku.url), by=("id",))


def list_cases(call: Call) -> ApiAnswer:
    """No test runs, so that none has a result."""
    _find(call)
    return ApiAnswer(body=[])


async def show_stream(_heroku: Heroku, _request: WholeRequest) -> Response:
    return PlainTextResponse("The emulator runs no tests: add-ons come and go, and the run ends as it was told to.\n")


ENDPOINTS = (
    Endpoint("POST", "/test-runs", create),
    Endpoint("GET", "/test-runs/{test_run}", show),
    Endpoint("PATCH", "/test-runs/{test_run}", update),
    Endpoint("GET", "/test-runs/{test_run}/test-nodes", list_nodes),
    Endpoint("GET", "/test-runs/{test_run}/test-cases", list_cases),
    Endpoint("GET", "/pipelines/{pipeline}/test-runs", list_of_pipeline),
    Endpoint("GET", "/pipelines/{pipeline}/test-runs/{number}", show_of_pipeline),
)


def _find(call: Call) -> TestRun:
    run = call.heroku.flow.test_runs.get(call.part("test_run"))
    if run is None:
        raise not_found("test run")
    if not call.scope.can_see_pipeline(run.pipeline):
        raise forbidden("You do not have access to that test run.")
    return run
