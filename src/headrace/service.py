"""`AddonService`: the partner's hooks, the settings, and everything wired together."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from starlette.applications import Starlette

from headrace.client import AiohttpTransport, Clock, HerokuClient, read_clock
from headrace.errors import ConfigurationError, MisuseError
from headrace.inspector.board import PlacedResource
from headrace.inspector.looks import Looker
from headrace.inspector.panel import Panel
from headrace.inspector.placements import Inspector
from headrace.inspector.roll_up import RollUp
from headrace.inspector.visibility import Visibility
from headrace.models import Inspection, Token
from headrace.protocol.retries import TABLE, Policy
from headrace.settings import Settings, read_settings
from headrace.store.database import Database
from headrace.store.migrate import is_migrated, migrate
from headrace.store.secrets import SecretStore
from headrace.web.api import Api
from headrace.web.app import build_app
from headrace.web.boards import Boards
from headrace.web.customers import Customers
from headrace.web.metrics import Metrics, metrics_route
from headrace.web.operator_deliveries import OperatorDeliveries
from headrace.web.operator_door import OperatorDoor
from headrace.web.operator_exports import OperatorExports
from headrace.web.operator_notices import OperatorNotices
from headrace.web.operator_overview import OperatorOverview
from headrace.web.operator_pipelines import OperatorPipelines
from headrace.web.operator_resource_list import OperatorResourceList
from headrace.web.operator_resources import OperatorResources
from headrace.web.operator_sync import OperatorSync
from headrace.web.operator_workflows import OperatorWorkflows
from headrace.web.provider import provider_routes
from headrace.web.sessions import keep_customers, keep_operators
from headrace.web.webhooks import webhook_routes
from headrace.workflows.calls import Calls
from headrace.workflows.engine import Engine
from headrace.workflows.events import Events
from headrace.workflows.hooks import HookFailed, Hooks, Resource, require_entities
from headrace.workflows.imports import Imports
from headrace.workflows.lease import WorkerLease
from headrace.workflows.masks import Masks, spell_error
from headrace.workflows.operations import Operations
from headrace.workflows.provisioning import Workflows
from headrace.workflows.subscriptions import Subscriptions
from headrace.workflows.sweep import Sweep
from headrace.workflows.upkeep import Upkeep

log = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

# Longer than a refresh can take: a process that dies in one gives the claim back after this.
REFRESH_LEASE = timedelta(minutes=1)
# The sweep looks for due placements this often at the most.
LONGEST_SWEEP_PAUSE_SECONDS = 5.0
UPKEEP_PAUSE_SECONDS = 5.0
ROLL_UP_PAUSE_SECONDS = 5.0
WATCH_PAUSE_SECONDS = 3.0
READY_WITHIN_SECONDS = 2.0


class AddonService:
    """An add-on service: register hooks on it, then serve it.

    Hooks may be `async` or plain functions (those run on a thread). A hook may run again after a crash, so it
    works by the resource's `uuid`: twice has to be as good as once.
    """

    def __init__(
        self, settings: Settings, *, clock: Clock = read_clock, retries: dict[type[BaseException], Policy] = TABLE
    ) -> None:
        self.settings = settings
        self._hooks = Hooks()
        self._clock = clock
        self._retries = retries
        self._parts: Parts | None = None

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings from the environment.

        Raises:
            ConfigurationError: every setting that is missing or wrong.
        """
        return cls(read_settings(environment))

    def on_provision(self, hook: F) -> F:
        """Register the hook that creates a resource and returns its config vars."""
        self._hooks.register("on_provision", hook)
        return hook

    def on_plan_change(self, hook: F) -> F:
        """Register the hook that moves a resource to another plan; it may raise Refused."""
        self._hooks.register("on_plan_change", hook)
        return hook

    def on_deprovision(self, hook: F) -> F:
        """Register the hook that deletes a resource; deleting what is gone already is no error."""
        self._hooks.register("on_deprovision", hook)
        return hook

    def on_stage_change(self, hook: F) -> F:
        """Register the hook that is told when a resource's app has moved to another stage or pipeline."""
        self._hooks.register("on_stage_change", hook)
        return hook

    def on_event(self, *entities: str) -> Callable[[F], F]:
        """Register the hook that is told what Heroku says of these entities, such as `api:app`.

        Raises:
            MisuseError: Heroku has no such entity, or there is a hook for it already.
        """
        require_entities(entities)

        def register(hook: F) -> F:
            self._hooks.register_for_events(entities, hook)
            return hook

        return register

    def panel(self, hook: F) -> F:
        """Register the hook that says what a card on the board shows of your own content."""
        self._hooks.register("panel", hook)
        return hook

    def asgi(self, *, has_worker: bool = True) -> Starlette:
        """Return the web application, with a worker in it unless another process is the worker.

        Raises:
            ConfigurationError: a hook is missing; the text has the lines to paste.
        """
        parts = self.assemble()

        @asynccontextmanager
        async def lifespan(_app: Starlette) -> AsyncIterator[None]:
            async with parts.running(has_worker=has_worker):
                yield

        name = self.settings.manifest.name
        routes = parts.routes(self._hooks)
        return build_app(routes, service_name=name, find_problems=parts.find_problems, lifespan=lifespan)

    def assemble(self) -> "Parts":
        """Return the service's parts, put together but not running; the same ones each time.

        Raises:
            ConfigurationError: a hook is missing.
        """
        if missing := self._hooks.find_missing():
            raise ConfigurationError(missing)
        if self._parts is None or self._parts.is_closed:
            self._parts = assemble(self.settings, self._hooks, clock=self._clock, retries=self._retries)
        return self._parts

    async def inspect(self, uuid: str) -> Inspection:
        """Look up now which app, pipeline and stage a resource is in, and store what Heroku says.

        Raises:
            MisuseError: the service is not running.
            PlatformError: Heroku did not answer.
        """
        if self._parts is None:
            raise MisuseError("inspect() needs a running service: call it from a hook, or inside asgi()'s lifespan.")
        return await self._parts.inspector.inspect(uuid)


