"""The two roles in one process: the emulator of Heroku on one socket, an add-on service on another."""

import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from headrace.emulator import Clock, Emulator, Switches, describe, load_world
from headrace.emulator import run as run_emulator
from headrace.errors import Refused
from headrace.inspector.panel import Panel
from headrace.models import Secret
from headrace.protocol.partner import build_basic_auth
from headrace.protocol.retries import TABLE, Policy
from headrace.service import AddonService, Parts
from headrace.serving import serving
from headrace.settings import read_settings
from headrace.store.resources import EventRow, ResourceRow, find_resource, list_events
from headrace.testing import eventually
from headrace.workflows.hooks import PlanChange, Provision, Resource, StageChange

SLUG = "acme-search"
PASSWORD = "manifest-pass"
ADA, GRACE, EVE = "ada@lumen.example", "grace@lumen.example", "eve@elsewhere.example"
# Retried as in life, but without the waits.
QUICK = Policy(timedelta(milliseconds=10), timedelta(milliseconds=20), timedelta(seconds=30))
QUICK_RETRIES = {kind: QUICK if policy.within else policy for kind, policy in TABLE.items()}

WORLD = """
users = [
    { email = "ada@lumen.example", token = "ada-token" },
    { email = "grace@lumen.example", token = "grace-token" },
    { email = "eve@elsewhere.example", token = "eve-token" },
]
teams = [{ name = "lumen", members = { "ada@lumen.example" = "admin", "grace@lumen.example" = "member" } }]
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
    config: dict[str, Any] | None = None
    error: Exception | None = None
    failures_left: int = 0
    drop_error: Exception | None = None
    # Cleared, it holds the hooks until it is set; hooks run on threads, so they may wait for it.
    may_go_on: threading.Event = field(default_factory=threading.Event)
    panel: Callable[[Resource], Panel | None] | None = None

    def __post_init__(self) -> None:
        self.may_go_on.set()

    def register(self, service: AddonService) -> None:
        @service.on_provision
        def create(provision: Provision) -> dict[str, str]:
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
            self.moved.append(change)

        if self.panel is not None:
            service.panel(self.panel)

    def _drop(self, resource: Resource) -> None:
        self.dropped.append(resource)
        if self.drop_error is not None:
            raise self.drop_error

    def _behave(self) -> None:
        assert self.may_go_on.wait(timeout=20)
        if self.error is not None and self.failures_left > 0:
            self.failures_left -= 1
            raise self.error


@dataclass(kw_only=True)
class Pair:
    """Both ends of the conversation while they run."""

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
        return await self.parts.database.read(list_events, uuid)

    async def settle(self) -> None:
        """Wait until no workflow of any resource is running."""
        await self.heroku.settle()
        await eventually(self._is_settled)

    async def sweep(self) -> None:
        """Have everything looked at that is due, and wait until that is done, whoever does it."""
        await self.parts.sweep.look()
        await eventually(self._is_swept)

    async def _is_swept(self) -> bool:
        from headrace.store.looks import count_batches

        return not await self.parts.database.read(count_batches, now=self.parts.clock())

    async def _is_settled(self) -> bool:
        from headrace.store.schema import resource

        query = resource.select().where(resource.c.running.is_not(None))
        return not await self.parts.database.read(lambda connection: connection.execute(query).all())


@asynccontextmanager
async def play_pair(
    database_url: str,
    *,
    acme: Acme | None = None,
    switches: Switches | None = None,
    clock: Clock | None = None,
    service_clock: Callable[[], datetime] | None = None,
    retries: dict[type[BaseException], Policy] = QUICK_RETRIES,
    **environment: str,
) -> AsyncIterator[Pair]:
    """Run an emulator and a service that know each other until the block ends; `clock` is that of both."""
    partner = acme or Acme()
    read_clock = service_clock or (clock.now if clock else None)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        world = load_world(WORLD.replace("SERVICE", url))
        async with run_emulator(world, switches=switches, clock=clock) as heroku, aiohttp.ClientSession() as http:
            settings = describe(heroku).addon_services[0].settings
            service = AddonService(
                read_settings({**settings, "DATABASE_URL": database_url, **environment}),
                retries=retries,
                **({"clock": read_clock} if read_clock else {}),
            )
            partner.register(service)
            async with serving(service.asgi(), bound):
                yield Pair(heroku=heroku, parts=service.assemble(), acme=partner, url=url, http=http)
