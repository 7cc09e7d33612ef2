"""The Heroku of the checker: a small world around the provider's add-on service."""

from itertools import cycle

from headrace.emulator import Emulator
from headrace.emulator.records import App
from headrace.emulator.world import AddonServiceSpec, PipelineEntry, PlanEntry, TeamEntry, UserEntry, World
from headrace.models import Stage
from headrace.protocol.manifest import Manifest

CUSTOMER = "customer@checker.example"
TEAM = "checker-team"
PIPELINE = "checker-pipeline"
# Where one app after another stands; None is outside of the pipeline.
PLACES = (Stage.REVIEW, Stage.STAGING, Stage.PRODUCTION, None)
ANY_REGION, USUAL_REGION = "*", "us"


def build_world(
    manifest: Manifest, *, manifest_text: str, environment: str, client_secret: str, plans: tuple[str, ...]
) -> World:
    """Return a customer, a team with a pipeline, and the add-on service."""
    return World(
        users=(UserEntry(email=CUSTOMER, token="checker-customer-token"),),
        teams=(TeamEntry(name=TEAM, members={CUSTOMER: "admin"}),),
        addon_services=(
            AddonServiceSpec(
                manifest=manifest,
                manifest_text=manifest_text,
                environment=environment,
                generations=("cedar",),
                client_secret=client_secret,
                plans=tuple(PlanEntry(name=plan) for plan in plans),
            ),
        ),
        apps=(),
        pipelines=(PipelineEntry(name=PIPELINE, owner=TEAM),),
        couplings=(),
    )


class Customer:
    """Somebody who makes one app after another, each for one add-on, in and outside of a pipeline."""

    def __init__(self, heroku: Emulator, manifest: Manifest) -> None:
        self._heroku = heroku
        self._region = find_region(manifest)
        self._places = cycle(PLACES)
        self._count = 0

    def create_app(self) -> App:
        self._count += 1
        place = next(self._places)
        owner = TEAM if place else CUSTOMER
        app = self._heroku.create_app(f"checker-app-{self._count}", owner=owner, region=self._region)
        if place:
            self._heroku.couple(app, PIPELINE, place)
        return app


def find_region(manifest: Manifest) -> str:
    """Return a region in which the service is offered, the usual one where it may be."""
    regions = manifest.regions
    return USUAL_REGION if {USUAL_REGION, ANY_REGION}.intersection(regions) else regions[0]