@dataclass(kw_only=True)
class Parts:
    """A service's parts, wired together."""

    settings: Settings
    clock: Clock
    database: Database
    secrets: SecretStore
    engine: Engine
    client: HerokuClient
    inspector: Inspector
    sweep: Sweep
    roll_up: RollUp
    workflows: Workflows
    masks: Masks
    operations: Operations
    imports: Imports
    upkeep: Upkeep
    subscriptions: Subscriptions
    events: Events
    calls: Calls
    metrics: Metrics
    has_worker: bool = False
    is_closed: bool = False

    def routes(self, hooks: Hooks) -> list[Any]:
        manifest = self.settings.manifest
        boards = Boards(
            database=self.database,
            visibility=Visibility(self.database, self.inspector, clock=self.clock),
            inspector=self.inspector,
            clock=self.clock,
            find_panel=_panel_finder(hooks, self.workflows, self.masks) if hooks.has("panel") else None,
        )
        customers = Customers(
            boards=boards,
            sessions=keep_customers(self.settings.keys, clock=self.clock),
            manifest=manifest,
            clock=self.clock,
        )
        return [
            *provider_routes(self.calls, manifest),
            *webhook_routes(self.events, manifest, count=self.metrics.count_delivery),
            *customers.routes(),
            *self._operator_routes(),
            *self._api_routes(boards),
            self.metrics_route(),
        ]

    def _operator_routes(self) -> list[Any]:
        """There are none until there is a secret: then their addresses are like any that nothing is at."""
        secret = self.settings.operator_secret
        if secret is None:
            return []
        door = OperatorDoor(
            database=self.database,
            sessions=keep_operators(self.settings.keys, secret, clock=self.clock),
            secret=secret,
            service_name=self.settings.manifest.name,
            clock=self.clock,
        )
        database, clock, small_plans = self.database, self.clock, self.settings.small_plans
        parts = (
            door,
            OperatorOverview(
                door=door, database=database, slug=self.settings.manifest.id, small_plans=small_plans, clock=clock
            ),
            OperatorPipelines(door=door, database=database),
            OperatorResourceList(door=door, database=database, small_plans=small_plans),
            OperatorSync(door=door, database=database, recheck_every=self.settings.recheck_every, clock=clock),
            OperatorResources(door=door, database=database, operations=self.operations, clock=clock),
            OperatorWorkflows(door=door, database=database),
            OperatorDeliveries(door=door, database=database),
            OperatorNotices(door=door, database=database, clock=clock),
            OperatorExports(door=door, database=database, small_plans=small_plans),
        )
        return [route for part in parts for route in part.routes()]

    def _api_routes(self, boards: Boards) -> list[Any]:
        """There are none until there is a token."""
        token = self.settings.api_token
        if token is None:
            return []
        return Api(database=self.database, imports=self.imports, boards=boards, token=token).routes()

    def metrics_route(self) -> Any:
        return metrics_route(self.metrics, token=self.settings.metrics_token, is_local=self.settings.is_local)

    def prepare(self) -> None:
        """Create or upgrade the database."""
        migrate(self.database)
        self.engine.prepare()

    def require_free_worker(self) -> None:
        """Refuse early, and in one line, to be the second worker on a SQLite file.

        Raises:
            MisuseError: another worker has the file.
        """
        if self.database.is_sqlite:
            lease = WorkerLease(self.database)
            lease.acquire()
            lease.release()

    @asynccontextmanager
    async def running(self, *, has_worker: bool) -> AsyncIterator[None]:
        """Bring the database up to date and run, as a worker or not, until the context ends."""
        await asyncio.to_thread(self.prepare)
        self.has_worker = has_worker
        try:
            if not has_worker:
                yield
                return
            await self.engine.start()
            async with asyncio.TaskGroup() as tasks:
                pause = min(self.settings.recheck_every.total_seconds() / 2, LONGEST_SWEEP_PAUSE_SECONDS)
                chores = [
                    tasks.create_task(_repeat("sweep", self.sweep.look, pause=pause)),
                    tasks.create_task(_repeat("subscriptions", self.subscriptions.look, pause=pause)),
                    tasks.create_task(_repeat("watch", self.engine.watch, pause=WATCH_PAUSE_SECONDS)),
                    tasks.create_task(_repeat("upkeep", self.upkeep.look, pause=UPKEEP_PAUSE_SECONDS)),
                    tasks.create_task(_repeat("roll_up", self.roll_up.look, pause=ROLL_UP_PAUSE_SECONDS)),
                ]
                yield
                for chore in chores:
                    chore.cancel()
        finally:
            # The client first: its connections belong to event loops that end with the engine.
            await self.client.close()
            await self.engine.stop()
            self.database.close()
            self.is_closed = True

    async def find_problems(self) -> list[str]:
        """Say what keeps this process from doing its work; nothing, when it is ready."""
        problems = []
        try:
            async with asyncio.timeout(READY_WITHIN_SECONDS):
                if not await self.database.read(is_migrated):
                    problems.append("the database is not up to date; run `headrace migrate`")
        except (sa.exc.SQLAlchemyError, TimeoutError):
            problems.append("the database does not answer")
        if self.has_worker and (problem := self.engine.find_problem()):
            problems.append(problem)
        return problems


