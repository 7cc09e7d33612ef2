"""Test runs: an app at the stage `test` with one instance of each add-on, however many nodes (contract §7.6)."""

from typing import Any
from uuid import uuid4

from headrace.emulator.flow.setups import begin_setup, carry_out, finish, is_ready
from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.lifecycle import destroy_app
from headrace.emulator.kit.errors import Declined, invalid
from headrace.emulator.world.change_feed import acting
from headrace.emulator.world.flow import OVER, Progress, TestNode, TestRun
from headrace.emulator.world.records import Pipeline, Team, User
from headrace.models import Stage


def create_test_run(
    heroku: Heroku,
    pipeline: Pipeline,
    *,
    by: User,
    commit_branch: str,
    commit_sha: str,
    commit_message: str = "",
    source_blob_url: str = "",
    organization: Team | None = None,
    app_json: dict[str, Any] | None = None,
    is_debug: bool = False,
) -> TestRun:
    """Begin a test run, which goes on beside everything else; `app_json` is the repository's unless it is given.

    Raises:
        Declined: the pipeline has nobody who would own its app.

    """
    if pipeline.owner is None:
        raise invalid(f"Pipeline {pipeline.name} belongs to nobody, who would own the app of a test run.")
    flow, now = heroku.flow.of(pipeline), heroku.clock.now()
    run = TestRun(
        id=str(uuid4()),
        number=len(flow.test_runs) + 1,
        pipeline=pipeline,
        commit_branch=commit_branch,
        commit_sha=commit_sha,
        commit_message=commit_message,
        source_blob_url=source_blob_url,
        is_debug=is_debug,
        user=by,
        organization=organization,
        created_at=now,
        updated_at=now,
    )
    flow.test_runs.append(run)
    heroku.flow.test_runs[run.id] = run
    heroku.agenda.start(_make(heroku, run, flow.app_json if app_json is None else app_json))
    return run


def cancel(heroku: Heroku, run: TestRun, message: str | None) -> None:
    """End a run that is not over; its app goes."""
    if run.status not in OVER:
        run.message = message or run.message
        _end(heroku, run, "cancelled", exit_code=None)


def advance(heroku: Heroku, run: TestRun) -> None:
    """Run the tests as soon as the add-ons are there; how they end is what the switches say."""
    if run.status != "creating" or run.setup is None or not is_ready(heroku, run.setup):
        return
    finish(heroku, run.setup)
    _set(heroku, run, "running")
    if heroku.switches.test_run_lasts:
        plan_end(heroku, run)
    else:
        _end_by_itself(heroku, run)


def plan_end(heroku: Heroku, run: TestRun) -> None:
    heroku.agenda.add(run.updated_at + heroku.switches.test_run_lasts, lambda: _end_by_itself(heroku, run))


def note_setup_failed(heroku: Heroku, run: TestRun) -> None:
    """Say why the app of a run could not be made."""
    setup = run.setup
    if setup is not None and setup.status == "failed" and run.status not in OVER:
        run.message = " ".join(filter(None, [setup.failure_message, *setup.manifest_errors]))
        _set(heroku, run, "errored")


async def _make(heroku: Heroku, run: TestRun, app_json: dict[str, Any]) -> None:
    owner, pipeline = run.pipeline.owner, run.pipeline
    if run.status != "pending" or owner is None:
        return
    flow = heroku.flow.of(pipeline)
    with acting(run.user):
        app = heroku.registry.add_app(f"ci-{run.id.replace('-', '')[:20]}", owner=owner, generation=pipeline.generation)
        heroku.registry.couple(app, pipeline, Stage.TEST)
        run.app, run.setup = app, begin_setup(heroku, app)
        heroku.flow.test_runs_by_app[app.id] = run
        _set(heroku, run, "creating")
        config = {**flow.stage_config.get(Stage.TEST, {}), "CI": "true", "HEROKU_TEST_RUN_ID": run.id}
        wanted = await carry_out(heroku, run.setup, app_json, "test", config)
    note_setup_failed(heroku, run)
    if wanted is not None:
        now = heroku.clock.now()
        run.nodes = [
            TestNode(id=str(uuid4()), index=index, created_at=now, updated_at=now) for index in range(wanted.nodes)
        ]
    advance(heroku, run)


def _end_by_itself(heroku: Heroku, run: TestRun) -> None:
    code = heroku.switches.test_exit_code
    if run.status == "running":
        _end(heroku, run, "failed" if code else "succeeded", exit_code=code)


def _end(heroku: Heroku, run: TestRun, status: Progress, *, exit_code: int | None) -> None:
    _set(heroku, run, status)
    for node in run.nodes:
        node.exit_code, node.updated_at = exit_code, run.updated_at
    if run.app is not None:
        heroku.agenda.start(_take_away(heroku, run))


async def _take_away(heroku: Heroku, run: TestRun) -> None:
    """Remove the app of a run that is over; a partner that fails is not asked again before the emulator's end."""
    app = run.app
    if app is None or heroku.registry.apps.get(app.id) is not app:
        return
    try:
        with acting(run.user):
            await destroy_app(heroku, app)
    except Declined as declined:
        run.message = declined.message


def _set(heroku: Heroku, run: TestRun, status: Progress) -> None:
    run.status, run.updated_at = status, heroku.clock.now()
