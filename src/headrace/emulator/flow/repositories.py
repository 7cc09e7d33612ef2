"""Platform API: what a pipeline is connected to, how it makes review apps, and the config vars of its stages."""

from typing import Any

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, created, read_reference
from headrace.emulator.flow.reading import read_flag, read_number
from headrace.emulator.kit.catalogue import REGIONS
from headrace.emulator.kit.errors import Declined, invalid, not_found
from headrace.emulator.render.flow import render_review_config
from headrace.emulator.render.values import render_time
from headrace.emulator.world.app_config import merge
from headrace.emulator.world.flow import PipelineFlow, ReviewAppConfig
from headrace.emulator.world.populate import WORLD_BEGAN_AT
from headrace.emulator.world.world_file import derive_id
from headrace.models import Stage

REPOSITORIES = "dashboard-repositories-api"
MOST_STALE_DAYS = 30


def show_repositories_feature(call: Call) -> ApiAnswer:
    """The CLI asks who has it for a pipeline's repository here, and everybody else at another host of Heroku's."""
    began = render_time(WORLD_BEGAN_AT)
    return ApiAnswer(
        body={
            "created_at": began,
            "description": "Repositories of pipelines, in the Platform API",
            "display_name": "Repositories API",
            "doc_url": f"{call.heroku.url}/",
            "enabled": True,
            "feedback_email": "nobody@heroku.invalid",
            "id": derive_id("feature", REPOSITORIES),
            "name": REPOSITORIES,
            "state": "general",
            "updated_at": began,
        }
    )


def show_repository(call: Call) -> ApiAnswer:
    return ApiAnswer(body=_render_repository(_find_connected(call)))


def show_branch(call: Call) -> ApiAnswer:
    """Every branch is there: what the emulator knows of a repository is its name and its app.json."""
    flow, branch = _find_connected(call), call.part("branch")
    return ApiAnswer(body={"name": branch, "repo": {"id": flow.repository_id}})


def show_config(call: Call) -> ApiAnswer:
    flow = call.heroku.flow.of(call.pipeline())
    return ApiAnswer(body=render_review_config(flow, _require_config(flow)))


def enable(call: Call) -> ApiAnswer:
    """The schema wants `repo`, which the CLI leaves out where it has not found one."""
    flow, body = call.heroku.flow.of(call.pipeline()), call.body()
    repository = _read_repository(body)
    if flow.config is not None:
        raise Declined(409, "conflict", "Review apps are already enabled for this pipeline.")
    config = _read_config(body, ReviewAppConfig())
    if repository != flow.repository:
        call.heroku.flow.connect(call.pipeline(), repository, {})
    flow.config = config
    return created(render_review_config(flow, config))


def update(call: Call) -> ApiAnswer:
    flow = call.heroku.flow.of(call.pipeline())
    flow.config = _read_config(call.body(), _require_config(flow))
    return ApiAnswer(body=render_review_config(flow, flow.config))


def disable(call: Call) -> ApiAnswer:
    """The review apps that there are stay; the body that the CLI sends along says nothing."""
    flow = call.heroku.flow.of(call.pipeline())
    body = render_review_config(flow, _require_config(flow))
    flow.config = None
    return ApiAnswer(body=body)


def show_stage_config(call: Call) -> ApiAnswer:
    flow = call.heroku.flow.of(call.pipeline())
    return ApiAnswer(body=flow.stage_config.get(_read_stage(call), {}))


def update_stage_config(call: Call) -> ApiAnswer:
    """Set config vars that the apps to come at a stage begin with; null deletes. The whole set is the answer."""
    flow, changes = call.heroku.flow.of(call.pipeline()), call.body()
    stage = _read_stage(call)
    for name, value in changes.items():
        if not isinstance(value, str | None):
            raise invalid(f"The value of {name} has to be text or null.")
    config = flow.stage_config.setdefault(stage, {})
    merge(config, changes)
    return ApiAnswer(body=config)


ENDPOINTS = (
    Endpoint("GET", f"/account/features/{REPOSITORIES}", show_repositories_feature),
    Endpoint("GET", "/pipelines/{pipeline}/repo", show_repository),
    Endpoint("GET", "/pipelines/{pipeline}/repo/branches/{branch}", show_branch),
    Endpoint("GET", "/pipelines/{pipeline}/review-app-config", show_config),
    Endpoint("POST", "/pipelines/{pipeline}/review-app-config", enable),
    Endpoint("PATCH", "/pipelines/{pipeline}/review-app-config", update),
    Endpoint("DELETE", "/pipelines/{pipeline}/review-app-config", disable),
    Endpoint("GET", "/pipelines/{pipeline}/stage/{stage}/config-vars", show_stage_config),
    Endpoint("PATCH", "/pipelines/{pipeline}/stage/{stage}/config-vars", update_stage_config),
)


def _find_connected(call: Call) -> PipelineFlow:
    flow = call.heroku.flow.of(call.pipeline())
    if not flow.repository:
        raise not_found("repo")
    return flow


def _render_repository(flow: PipelineFlow) -> dict[str, Any]:
    name = flow.repository.rpartition("/")[2]
    return {"full_name": flow.repository, "id": flow.repository_id, "name": name, "type": "github"}


def _require_config(flow: PipelineFlow) -> ReviewAppConfig:
    if flow.config is None:
        raise not_found("review app config")
    return flow.config


def _read_repository(body: dict[str, Any]) -> str:
    repository = body.get("repo")
    if isinstance(repository, dict):
        repository = repository.get("full_name") or repository.get("name")
    if not isinstance(repository, str) or not repository:
        raise invalid("repo is required: review apps need a repository that the pipeline is connected to.")
    return repository


def _read_config(body: dict[str, Any], before: ReviewAppConfig) -> ReviewAppConfig:
    """What the body does not name stays as it was."""
    days = read_number(body, "stale_days")
    if days is not None and not 1 <= days <= MOST_STALE_DAYS:
        raise invalid(f"stale_days has to be from 1 to {MOST_STALE_DAYS}.")
    base_name = body.get("base_name", before.base_name)
    if not isinstance(base_name, str | None):
        raise invalid("base_name has to be text or null.")
    return ReviewAppConfig(
        automatic=read_flag(body, "automatic_review_apps", default=before.automatic),
        destroys_stale=read_flag(body, "destroy_stale_apps", default=before.destroys_stale),
        stale_days=days or before.stale_days,
        wait_for_ci=read_flag(body, "wait_for_ci", default=before.wait_for_ci),
        base_name=base_name,
        deploy_region=_read_region(body["deploy_target"]) if "deploy_target" in body else before.deploy_region,
    )


def _read_region(target: Any) -> str:
    if target is None:
        return ""
    key = read_reference(target)
    if isinstance(target, dict) and target.get("type") == "space":
        raise invalid("The emulator makes review apps in no space; name a region, and a private one for its plans.")
    region = next((name for name in REGIONS if key in {name, derive_id("region", name)}), None)
    if region is None:
        raise invalid(f"There is no region {key}.")
    return region


def _read_stage(call: Call) -> str:
    stage = call.part("stage")
    if stage not in set(Stage):
        raise invalid(f"stage has to be one of {', '.join(Stage)}.")
    return stage