def assemble(
    settings: Settings, hooks: Hooks, *, clock: Clock, retries: dict[type[BaseException], Policy] = TABLE
) -> Parts:
    """Wire the parts of a service together."""
    database = Database(settings.database_url)
    secrets = SecretStore(settings.keys)
    metrics = Metrics(database, clock=clock, small_plans=settings.small_plans)
    client = HerokuClient(
        AiohttpTransport(api_url=settings.api_url, id_url=settings.id_url),
        tokens=_StoredTokens(database, secrets, clock),
        client_secret=settings.client_secret,
        clock=clock,
        observe=metrics.observe,
    )
    masks = Masks(database, secrets, of_service=settings.secrets)
    engine = Engine(database, clock=clock, mask=masks.mask, retries=retries)
    inspector = Inspector(database, client, clock=clock, recheck_every=settings.recheck_every)
    workflows = Workflows(
        database=database,
        secrets=secrets,
        engine=engine,
        client=client,
        inspector=inspector,
        hooks=hooks,
        manifest=settings.manifest,
        clock=clock,
    )
    looker = Looker(database, client, find_tokens=secrets.find_tokens, clock=clock, every=settings.recheck_every)
    looker.on_move = workflows.enqueue_stage_change
    calls = Calls(
        database=database,
        secrets=secrets,
        engine=engine,
        manifest=settings.manifest,
        clock=clock,
        answer_within=settings.answer_within,
    )
    return Parts(
        settings=settings,
        clock=clock,
        database=database,
        secrets=secrets,
        engine=engine,
        client=client,
        inspector=inspector,
        sweep=Sweep(database, engine, looker, clock=clock),
        roll_up=RollUp(database, clock=clock),
        workflows=workflows,
        masks=masks,
        operations=Operations(database, secrets, engine, clock=clock),
        imports=Imports(database, secrets, clock=clock),
        upkeep=Upkeep(database, engine, clock=clock, keep_finished=settings.keep_finished),
        subscriptions=Subscriptions(
            database=database,
            secrets=secrets,
            engine=engine,
            client=client,
            hooks=hooks,
            manifest=settings.manifest,
            clock=clock,
        ),
        events=Events(database=database, secrets=secrets, engine=engine, workflows=workflows, hooks=hooks, clock=clock),
        calls=calls,
        metrics=metrics,
    )


