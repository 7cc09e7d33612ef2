"""The emulator as Python holds it: what a customer would click, and what a test wants to know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from headrace.emulator.api.call import find_plan
from headrace.emulator.api.promotions import promote
from headrace.emulator.flow.following import follow
from headrace.emulator.flow.following import resume as resume_flow
from headrace.emulator.flow.review_apps import create_review_app, delete_review_app, require_owner
from headrace.emulator.flow.test_runs import create_test_run
from headrace.emulator.heroku import lifecycle
from headrace.emulator.heroku.assembly import build_heroku
from headrace.emulator.heroku.deliveries import publish
from headrace.emulator.heroku.draining import write_log
from headrace.emulator.heroku.eligibility import check_attachment, check_coupling
from headrace.emulator.heroku.scopes import UserScope
from headrace.emulator.heroku.snapshot import Snapshot, read_file, restore, take_blank, take_snapshot, write_file
from headrace.emulator.heroku.sso import build_form, find_person
from headrace.emulator.kit.clock import Clock
from headrace.emulator.kit.connections import Connections
from headrace.emulator.kit.errors import Declined, forbidden, invalid
from headrace.emulator.kit.faults import FaultBook
from headrace.emulator.kit.switches import Switches
from headrace.emulator.world.change_feed import acting
from headrace.emulator.world.flow import FlowBook, ReviewApp, ReviewAppConfig, TestRun
from headrace.emulator.world.populate import populate
from headrace.emulator.world.records import Addon, App, Attachment, Coupling, Delivery, Pipeline, Promotion, Team, User
from headrace.emulator.world.state import Registry
from headrace.emulator.world.traffic import Exchange, Traffic
from headrace.emulator.world.world_file import World
from headrace.models import Secret, Stage
from headrace.protocol.logplex import LogLine
from headrace.protocol.manifest import complete_base_url

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What an emulator began with: a snapshot, and the world that is put into it, if it was begun with one."""

    snapshot: Snapshot
    world: World | None = None


