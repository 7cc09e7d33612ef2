"""The Heroku of the checker: a small world around the provider's add-on service."""

from dataclasses import replace
from itertools import cycle

from headrace.emulator import Emulator, Switches
from headrace.emulator.kit.catalogue import REGIONS
from headrace.emulator.world.records import App
from headrace.emulator.world.world_file import AddonServiceSpec, PipelineEntry, PlanEntry, TeamEntry, UserEntry, World
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
                # Where it is offered is judged from the manifest alone.
                manifest=replace(manifest, regions=(ANY_REGION,)),
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
        # The provider stands where whoever has it judged says, on another machine maybe.
        switches=Switches(foreign_webhooks=True),
    )


class Customer:
    """Somebody who makes one app after another, each for one add-on, in and outside of a pipeline."""

    def __init__(self, heroku: Emulator, manifest: Manifest) -> None:
        self._heroku = heroku
        self._region = find_region(manifest)
        self._places = cycle(PLACES)
        self._count = 0

    def create_app(self, like: App | None = None) -> App:
        """Create an app at the next place, or where another one stands."""
        self._count += 1
        place = next(self._places) if like is None else (like.coupling and like.coupling.stage)
        owner = TEAM if place else CUSTOMER
        app = self._heroku.create_app(f"checker-app-{self._count}", owner=owner, region=self._region)
        if place:
            self._heroku.couple(app, PIPELINE, place)
        return app


def find_region(manifest: Manifest) -> str:
    """Return a region in which the service is offered, the usual one where it may be, or where none is known."""
    known = [region for region in manifest.regions if region in REGIONS]
    return USUAL_REGION if USUAL_REGION in known or not known else known[0]
