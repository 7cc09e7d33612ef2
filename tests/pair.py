"""A pair: both ends of the conversation in one process, Heroku on one socket and an add-on service on another."""

import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from starlette.types import ASGIApp

from headrace.assembly import Parts
from headrace.emulator import Clock, Emulator, Switches, describe, load_world
from headrace.emulator import run as run_emulator
from headrace.errors import Refused
from headrace.hooks.arguments import PlanChange, Provision, Resource, StageChange
from headrace.hooks.panel import Panel
from headrace.models import Secret
from headrace.process.ports import bind
from headrace.protocol.partner import build_basic_auth
from headrace.protocol.retries import TABLE, Policy
from headrace.service import AddonService, find_assembly
from headrace.serving import serving
from headrace.settings import read_settings
from headrace.store.state.due import count_batches
from headrace.store.state.resources import ResourceRow, find_resource, list_running
from headrace.store.state.timeline import EventRow, TimelineName, list_events
from headrace.testing import WITHIN, eventually
from headrace.web.ground.mounting import Application

SLUG = "acme-search"
PASSWORD = "manifest-pass"
# Ada runs the team, Mia is a member of it, Grace works on one of its apps, and Eve has nothing to do with it.
ADA, MIA, GRACE, EVE = "ada@lumen.example", "mia@lumen.example", "grace@lumen.example", "eve@elsewhere.example"
# Retried as in life, but without the waits.
QUICK = Policy(timedelta(milliseconds=10), timedelta(milliseconds=20), timedelta(minutes=5))
QUICK_RETRIES = {kind: QUICK if policy.within else policy for kind, policy in TABLE.items()}

# For how long a hook is held at the most: longer than whatever a test waits for meanwhile.
HELD_SECONDS = 240.0

# What the manifest has.
REQUIRES = ["many_per_app", "attachable"]

WORLD = """
users = [
    { email = "ada@lumen.example", token = "ada-token" },
    { email = "grace@lumen.example", token = "grace-token" },
    { email = "eve@elsewhere.example", token = "eve-token" },
    { email = "mia@lumen.example", token = "mia-token" },
]
teams = [{ name = "lumen", members = { "ada@lumen.example" = "admin", "mia@lumen.example" = "member" } }]
pipelines = [{ name = "shop", owner = "lumen" }, { name = "blog", owner = "ada@lumen.example" }]
apps = [
    { name = "shop-dev", owner = "lumen" },
    { name = "shop-pr-1", owner = "lumen" },
    { name = "shop-ci", owner = "lumen" },
    { name = "shop-staging", owner = "lumen", collaborators = ["grace@lumen.example"] },
    { name = "shop", owner = "lumen" },
    { name = "blog", owner = "ada@lumen.example" },
    { name = "eves-app", owner = "eve@elsewhere.example" },
    { name = "ada-notes", owner = "ada@lumen.example" },
]
couplings = [
    { app = "shop-dev", pipeline = "shop", stage = "development" },
    { app = "shop-pr-1", pipeline = "shop", stage = "review" },
    { app = "shop-ci", pipeline = "shop", stage = "test" },
    { app = "shop-staging", pipeline = "shop", stage = "staging" },
    { app = "shop", pipeline = "shop", stage = "production" },
    { app = "blog", pipeline = "blog", stage = "production" },
]

[[addon_services]]
slug = "acme-search"
name = "Acme Search"
password = "manifest-pass"
requires = ["many_per_app", "attachable"]
sso_salt = "s4lt-for-tests"
client_secret = "client-secret"
config_vars = ["ACME_SEARCH_URL", "ACME_SEARCH_TOKEN"]
base_url = "SERVICE/heroku/resources"
sso_url = "SERVICE/sso/login"
plans = [{ name = "free", price = 0, default = true }, { name = "basic", price = 900 }, { name = "tiny", price = 1 }]
"""


@dataclass
class Acme:
    """A recording partner: what its hooks were called with, and how they behave."""

    created: list[Provision] = field(default_factory=list)
    changed: list[PlanChange] = field(default_factory=list)
    dropped: list[Resource] = field(default_factory=list)
    moved: list[StageChange] = field(default_factory=list)
    config: Any = None
    error: Exception | None = None
    failures_left: int = 0
    drop_error: Exception | None = None
    move_error: Exception | None = None
    # Cleared, it holds the hooks until it is set; hooks run on threads, so they may wait for it.
    may_go_on: threading.Event = field(default_factory=threading.Event)
    panel: Callable[[Resource], Panel | None] | None = None

    def __post_init__(self) -> None:
        self.may_go_on.set()

    def register(self, service: AddonService) -> None:
        @service.on_provision
        def create(provision: Provision) -> Any:
            self.created.append(provision)
            self._behave()
            if self.config is not None:
                return self.config
            return {"ACME_SEARCH_URL": f"https://search.acme.example/{provision.uuid}"}

        @service.on_plan_change
        def resize(change: PlanChange) -> None:
            self.changed.append(change)
            self._behave()
            if change.new_plan == "tiny":
                raise Refused("Your data does not fit this plan.")

        @service.on_deprovision
        def drop(resource: Resource) -> None:
            self._drop(resource)

        @service.on_stage_change
        def move(change: StageChange) -> None:
            self._move(change)

        if self.panel is not None:
            service.panel(self.panel)

    def _drop(self, resource: Resource) -> None:
        self.dropped.append(resource)
        if self.drop_error is not None:
            raise self.drop_error

    def _move(self, change: StageChange) -> None:
        if self.move_error is not None:
            raise self.move_error
        self.moved.append(change)

    def _behave(self) -> None:
        assert self.may_go_on.wait(timeout=HELD_SECONDS)
        if self.error is not None and self.failures_left > 0:
            self.failures_left -= 1
            raise self.error