class EmulatedHeroku:
    """A stateful local Heroku. Nothing of it reaches Heroku.

    It calls the partners of its world and the URLs of the webhooks that were subscribed to here, nobody else.

    Things are named by name, id, or the record itself. What Heroku would decline raises
    `headrace.emulator.Declined`.
    """

    def __init__(
        self,
        world: World,
        *,
        url: str,
        switches: Switches | None = None,
        clock: Clock | None = None,
        listen: Callable[[Exchange], None] | None = None,
    ) -> None:
        """`url` is where the emulator will be reached; `listen` is called with every exchange."""
        self.url = url
        self.switches = switches or replace(world.switches)
        self.clock = clock or Clock()
        # A scenario has the clock to itself.
        self.is_in_scenario = False
        self.traffic = Traffic(listen)
        self._heroku = build_heroku(world, url=url, clock=self.clock, switches=self.switches, traffic=self.traffic)
        self._heroku.registry.listeners += [partial(publish, self._heroku), partial(follow, self._heroku)]
        self._start = Start(snapshot=take_blank(self._heroku), world=world)

    @property
    def state(self) -> Registry:
        """What exists now; an add-on whose 12 hours have passed does not (contract §3)."""
        self._heroku.agenda.run_due()
        return self._heroku.registry

    @property
    def flow(self) -> FlowBook:
        """The review apps, test runs and stage config vars of each pipeline."""
        self._heroku.agenda.run_due()
        return self._heroku.flow

    @property
    def faults(self) -> FaultBook:
        """What goes wrong now; set and remove faults here."""
        return self._heroku.faults

    @property
    def connections(self) -> Connections:
        """The open connections, which a server has to keep here if it is to drop one on demand."""
        return self._heroku.connections

    def save(self, path: Path | str) -> None:
        """Write everything that exists, tokens included, to a file that `load` reads; `settle` before it."""
        self._heroku.agenda.run_due()
        write_file(take_snapshot(self._heroku), Path(path))

    def load(self, path: Path | str) -> None:
        """Make everything as it was saved, which `reset` returns to from now on.

        Raises:
            ConfigurationError: every problem that the file has; nothing is changed.

        """
        snapshot = read_file(Path(path))
        restore(self._heroku, snapshot)
        resume_flow(self._heroku)
        self._start = Start(snapshot=snapshot)

    def reset(self) -> None:
        """Return to what was there at the start, or loaded since: world, switches, faults and clock."""
        restore(self._heroku, self._start.snapshot)
        resume_flow(self._heroku)
        if self._start.world is not None:
            populate(self._heroku.registry, self._heroku.flow, self._start.world)

    async def settle(self) -> None:
        """Wait until no call to a partner is under way, and every webhook delivery that is due has been tried."""
        await self._heroku.partner.settle()
        await self._heroku.agenda.settle()

    async def close(self) -> None:
        """Let go of the connections to partners; the ASGI app's lifespan does it too."""
        await self._heroku.agenda.close()
        await self._heroku.partner.close()

    def create_app(self, name: str, *, owner: str, region: str = "us") -> App:
        """`owner` is a user's e-mail address or the name of a team."""
        return self.state.add_app(name, owner=self._owner(owner), region=region)

    def rename_app(self, app: App | str, name: str) -> None:
        """Give an app another name; its id stays."""
        self.state.rename_app(self._app(app), name)

    async def destroy_app(self, app: App | str) -> None:
        """Remove an app with its add-ons, of which each partner is told."""
        await lifecycle.destroy_app(self._heroku, self._app(app))

    def create_pipeline(self, name: str, *, owner: str) -> Pipeline:
        """`owner` is a user's e-mail address or the name of a team."""
        return self.state.add_pipeline(name, owner=self._owner(owner))

    def couple(self, app: App | str, pipeline: str, stage: Stage | str) -> Coupling:
        """Put an app into a pipeline, by its name or id, at a stage."""
        found, place = self._app(app), self.find_pipeline(pipeline)
        check_coupling(self._heroku, found, place)
        return self.state.couple(found, place, Stage(stage))

    def move(self, app: App | str, stage: Stage | str) -> None:
        """Change the stage of a coupled app."""
        self.state.move(_require_coupling(self._app(app)), Stage(stage))

    def uncouple(self, app: App | str) -> None:
        """Take an app out of its pipeline, if it is in one."""
        self.state.uncouple(self._app(app))

    def promote(self, app: App | str) -> Promotion:
        """Promote an app's current release to the production apps of its pipeline, in its owner's name."""
        source = self._app(app)
        pipeline = _require_coupling(source).pipeline
        in_production = [c.app for c in pipeline.couplings.values() if c.stage is Stage.PRODUCTION]
        targets = [target for target in in_production if target is not source]
        if not targets:
            raise invalid(f"Pipeline {pipeline.name} has no other app in production to promote {source.name} to.")
        return promote(self._heroku, pipeline, source, targets, by=source.owner)

    def connect(self, pipeline: Pipeline | str, repository: str, app_json: Mapping[str, Any]) -> None:
        """Connect a pipeline to a repository, `owner/name`, whose app.json holds this; its pull requests get apps."""
        found = self._pipeline(pipeline)
        self._heroku.flow.connect(found, repository, dict(app_json))
        flow = self._heroku.flow.of(found)
        flow.config = flow.config or ReviewAppConfig(automatic=True)

    async def open_pull_request(self, pipeline: Pipeline | str, number: int, *, branch: str = "") -> ReviewApp:
        """Make the review app of a pull request, as far as it gets by itself: its partners may still be at work."""
        found = self._pipeline(pipeline)
        review_app = create_review_app(
            self._heroku, found, branch=branch or f"pr-{number}", pr_number=number, by=require_owner(found)
        )
        await self._heroku.agenda.settle()
        return review_app

    async def close_pull_request(self, pipeline: Pipeline | str, number: int) -> ReviewApp:
        """Take the review app of a pull request away, of whose add-ons each partner is told."""
        flow = self._heroku.flow.of(self._pipeline(pipeline))
        found = [each for each in flow.review_apps.values() if each.pr_number == number and each.is_open]
        review_app = _require(next(iter(found), None), str(number), "open pull request")
        delete_review_app(self._heroku, review_app)
        await self._heroku.agenda.settle()
        return review_app

    async def run_tests(self, pipeline: Pipeline | str, user: str, *, branch: str = "main") -> TestRun:
        """Run Heroku CI as somebody, by e-mail address, as far as it gets by itself; no test really runs."""
        found, commit = self._pipeline(pipeline), uuid4().hex
        run = create_test_run(self._heroku, found, by=self._user(user), commit_branch=branch, commit_sha=commit)
        await self._heroku.agenda.settle()
        return run

    async def create_addon(
        self,
        app: App | str,
        plan: str,
        *,
        user: str | None = None,
        options: Mapping[str, str] | None = None,
        name: str = "",
        addon_id: str = "",
    ) -> Addon:
        """Create an add-on as `heroku addons:create` does; `plan` reads `service:plan`.

        `user` is the e-mail address of who does it, and has to see the app; without one nobody is asked. Name and id
        (the partner's uuid) are made up where they are not given.
        """
        found, place = find_plan(self.state, plan), self._app(app)
        customer = place.owner if user is None else self._user(user)
        if isinstance(customer, User) and not UserScope(customer).can_see_app(place):
            raise forbidden(f"{user} does not have access to the app {place.name}.")
        with acting(customer):
            return await lifecycle.provision(
                self._heroku, place, found, options=dict(options or {}), name=name, addon_id=addon_id
            )

    def begin_provision(self, app: App | str, plan: str) -> Addon:
        """Create an add-on without a call to its partner: who asks for it sends `provision_body` itself."""
        return lifecycle.begin_provision(self._heroku, self._app(app), find_plan(self.state, plan))

    def remove_addon(self, addon: Addon | str) -> None:
        """Take an add-on and its tokens away without a call to its partner."""
        lifecycle.remove(self._heroku, self._addon(addon))

    async def send_provision(self, addon: Addon | str, *, times: int = 1) -> list[tuple[int | None, bytes]]:
        """Deliver the identical provision request again and return each answer's status and body.

        The state is left alone: Heroku delivers at least once (contract §1.1).
        """
        found = self._addon(addon)
        answers = [await self._heroku.partner.provision(found) for _ in range(times)]
        return [(answer.status, answer.raw) for answer in answers]

    async def change_plan(self, addon: Addon | str, plan: str) -> None:
        """`plan` is the bare name, or `service:plan`."""
        found = self._addon(addon)
        wanted = found.service.plans.get(plan) or find_plan(self.state, plan)
        await lifecycle.change_plan(self._heroku, found, wanted)

    async def deprovision(self, addon: Addon | str) -> None:
        """Remove an add-on as `heroku addons:destroy` does; its partner is told first."""
        await lifecycle.deprovision(self._heroku, self._addon(addon))

    def attach(self, addon: Addon | str, app: App | str, name: str = "") -> Attachment:
        """Make an add-on's config vars appear on one more app."""
        found, place = self._addon(addon), self._app(app)
        check_attachment(self._heroku, found, place)
        return self.state.attach(found, place, name)

    def log(self, app: App | str, message: str, *, source: str = "app", process: str = "web.1") -> None:
        """Have an app, or Heroku, log a line, which goes to the app's drains of HTTPS; `settle` waits until it has."""
        line = LogLine(at=self.clock.now(), source=source, process=process, message=message)
        write_log(self._heroku, self._app(app), [line])

    def deliveries(self, owner: Addon | App | str) -> list[Delivery]:
        """Return the latest webhook deliveries of an add-on or app, oldest first; of one that is gone by its record."""
        if isinstance(owner, str):
            owner = self.state.addons.find(owner) or self.state.apps[owner]
        return list(owner.webhooks.deliveries.values())

    def detach(self, attachment: Attachment | str) -> None:
        """Take an attachment, or the one with this id, from its app."""
        if isinstance(attachment, str):
            attachment = _require(self.state.attachments.get(attachment), attachment, "attachment")
        lifecycle.detach(self._heroku, attachment, by=attachment.app.owner)

    def sso_form(self, addon: Addon | str, user_email: str | None = None) -> tuple[str, dict[str, str]]:
        """Return the URL and the fields of the login form, for a user or the app's owner."""
        found = self._addon(addon)
        user = find_person(self._heroku, found.app, user_email)
        return found.service.manifest.sso_url, build_form(self._heroku, found, user, app=found.app)

    def point(self, service: str, *, base_url: str, sso_url: str | None = None) -> None:
        """Call an add-on service at another address from now on."""
        found = self.state.addon_services[service]
        found.manifest = replace(
            found.manifest, base_url=complete_base_url(base_url), sso_url=sso_url or found.manifest.sso_url
        )

    def expire_tokens(self, addon: Addon | str) -> None:
        """End the add-on's access tokens now; its refresh token stays good."""
        self._heroku.tokens.expire(self._addon(addon))

    def has_open_grant(self, addon: Addon | str) -> bool:
        """Whether the add-on has a grant that its partner has not exchanged, nor let pass."""
        return self._heroku.tokens.has_open_grant(self._addon(addon))

    def revoke_tokens(self, addon: Addon | str) -> None:
        """End everything that the add-on holds, its refresh token too."""
        self._heroku.tokens.revoke(self._addon(addon))

    def reset_secret(self, service: str) -> Secret:
        """Give an add-on service another client secret, which ends its access tokens, and return it."""
        return self._heroku.reset_secret(_require(self.state.addon_services.find(service), service, "add-on service"))

    def find_app(self, key: str) -> App:
        """Return the app with this name or id."""
        return _require(self.state.apps.find(key), key, "app")

    def find_addon(self, key: str) -> Addon:
        """Return the add-on with this name or id."""
        return _require(self.state.addons.find(key), key, "add-on")

    def find_pipeline(self, key: str) -> Pipeline:
        """Return the pipeline with this name or id."""
        return _require(self.state.pipelines.find(key), key, "pipeline")

    def _app(self, app: App | str) -> App:
        return self.find_app(app) if isinstance(app, str) else app

    def _pipeline(self, pipeline: Pipeline | str) -> Pipeline:
        return self.find_pipeline(pipeline) if isinstance(pipeline, str) else pipeline

    def _addon(self, addon: Addon | str) -> Addon:
        return self.find_addon(addon) if isinstance(addon, str) else addon

    def _user(self, email: str) -> User:
        return _require(self.state.users_by_email.get(email), email, "user")

    def _owner(self, key: str) -> User | Team:
        owner = self.state.find_owner(key)
        if owner is None:
            raise _missing(key, "user or team")
        return owner


def _require(found: Found | None, key: str, kind: str) -> Found:
    if found is None:
        raise _missing(key, kind)
    return found


def _missing(key: str, kind: str) -> Declined:
    return Declined(404, "not_found", f"There is no {kind} {key}.")


def _require_coupling(app: App) -> Coupling:
    if app.coupling is None:
        raise invalid(f"{app.name} is in no pipeline; couple it first.")
    return app.coupling
