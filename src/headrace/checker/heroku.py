"""The Heroku of the checker: a small world around the provider's add-on service."""

from headrace.emulator.world import (
    AddonServiceSpec,
    AppEntry,
    CouplingEntry,
    PipelineEntry,
    PlanEntry,
    TeamEntry,
    UserEntry,
    World,
)
from headrace.models import Stage
from headrace.protocol.manifest import Manifest

CUSTOMER = "customer@checker.example"
TEAM = "checker-team"
PIPELINE = "checker-pipeline"
STAGES = {
    "checker-review": Stage.REVIEW,
    "checker-staging": Stage.STAGING,
    "checker-production": Stage.PRODUCTION,
}


def build_world(manifest: Manifest, *, client_secret: str, plans: tuple[str, ...]) -> World:
    """Return a customer and a team with apps in a pipeline, an app in none, and the add-on service."""
    return World(
        users=(UserEntry(email=CUSTOMER, token="checker-customer-token"),),
        teams=(TeamEntry(name=TEAM, members={CUSTOMER: "admin"}),),
        addon_services=(
            AddonServiceSpec(
                manifest=manifest,
                manifest_text="",
                client_secret=client_secret,
                plans=tuple(PlanEntry(name=plan) for plan in plans),
            ),
        ),
        apps=(AppEntry(name="checker-alone", owner=CUSTOMER), *(AppEntry(name=app, owner=TEAM) for app in STAGES)),
        pipelines=(PipelineEntry(name=PIPELINE, owner=TEAM),),
        couplings=tuple(CouplingEntry(app=app, pipeline=PIPELINE, stage=stage) for app, stage in STAGES.items()),
    )
