"""Platform API: promotions, which here only cut a release on each target (contract §7.5)."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, created, listing, require_text
from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.kit.errors import invalid, not_found
from headrace.emulator.render.pipelines import render_promotion, render_promotion_target
from headrace.emulator.world.dynos import receive_code
from headrace.emulator.world.records import App, Pipeline, Promotion, PromotionTarget, Team, User


def create_promotion(call: Call) -> ApiAnswer:
    """Promote the source's current release to every target, all in one pipeline; it is done at once."""
    body, pipeline = call.body(), call.pipeline_from_body()
    source = _read_app(call, body.get("source"), "source", pipeline)
    targets = body.get("targets")
    if not isinstance(targets, list) or not targets:
        raise invalid("targets is required.")
    apps = [_read_app(call, target, "targets", pipeline) for target in targets]
    return created(render_promotion(promote(call.heroku, pipeline, source, apps, by=call.user)))


def show_promotion(call: Call) -> ApiAnswer:
    return ApiAnswer(body=render_promotion(_find(call)))


def list_targets(call: Call) -> ApiAnswer:
    promotion = _find(call)
    return listing(promotion.targets, lambda target: render_promotion_target(target, promotion))


def promote(heroku: Heroku, pipeline: Pipeline, source: App, targets: Sequence[App], *, by: User | Team) -> Promotion:
    """Give every target the code of the source's current release."""
    promotion = Promotion(
        id=str(uuid4()),
        pipeline=pipeline,
        source=source,
        release=source.releases[-1],
        created_at=heroku.clock.now(),
        targets=[_promote(heroku, source, app, by) for app in targets],
    )
    heroku.registry.promotions[promotion.id] = promotion
    return promotion


ENDPOINTS = (
    Endpoint("POST", "/pipeline-promotions", create_promotion),
    Endpoint("GET", "/pipeline-promotions/{promotion}", show_promotion),
    Endpoint("GET", "/pipeline-promotions/{promotion}/promotion-targets", list_targets),
)


def _promote(heroku: Heroku, source: App, app: App, by: User | Team) -> PromotionTarget:
    receive_code(app, source, at=heroku.clock.now())
    description = f"Promote {source.name} v{source.releases[-1].version}"
    release = heroku.registry.cut_release(app, description, user_id=by.id, email=by.email)
    return PromotionTarget(id=str(uuid4()), app=app, release=release)


def _read_app(call: Call, value: Any, member: str, pipeline: Pipeline) -> App:
    app = call.app(require_text(value if isinstance(value, dict) else {}, "app"))
    if app.coupling is None or app.coupling.pipeline is not pipeline:
        raise invalid(f"{member}: {app.name} is not in pipeline {pipeline.name}.")
    return app


def _find(call: Call) -> Promotion:
    promotion = call.registry.promotions.get(call.part("promotion"))
    if promotion is None or not call.scope.can_see_pipeline(promotion.pipeline):
        raise not_found("pipeline promotion")
    return promotion
