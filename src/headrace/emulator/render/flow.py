"""Review apps, app setups and test runs as the JSON objects of the Platform API."""

from headrace.emulator.kit.catalogue import DYNO_SIZE
from headrace.emulator.kit.paging import Json
from headrace.emulator.render.accounts import render_account
from headrace.emulator.render.values import render_ref, render_time
from headrace.emulator.world.flow import AppSetup, PipelineFlow, ReviewApp, ReviewAppConfig, TestNode, TestRun
from headrace.emulator.world.world_file import derive_id


def render_review_app(review_app: ReviewApp) -> Json:
    app, setup, fork = review_app.app, review_app.setup, review_app.fork_repo_id
    return {
        "app": {"id": app.id} if app else None,
        "app_setup": {"id": setup.id} if setup else None,
        "branch": review_app.branch,
        "created_at": render_time(review_app.created_at),
        "creator": {"email": review_app.creator.email, "id": review_app.creator.id},
        "error_status": review_app.error_status,
        "fork_repo": None if fork is None else {"id": fork},
        "id": review_app.id,
        "message": review_app.message,
        "pipeline": {"id": review_app.pipeline.id},
        "pr_number": review_app.pr_number,
        "status": review_app.status,
        "updated_at": render_time(review_app.updated_at),
        "wait_for_ci": review_app.wait_for_ci,
    }


def render_review_config(flow: PipelineFlow, config: ReviewAppConfig) -> Json:
    """`deploy_target.id` is a region's uuid, which clients ask for (Terraform's provider)."""
    region = config.deploy_region
    return {
        "automatic_review_apps": config.automatic,
        "base_name": config.base_name,
        "deploy_target": {"id": derive_id("region", region), "type": "region"} if region else None,
        "destroy_stale_apps": config.destroys_stale,
        "pipeline_id": flow.id,
        "repo": {"id": flow.repository_id},
        "stale_days": config.stale_days,
        "wait_for_ci": config.wait_for_ci,
    }


def render_setup(setup: AppSetup) -> Json:
    return {
        "app": render_ref(setup.app),
        "build": None,
        "created_at": render_time(setup.created_at),
        "failure_message": setup.failure_message,
        "id": setup.id,
        "manifest_errors": list(setup.manifest_errors),
        "postdeploy": None,
        "resolved_success_url": None,
        "status": setup.status,
        "updated_at": render_time(setup.updated_at),
    }


def render_test_run(run: TestRun) -> Json:
    return {
        "actor_email": run.user.email,
        "app_setup": {"id": run.setup.id} if run.setup else None,
        "clear_cache": None,
        "commit_branch": run.commit_branch,
        "commit_message": run.commit_message,
        "commit_sha": run.commit_sha,
        "created_at": render_time(run.created_at),
        "debug": run.is_debug,
        "dyno": {"size": DYNO_SIZE[run.pipeline.generation]},
        "id": run.id,
        "message": run.message,
        "number": run.number,
        "organization": {"name": run.organization.name} if run.organization else None,
        "pipeline": {"id": run.pipeline.id},
        "source_blob_url": run.source_blob_url,
        "status": run.status,
        "updated_at": render_time(run.updated_at),
        "user": render_account(run.user),
        "warning_message": None,
    }


def render_test_node(node: TestNode, run: TestRun, url: str) -> Json:
    """Nothing runs, so that there is no dyno to attach to."""
    return {
        "created_at": render_time(node.created_at),
        "dyno": None,
        "error_status": None,
        "exit_code": node.exit_code,
        "id": node.id,
        "index": node.index,
        "message": None,
        "output_stream_url": f"{url}/streams/{node.id}/output",
        "pipeline": {"id": run.pipeline.id},
        "setup_stream_url": f"{url}/streams/{node.id}/setup",
        "status": run.status,
        "test_run": {"id": run.id},
        "updated_at": render_time(node.updated_at),
    }
