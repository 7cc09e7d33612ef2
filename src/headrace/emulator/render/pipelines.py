"""Pipelines, couplings and promotions as the JSON objects of the Platform API (contract §7.1)."""

from headrace.emulator.kit.paging import Json
from headrace.emulator.kit.switches import Switches
from headrace.emulator.render.values import render_named, render_time
from headrace.emulator.world.records import Coupling, Pipeline, Promotion, PromotionTarget, Team


def render_pipeline(pipeline: Pipeline) -> Json:
    owner = pipeline.owner
    kind = "team" if isinstance(owner, Team) else "user"
    return {
        "created_at": render_time(pipeline.created_at),
        "generation": render_named("generation", pipeline.generation),
        "id": pipeline.id,
        "name": pipeline.name,
        "owner": {"id": owner.id, "type": kind} if owner else None,
        "updated_at": render_time(pipeline.updated_at),
    }


def render_coupling(coupling: Coupling, switches: Switches) -> Json:
    pipeline = {"id": coupling.pipeline.id}
    if switches.has_pipeline_name:
        pipeline["name"] = coupling.pipeline.name
    return {
        "app": {"id": coupling.app.id},
        "created_at": render_time(coupling.created_at),
        "id": coupling.id,
        "pipeline": pipeline,
        "stage": str(coupling.stage),
        "updated_at": render_time(coupling.updated_at),
    }


def render_promotion(promotion: Promotion) -> Json:
    return {
        "created_at": render_time(promotion.created_at),
        "id": promotion.id,
        "pipeline": {"id": promotion.pipeline.id},
        "source": {"app": {"id": promotion.source.id}, "release": {"id": promotion.release.id}},
        "status": "completed",
        "updated_at": render_time(promotion.created_at),
    }


def render_promotion_target(target: PromotionTarget, promotion: Promotion) -> Json:
    return {
        "app": {"id": target.app.id},
        "error_message": None,
        "id": target.id,
        "pipeline_promotion": {"id": promotion.id},
        "release": {"id": target.release.id},
        "status": "succeeded",
    }
