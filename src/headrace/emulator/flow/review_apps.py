"""Review apps: made for a pull request or a branch, and gone with it (contract §7.5, §7.6)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from headrace.emulator.flow.setups import begin_setup, carry_out, fail, finish, is_ready
from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.lifecycle import destroy_app
from headrace.emulator.kit.errors import Declined, invalid
from headrace.emulator.world.change_feed import acting
from headrace.emulator.world.flow import PipelineFlow, ReviewApp, forget_oldest
from headrace.emulator.world.records import App, Pipeline, Team, User
from headrace.models import Stage

# A partner that fails to remove an add-on is asked again; how often Heroku does is not documented.
ASKED_AGAIN_AFTER = timedelta(minutes=10)
# Whose likeness a review app is, the first that there is.
PARENT_STAGES = (Stage.STAGING, Stage.PRODUCTION, Stage.DEVELOPMENT)
LONGEST_NAME = 30


def create_review_app(
    heroku: Heroku,
    pipeline: Pipeline,
    *,
    branch: str,
    by: User | Team,
    pr_number: int | None = None,
    fork_repo_id: int | None = None,
    environment: dict[str, str] | None = None,
    app_json: dict[str, Any] | None = None,
) -> ReviewApp:
    """Begin a review app, which is made beside everything else; `app_json` is the repository's unless it is given.

    Raises:
        Declined: the pipeline has no review apps, nobody to own one, or has one for this branch.

    """
    flow, now = heroku.flow.of(pipeline), heroku.clock.now()
    if flow.config is None:
        raise invalid(f"Review apps are not enabled for pipeline {pipeline.name}.")
    require_owner(pipeline)
    if any(other.is_open and other.branch == branch for other in flow.review_apps.values()):
        raise invalid(f"A review app already exists for the branch {branch}.")
    review_app = ReviewApp(
        id=str(uuid4()),
        pipeline=pipeline,
        branch=branch,
        pr_number=pr_number,
        fork_repo_id=fork_repo_id,
        creator=by,
        wait_for_ci=flow.config.wait_for_ci,
        environment=dict(environment or {}),
        parent=find_parent(pipeline),
        created_at=now,
        updated_at=now,
    )
    flow.review_apps[review_app.id] = heroku.flow.review_apps[review_app.id] = review_app
    heroku.agenda.start(_make(heroku, flow, review_app, flow.app_json if app_json is None else app_json))
    plan_stale_check(heroku, review_app)
    return review_app


def delete_review_app(heroku: Heroku, review_app: ReviewApp) -> None:
    """Begin to take a review app away: its add-ons are deprovisioned, and then the app goes."""
    if review_app.status in {"deleting", "deleted"}:
        return
    _set(heroku, review_app, "deleting")
    heroku.agenda.start(_take_away(heroku, review_app))


def advance(heroku: Heroku, review_app: ReviewApp) -> None:
    """Say that a review app is there as soon as its add-ons are."""
    setup = review_app.setup
    if review_app.status == "creating" and setup is not None and is_ready(heroku, setup):
        finish(heroku, setup)
        _set(heroku, review_app, "created")


async def give_up(heroku: Heroku, review_app: ReviewApp, message: str) -> None:
    """End a review app that cannot be made, and say why."""
    assert review_app.setup is not None, "it is being made"
    await fail(heroku, review_app.setup, message)
    _set_error(heroku, review_app)


def note_app_gone(heroku: Heroku, review_app: ReviewApp) -> None:
    """Its app is gone, whoever took it away; of the review app itself the latest are remembered."""
    review_app.app = None
    if review_app.status in {"created", "deleting"}:
        _set_deleted(heroku, review_app)


def find_parent(pipeline: Pipeline) -> App | None:
    """Return the app that review apps of a pipeline are likenesses of: Heroku tells nobody, so that it is a choice."""
    by_stage = {coupling.stage: coupling.app for coupling in pipeline.couplings.values()}
    return next((by_stage[stage] for stage in PARENT_STAGES if stage in by_stage), None)


def plan_stale_check(heroku: Heroku, review_app: ReviewApp) -> None:
    """Plan to take a review app away when nothing has happened to it for the pipeline's number of days."""
    flow = heroku.flow.of(review_app.pipeline)
    if flow.config is None:
        return
    at = review_app.updated_at + timedelta(days=flow.config.stale_days)

    # By its id: what is gone by then is not kept until then.
    review_app_id = review_app.id

    def look() -> None:
        old = flow.review_apps.get(review_app_id)
        if old is None or not old.is_open or old.updated_at + timedelta(days=1) > heroku.clock.now():
            return
        if flow.config is not None and flow.config.destroys_stale:
            delete_review_app(heroku, old)

    heroku.agenda.add(at, look)


