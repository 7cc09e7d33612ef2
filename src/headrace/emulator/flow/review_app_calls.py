"""Platform API: review apps."""

from typing import Any

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, Partner, created, listing
from headrace.emulator.flow.reading import read_blob_url, read_number, read_source
from headrace.emulator.flow.review_apps import create_review_app, delete_review_app
from headrace.emulator.kit.errors import forbidden, invalid, not_found
from headrace.emulator.render.flow import render_review_app
from headrace.emulator.world.flow import ReviewApp


def create(call: Call) -> ApiAnswer:
    """Make a review app of a branch; the answer is `pending`, and the app comes when it has been looked at again."""
    body, pipeline = call.body(), call.pipeline_from_body()
    fork = body.get("fork_repo_id")
    review_app = create_review_app(
        call.heroku,
        pipeline,
        branch=call.text("branch"),
        by=call.user,
        pr_number=read_number(body, "pr_number"),
        fork_repo_id=fork if isinstance(fork, int) else None,
        environment=_read_environment(body.get("environment")),
        app_json=read_source(call, read_blob_url(body)),
    )
    return created(render_review_app(review_app))


def show(call: Call) -> ApiAnswer:
    return ApiAnswer(body=render_review_app(_find(call)))


def delete(call: Call) -> ApiAnswer:
    """Begin to take it away; the app goes when its add-ons are gone."""
    review_app = _find(call)
    delete_review_app(call.heroku, review_app)
    return ApiAnswer(body=render_review_app(review_app))


def show_of_app(call: Call) -> ApiAnswer:
    review_app = call.heroku.flow.review_apps_by_app.get(call.app().id)
    if review_app is None:
        raise not_found("review app")
    return ApiAnswer(body=render_review_app(review_app))


def list_of_pipeline(call: Call) -> ApiAnswer:
    return listing(call.heroku.flow.of(call.pipeline()).review_apps.values(), render_review_app)


ENDPOINTS = (
    Endpoint("POST", "/review-apps", create),
    Endpoint("GET", "/review-apps/{review_app}", show),
    Endpoint("DELETE", "/review-apps/{review_app}", delete),
    Endpoint("GET", "/apps/{app}/review-app", show_of_app, Partner.EXTRA),
    Endpoint("GET", "/pipelines/{pipeline}/review-apps", list_of_pipeline),
)


def _find(call: Call) -> ReviewApp:
    review_app = call.heroku.flow.review_apps.get(call.part("review_app"))
    if review_app is None:
        raise not_found("review app")
    if not call.scope.can_see_pipeline(review_app.pipeline):
        raise forbidden("You do not have access to that review app.")
    return review_app


def _read_environment(value: Any) -> dict[str, str]:
    environment = value or {}
    if not isinstance(environment, dict) or not all(isinstance(each, str) for each in environment.values()):
        raise invalid("environment has to be an object of text.")
    return environment
