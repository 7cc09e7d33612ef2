"""Putting a service together: its parts, and what they need of each other."""

from dataclasses import dataclass
from datetime import timedelta

from headrace.client import HerokuClient, Observe
from headrace.clock import Clock
from headrace.fleet.counting import RollUp
from headrace.hooks.registry import Hooks
from headrace.inspector.batches import BatchInspector
from headrace.inspector.inspector import Inspector
from headrace.protocol.retries import TABLE, Policy
from headrace.protocol.wire import Request, Response
from headrace.settings import Settings
from headrace.store.sql.database import Database
from headrace.store.state.pulses import read_database_clock
from headrace.store.state.secrets import SecretStore
from headrace.store.state.tokens import StoredTokens
from headrace.transport import AiohttpTransport
from headrace.web.programs.metrics import Metrics
from headrace.workflows.chores.counting import HourTally
from headrace.workflows.chores.heartbeat import DatabaseClock, Heartbeat
from headrace.workflows.chores.keeping import RequestKeeper
from headrace.workflows.chores.sending import NoticeSender
from headrace.workflows.chores.sweep import Sweep
from headrace.workflows.chores.upkeep import Upkeep
from headrace.workflows.config.batches import ConfigBatches
from headrace.workflows.config.changes import ConfigChanges
from headrace.workflows.config.feeding import Feeding
from headrace.workflows.engine.port import Engine
from headrace.workflows.engine.redaction import Redaction
from headrace.workflows.lifecycle.calls import Calls
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.deprovisions import Deprovisions
from headrace.workflows.lifecycle.events import Events
from headrace.workflows.lifecycle.failures import Failures
from headrace.workflows.lifecycle.importing import Imports
from headrace.workflows.lifecycle.leftovers import Leftovers
from headrace.workflows.lifecycle.operations import Operations
from headrace.workflows.lifecycle.panels import Panels
from headrace.workflows.lifecycle.plan_changes import PlanChanges
from headrace.workflows.lifecycle.provisions import Provisions
from headrace.workflows.lifecycle.stage_changes import StageChanges
from headrace.workflows.lifecycle.subscriptions import Subscriptions

# Where a fleet's webhooks are delivered, at headrace's own address.
FLEET_WEBHOOKS = "/heroku/webhooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts(Core):
    """A service put together: the core, and what stands on it. `headrace.running` runs it."""

    settings: Settings
    client: HerokuClient
    tokens: StoredTokens
    inspector: Inspector
    calls: Calls
    events: Events
    subscriptions: Subscriptions
    operations: Operations
    imports: Imports
    sweep: Sweep
    feeding: Feeding
    upkeep: Upkeep
    heartbeat: Heartbeat
    roll_up: RollUp
    panels: Panels
    redaction: Redaction
    hooks: Hooks
    metrics: Metrics
    requests: RequestKeeper
    sender: NoticeSender


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watchers:
    """Who is told of each request to Heroku: all of them, one after the other."""

    metrics: Metrics
    tally: HourTally
    requests: RequestKeeper

    def observe(self, request: Request, response: Response | None, seconds: float) -> None:
        for observe in (self.metrics.observe, self.tally.observe, self.requests.observe):
            observe(request, response, seconds)


def assemble(
    settings: Settings,
    hooks: Hooks,
    *,
    clock: Clock,
    database_clock: DatabaseClock = read_database_clock,
    retries: dict[type[BaseException], Policy] = TABLE,
) -> Parts:
    """Put the parts of a service together; nothing is opened or started by it."""
    core, redaction = _build_core(settings, clock=clock, retries=retries)
    watchers, tokens = _build_watchers(settings, core), StoredTokens(core.database, core.secrets, clock=clock)
    client = _build_client(settings, core, tokens, observe=watchers.observe)
    moves, every = StageChanges(core, hooks), settings.recheck_every
    return Parts(
        manifest=core.manifest,
        database=core.database,
        secrets=core.secrets,
        engine=core.engine,
        clock=clock,
        requests=watchers.requests,
        settings=settings,
        client=client,
        tokens=tokens,
        inspector=_build_inspector(core, hooks, client, settings, moves=moves, redaction=redaction),
        calls=Calls(core, answer_within=settings.answer_within, removes_later=settings.async_deprovision),
        events=Events(core, hooks),
        subscriptions=Subscriptions(core, hooks, client, url=_find_webhooks_url(settings, hooks)),
        operations=Operations(core),
        imports=Imports(core),
        sweep=_build_sweep(core, client, every=every, moves=moves),
        feeding=Feeding(core),
        upkeep=Upkeep(core, keep_finished=settings.keep_finished, recheck_every=every),
        heartbeat=Heartbeat(core, heroku=client, tally=watchers.tally, read_clock=database_clock),
        roll_up=RollUp(core.database, clock=clock),
        panels=_build_panels(settings, core, hooks, redaction),
        redaction=redaction,
        metrics=watchers.metrics,
        hooks=hooks,
        sender=NoticeSender(core, url=settings.notice_url, secret=settings.notice_secret, form=settings.notice_form),
    )