@dataclass(kw_only=True)
class Pair:
    """Heroku, the service's parts and the partner whose hooks it calls, while all of them run.

    `call` and `http` ask the service at `url`, as Heroku and browsers do.
    """

    heroku: Emulator
    parts: Parts
    acme: Acme
    url: str
    http: aiohttp.ClientSession

    async def call(self, method: str, path: str = "", *, password: str = PASSWORD, **options: Any) -> tuple[int, Any]:
        """Call the Partner API as Heroku does; return the status and the JSON."""
        headers = {"Authorization": build_basic_auth(SLUG, Secret(password)), **options.pop("headers", {})}
        url = f"{self.url}/heroku/resources{path}"
        async with self.http.request(method, url, headers=headers, **options) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def find(self, uuid: str) -> ResourceRow:
        row = await self.parts.database.read(find_resource, uuid)
        assert row is not None
        return row

    async def list_events(self, uuid: str) -> list[EventRow]:
        """Return the timeline, but for the webhook subscription, which a chore makes when it comes to it."""
        events = await self.parts.database.read(list_events, uuid)
        return [event for event in events if event.name != TimelineName.SUBSCRIPTION_MADE]

    async def settle(self, *, within: timedelta = WITHIN) -> None:
        """Wait until no workflow of any resource is running."""
        await self.heroku.settle()
        await eventually(self._is_settled, within=within)

    async def sweep(self) -> None:
        """Have everything looked at that is due, and wait until that is done, whoever does it."""
        await self.parts.sweep.run_once()
        await eventually(self._is_swept)

    async def _is_swept(self) -> bool:
        return not await self.parts.database.read(count_batches, now=self.parts.clock())

    async def _is_settled(self) -> bool:
        return not await self.parts.database.read(list_running, after="", limit=1)


def write_world(url: str, *, base_path: str, sso_path: str | None, requires: Collection[str] = REQUIRES) -> str:
    """Return the world with a service there; without a path for logins its manifest has no single sign-on."""
    logins = "" if sso_path is None else f"{url}{sso_path}"
    world = WORLD.replace(json.dumps(REQUIRES), json.dumps(requires))
    return world.replace("SERVICE/heroku/resources", f"{url}{base_path}").replace("SERVICE/sso/login", logins)


@asynccontextmanager
async def play_pair(
    database_url: str,
    *,
    acme: Acme | None = None,
    switches: Switches | None = None,
    clock: Clock | None = None,
    service_clock: Callable[[], datetime] | None = None,
    retries: dict[type[BaseException], Policy] = QUICK_RETRIES,
    has_worker: bool = True,
    base_path: str = "/heroku/resources",
    sso_path: str | None = "/sso/login",
    requires: Collection[str] = REQUIRES,
    prefix: str = "",
    mount: Callable[[Application], ASGIApp] = lambda app: app,
    **environment: str,
) -> AsyncIterator[Pair]:
    """Run an emulator and a service that know each other until the block ends; `clock` is that of both.

    `prefix` is where the service is on its host, and `mount` puts it into an application that has it there.
    """
    read_clock = service_clock or (clock.now if clock else None)
    with bind("127.0.0.1", 0) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        logins = None if sso_path is None else prefix + sso_path
        world = load_world(write_world(url, base_path=prefix + base_path, sso_path=logins, requires=requires))
        async with (
            run_emulator(world, switches=switches, clock=clock) as heroku,
            serve_pair(
                heroku,
                bound,
                database_url,
                acme=acme,
                read_clock=read_clock,
                retries=retries,
                has_worker=has_worker,
                prefix=prefix,
                mount=mount,
                **environment,
            ) as pair,
        ):
            yield pair


@asynccontextmanager
async def serve_pair(
    heroku: Emulator,
    bound: socket.socket,
    database_url: str,
    *,
    acme: Acme | None = None,
    read_clock: Callable[[], datetime] | None = None,
    retries: dict[type[BaseException], Policy] = QUICK_RETRIES,
    has_worker: bool = True,
    prefix: str = "",
    mount: Callable[[Application], ASGIApp] = lambda app: app,
    **environment: str,
) -> AsyncIterator[Pair]:
    """Run the service for a Heroku that is there already, which goes on when the block ends."""
    partner = acme or Acme()
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    settings = describe(heroku).addon_services[0].settings
    service = AddonService(read_settings({**settings, "DATABASE_URL": database_url, **environment}))
    assembly = find_assembly(service)
    assembly.retries = retries
    if read_clock is not None:
        # The database's clock goes with it: that they differ is what some tests are about, and not these.
        assembly.clock, assembly.database_clock = read_clock, lambda _connection: read_clock()
    partner.register(service)
    app = mount(service.asgi(prefix=prefix, has_worker=has_worker))
    async with serving(app, bound), aiohttp.ClientSession() as http:
        yield Pair(heroku=heroku, parts=assembly.assemble(), acme=partner, url=url, http=http)