async def _repeat(name: str, chore: Callable[[], Awaitable[object]], *, pause: float) -> None:
    """Do a chore again and again for as long as the worker runs."""
    while True:
        try:
            await chore()
        except Exception:
            # The database is away for a moment, or one thing cannot be done: the next round looks again. A chore
            # that ended would leave a worker behind that only seems to work.
            log.exception("%s.failed", name)
        await asyncio.sleep(pause)


class _StoredTokens:
    """The client's token keeper, on the store."""

    def __init__(self, database: Database, secrets: SecretStore, clock: Clock) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock

    async def find_token(self, uuid: str) -> Token | None:
        return await self._database.read(self._secrets.find_token, uuid)

    async def save_token(self, uuid: str, token: Token) -> None:
        await self._database.write(self._secrets.save_token, uuid, token)

    async def claim_refresh(self, uuid: str, stale: Token) -> bool:
        return await self._database.write(
            self._secrets.claim_refresh, uuid, stale, now=self._clock(), lease=REFRESH_LEASE
        )

    async def release_refresh(self, uuid: str) -> None:
        await self._database.write(self._secrets.release_refresh, uuid)


def _panel_finder(hooks: Hooks, workflows: Workflows, masks: Masks) -> Callable[[PlacedResource], Any]:
    async def find(placed: PlacedResource) -> Panel | None:
        resource: Resource = await workflows.find_resource(placed.uuid)
        try:
            panel = await hooks.call("panel", resource)
        except Exception as error:  # noqa: BLE001 - whatever it is, its text goes no further unmasked
            raise HookFailed(await masks.mask(placed.uuid, spell_error(error))) from None
        if panel is not None and not isinstance(panel, Panel):
            raise MisuseError(f"The panel hook returned a {type(panel).__name__}; return a Panel or None.")
        return panel

    return find