def _find_webhooks_url(settings: Settings, hooks: Hooks) -> str | None:
    """Return where webhooks are delivered. The manifest's address is another provider's where this is but a fleet."""
    if not hooks.is_of_fleet:
        return settings.manifest.webhooks_url
    return f"{settings.own_url}{FLEET_WEBHOOKS}" if settings.own_url else None


def _watch_hooks(core: Core, hooks: Hooks, redaction: Redaction) -> Failures:
    """Have the engine tell of hooks that fail, and see when one blocks the others."""
    failures = Failures(hooks, redaction)
    core.engine.tell_failures(failures.tell)
    core.engine.watch_loop(lambda: hooks.loop.running)
    return failures


def _build_panels(settings: Settings, core: Core, hooks: Hooks, redaction: Redaction) -> Panels:
    failures = _watch_hooks(core, hooks, redaction)
    return Panels(core, hooks, redaction, failures, keep=settings.panel_metrics_for)


def _build_core(
    settings: Settings, *, clock: Clock, retries: dict[type[BaseException], Policy]
) -> tuple[Core, Redaction]:
    address = settings.database
    database = Database(
        address.url, setting=address.setting, schema=address.schema, connections=settings.database_connections
    )
    secrets = SecretStore(settings.keys)
    redaction = Redaction(database, secrets, of_service=settings.secrets)
    engine = Engine(database, clock=clock, redact=redaction.redact, retries=retries)
    core = Core(manifest=settings.manifest, database=database, secrets=secrets, engine=engine, clock=clock)
    return core, redaction


def _build_inspector(
    core: Core,
    hooks: Hooks,
    client: HerokuClient,
    settings: Settings,
    *,
    moves: StageChanges,
    redaction: Redaction,
) -> Inspector:
    """Have the engine know what it calls when workflows are due, and return what inspects in them as elsewhere."""
    inspector = Inspector(
        core.database, client, clock=core.clock, recheck_every=settings.recheck_every, on_move=moves.note
    )
    deprovisions = Deprovisions(core, hooks, client)
    Provisions(core, hooks, client, inspector=inspector, deprovisions=deprovisions, stage_changes=moves)
    Leftovers(core, hooks, deprovisions)
    PlanChanges(core, hooks, client)
    ConfigBatches(core, client)
    ConfigChanges(core, hooks, client, retire_after=settings.retire_after, redact=redaction.redact)
    return inspector


def _build_sweep(core: Core, client: HerokuClient, *, every: timedelta, moves: StageChanges) -> Sweep:
    find_tokens, on_move = core.secrets.find_tokens, moves.note
    batches = BatchInspector(
        core.database, client, find_tokens=find_tokens, clock=core.clock, every=every, on_move=on_move
    )
    return Sweep(core, batches)


def _build_watchers(settings: Settings, core: Core) -> _Watchers:
    metrics = Metrics(
        core.database,
        clock=core.clock,
        small_plans=settings.small_plans,
        placed_series=settings.placed_series,
        recheck_every=settings.recheck_every,
        is_working=core.engine.is_working,
    )
    requests = RequestKeeper(core.database, clock=core.clock, kept_for=settings.keep_requests, secrets=settings.secrets)
    return _Watchers(metrics=metrics, tally=HourTally(), requests=requests)


def _build_client(settings: Settings, core: Core, tokens: StoredTokens, *, observe: Observe) -> HerokuClient:
    return HerokuClient(
        AiohttpTransport(api_url=settings.api_url, id_url=settings.id_url),
        tokens=tokens,
        client_secrets=settings.client_secrets,
        clock=core.clock,
        observe=observe,
    )