def require_owner(pipeline: Pipeline) -> User | Team:
    """Return who owns the apps that come and go in a pipeline.

    Raises:
        Declined: it belongs to nobody.

    """
    if pipeline.owner is None:
        raise invalid(f"Pipeline {pipeline.name} belongs to nobody, who would own its short-lived apps.")
    return pipeline.owner


async def _make(heroku: Heroku, flow: PipelineFlow, review_app: ReviewApp, app_json: dict[str, Any]) -> None:
    pipeline, parent = review_app.pipeline, review_app.parent
    if review_app.status != "pending":
        return
    region = (flow.config.deploy_region if flow.config else "") or (parent.region if parent else "us")
    with acting(review_app.creator):
        app = heroku.registry.add_app(
            _name(heroku, flow, review_app),
            owner=require_owner(pipeline),
            region=region,
            generation=pipeline.generation,
        )
        heroku.registry.couple(app, pipeline, Stage.REVIEW)
        review_app.app, review_app.setup = app, begin_setup(heroku, app)
        heroku.flow.review_apps_by_app[app.id] = review_app
        _set(heroku, review_app, "creating")
        await carry_out(heroku, review_app.setup, app_json, "review", _build_config(flow, review_app, app))
    if review_app.setup.status == "failed":
        _set_error(heroku, review_app)
    advance(heroku, review_app)


async def _take_away(heroku: Heroku, review_app: ReviewApp) -> None:
    app = review_app.app
    if app is None or heroku.registry.apps.get(app.id) is not app:
        _set_deleted(heroku, review_app)
        return
    try:
        with acting(review_app.creator):
            await destroy_app(heroku, app)
    except Declined as declined:
        review_app.message = declined.message
        heroku.agenda.add(
            heroku.clock.now() + ASKED_AGAIN_AFTER, lambda: heroku.agenda.start(_take_away(heroku, review_app))
        )


def _build_config(flow: PipelineFlow, review_app: ReviewApp, app: App) -> dict[str, str]:
    """Return what the stage has, what was sent along, and what Heroku tells a review app of itself."""
    told = {"HEROKU_APP_NAME": app.name, "HEROKU_BRANCH": review_app.branch}
    if review_app.pr_number is not None:
        told["HEROKU_PR_NUMBER"] = str(review_app.pr_number)
    if review_app.parent is not None:
        told["HEROKU_PARENT_APP_NAME"] = review_app.parent.name
    return {**flow.stage_config.get(Stage.REVIEW, {}), **review_app.environment, **told}


def _name(heroku: Heroku, flow: PipelineFlow, review_app: ReviewApp) -> str:
    """Predictable where the pipeline has a base name and is not of Fir, and random otherwise (contract §7.6)."""
    base = flow.config.base_name if flow.config else None
    if base and review_app.pr_number is not None and review_app.pipeline.generation != "fir":
        name = f"{base}-pr-{review_app.pr_number}"
        if name not in heroku.registry.apps:
            return name
    random = review_app.id.replace("-", "")[:12]
    return f"{review_app.pipeline.name[: LONGEST_NAME - len(random) - 1].rstrip('-')}-{random}"


def _set_error(heroku: Heroku, review_app: ReviewApp) -> None:
    setup = review_app.setup
    if review_app.status != "creating" or setup is None:
        return
    review_app.error_status = "app_setup_failed"
    review_app.message = " ".join(filter(None, [setup.failure_message, *setup.manifest_errors]))
    _set(heroku, review_app, "errored")


def _set_deleted(heroku: Heroku, review_app: ReviewApp) -> None:
    _set(heroku, review_app, "deleted")
    review_app.app = review_app.setup = None
    heroku.flow.of(review_app.pipeline).review_apps.pop(review_app.id, None)
    forget_oldest(heroku.flow.review_apps, lambda other: other.status == "deleted")


def _set(heroku: Heroku, review_app: ReviewApp, status: Any) -> None:
    review_app.status, review_app.updated_at = status, heroku.clock.now()
