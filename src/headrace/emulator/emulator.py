"""The emulator as Python holds it: what a customer would click, and what a test wants to know."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from starlette.types import ASGIApp

from headrace.emulator import lifecycle
from headrace.emulator.call import find_plan
from headrace.emulator.clock import Clock
from headrace.emulator.connections import Connections
from headrace.emulator.eligibility import check_attachment, check_coupling
from headrace.emulator.errors import forbidden
from headrace.emulator.faults import FaultBook
from headrace.emulator.heroku import build_heroku
from headrace.emulator.records import Addon, App, Attachment, Coupling
from headrace.emulator.scopes import UserScope
from headrace.emulator.sso import build_form, find_person
from headrace.emulator.state import Registry
from headrace.emulator.switches import Switches
from headrace.emulator.traffic import Exchange, Traffic
from headrace.emulator.web import build_app
from headrace.emulator.world import World
from headrace.models import Secret, Stage


class Emulator:
    """A stateful local Heroku. Nothing of it reaches Heroku; it calls the partners of its world only.

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
        return build_app(self._heroku)

    async def settle(self) -> None:
        """Wait until no call to a partner is under way."""
        await self._heroku.partner.settle()

    async def close(self) -> None:
        """Let go of the connections to partners; the ASGI app's lifespan does it too."""
        await self._heroku.partner.close()

    def create_app(self, name: str, *, owner: str, region: str = "us") -> App:
        """`owner` is a user's e-mail address or the name of a team."""
        found = self.state.find_owner(owner)
        if found is None:
            raise KeyError(owner)
        return self.state.add_app(name, owner=found, region=region)

    def rename_app(self, app: App | str, name: str) -> None:
        self.state.rename_app(self._app(app), name)

    async def destroy_app(self, app: App | str) -> None:
        await lifecycle.destroy_app(self._heroku, self._app(app))

    def couple(self, app: App | str, pipeline: str, stage: Stage | str) -> Coupling:
        found, place = self._app(app), self.state.pipelines[pipeline]
        check_coupling(self._heroku, found, place)
        return self.state.couple(found, place, Stage(stage))

    def move(self, app: App | str, stage: Stage | str) -> None:
        """Change the stage of a coupled app."""
        coupling = self._app(app).coupling
        if coupling is None:
            raise KeyError(f"{self._app(app).name} is in no pipeline")
        self.state.move(coupling, Stage(stage))

    def uncouple(self, app: App | str) -> None:
        self.state.uncouple(self._app(app))

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
        if user is not None and not UserScope(self.state.users_by_email[user]).can_see_app(place):
            raise forbidden(f"{user} does not have access to the app {place.name}.")
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
        return self._heroku.reset_secret(self.state.addon_services[service])

    def _app(self, app: App | str) -> App:
        return self.state.apps[app] if isinstance(app, str) else app

    def _addon(self, addon: Addon | str) -> Addon:
        return self.state.addons[addon] if isinstance(addon, str) else addon
