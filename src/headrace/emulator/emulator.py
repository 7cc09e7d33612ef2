"""The emulator as Python holds it: what a customer would click, and what a test wants to know."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from starlette.types import ASGIApp

from headrace.emulator import lifecycle
from headrace.emulator.api_promotions import promote
from headrace.emulator.call import find_plan
from headrace.emulator.changes import acting
from headrace.emulator.clock import Clock
from headrace.emulator.connections import Connections
from headrace.emulator.deliveries import publish
from headrace.emulator.eligibility import check_attachment, check_coupling
from headrace.emulator.errors import Declined, forbidden, invalid
from headrace.emulator.faults import FaultBook
from headrace.emulator.heroku import build_heroku
from headrace.emulator.records import Addon, App, Attachment, Coupling, Delivery, Pipeline, Promotion, Team, User
from headrace.emulator.scopes import UserScope
from headrace.emulator.sso import build_form, find_person
from headrace.emulator.state import Registry
from headrace.emulator.switches import Switches
from headrace.emulator.traffic import Exchange, Traffic
from headrace.emulator.web import build_app
from headrace.emulator.world import World
from headrace.models import Secret, Stage

Found = TypeVar("Found")


class Emulator:
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
        self.world = world
        self.url = url
        self.switches = switches or replace(world.switches)
        self.clock = clock or Clock()
        self.traffic = Traffic(listen)
        self._heroku = build_heroku(world, url=url, clock=self.clock, switches=self.switches, traffic=self.traffic)
        self._heroku.registry.listeners.append(partial(publish, self._heroku))

    @property
    def state(self) -> Registry:
        """What exists now; an add-on whose 12 hours have passed does not (contract §3)."""
        self._heroku.agenda.run_due()
        return self._heroku.registry

    @property
    def faults(self) -> FaultBook:
        """What goes wrong now; set and remove faults here."""
        return self._heroku.faults

    @property
    def connections(self) -> Connections:
        """The open connections, which a server has to keep here if it is to drop one on demand."""
        return self._heroku.connections

    def asgi(self) -> ASGIApp:
        # The control API and the console work an Emulator, so they know of this module and not it of them.
        from headrace.emulator.local import build_local

        return build_app(self._heroku, build_local(self))

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
        self.state.rename_app(self._app(app), name)

    async def destroy_app(self, app: App | str) -> None:
        await lifecycle.destroy_app(self._heroku, self._app(app))

    def create_pipeline(self, name: str, *, owner: str) -> Pipeline:
        """`owner` is a user's e-mail address or the name of a team."""
        return self.state.add_pipeline(name, owner=self._owner(owner))

    def couple(self, app: App | str, pipeline: str, stage: Stage | str) -> Coupling:
        found, place = self._app(app), self.find_pipeline(pipeline)
        check_coupling(self._heroku, found, place)
        return self.state.couple(found, place, Stage(stage))

    def move(self, app: App | str, stage: Stage | str) -> None:
        """Change the stage of a coupled app."""
        self.state.move(_require_coupling(self._app(app)), Stage(stage))

    def uncouple(self, app: App | str) -> None:
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

    async def create_addon(
        self,
        app: App | str,
        plan: str,
        *,
        user: str | None = None,
        options: Mapping[str, str] | None = None,
        name: str = "",
    ) -> Addon:
        """Create an add-on as `heroku addons:create` does; `plan` reads `service:plan`.

        `user` is the e-mail address of who does it, and has to see the app; without one nobody is asked.
        """
        found, place = find_plan(self.state, plan), self._app(app)
        customer = place.owner if user is None else self._user(user)
        if isinstance(customer, User) and not UserScope(customer).can_see_app(place):
            raise forbidden(f"{user} does not have access to the app {place.name}.")
        with acting(customer):
            return await lifecycle.provision(self._heroku, place, found, options=dict(options or {}), name=name)

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
        await lifecycle.deprovision(self._heroku, self._addon(addon))

    def attach(self, addon: Addon | str, app: App | str, name: str = "") -> Attachment:
        """Make an add-on's config vars appear on one more app."""
        found, place = self._addon(addon), self._app(app)
        check_attachment(self._heroku, found, place)
        return self.state.attach(found, place, name)

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

    def expire_tokens(self, addon: Addon | str) -> None:
        """End the add-on's access tokens now; its refresh token stays good."""
        self._heroku.tokens.expire(self._addon(addon))

    def revoke_tokens(self, addon: Addon | str) -> None:
        """End everything that the add-on holds, its refresh token too."""
        self._heroku.tokens.revoke(self._addon(addon))

    def reset_secret(self, service: str) -> Secret:
        """Give an add-on service another client secret, which ends its access tokens, and return it."""
        return self._heroku.reset_secret(_require(self.state.addon_services.find(service), service, "add-on service"))

    def find_app(self, key: str) -> App:
        return _require(self.state.apps.find(key), key, "app")

    def find_addon(self, key: str) -> Addon:
        return _require(self.state.addons.find(key), key, "add-on")

    def find_pipeline(self, key: str) -> Pipeline:
        return _require(self.state.pipelines.find(key), key, "pipeline")

    def _app(self, app: App | str) -> App:
        return self.find_app(app) if isinstance(app, str) else app

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
