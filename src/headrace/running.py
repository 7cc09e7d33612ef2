"""Running a service that is put together: as a worker or not, from the first migration to the last connection."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import monotonic
from typing import TypeVar

import sqlalchemy as sa

from headrace.assembly import Parts
from headrace.logs import LogName
from headrace.resources.labels_file import LabelsFile
from headrace.store.reports.vitals import load_troubles
from headrace.store.sql.database import Database
from headrace.store.sql.migrate import find_newer, is_migrated, migrate
from headrace.store.sql.outage import DATABASE_ERRORS, OutageLog, is_brief, is_outage, read_said
from headrace.store.sql.usable import explained, require_usable
from headrace.wording import spell_seconds
from headrace.workflows.chores.troubles import TroubleWatch
from headrace.workflows.chores.waking import Waking
from headrace.workflows.engine.lease import WorkerLease
from headrace.workflows.engine.port import prepare as prepare_engine

log = logging.getLogger(__name__)

T = TypeVar("T")

# The sweep looks for due placements this often at the most.
LONGEST_SWEEP_PAUSE_SECONDS = 5.0
# What is told is looked for this often at the most, and as often after a failure; what was told in vain, this rarely.
TOLD_PAUSE_SECONDS = 1.0
UNTOLD_PAUSE_SECONDS = 10.0
UPKEEP_PAUSE_SECONDS = 5.0
ROLL_UP_PAUSE_SECONDS = 5.0
PANEL_METRICS_PAUSE_SECONDS = 1.0
LABELS_FILE_PAUSE_SECONDS = 1.0
WATCH_PAUSE_SECONDS = 3.0
BEAT_PAUSE_SECONDS = 5.0
KEEPING_PAUSE_SECONDS = 2.0
FORGETTING_PAUSE_SECONDS = 60.0
SENDING_PAUSE_SECONDS = 2.0
TROUBLES_PAUSE_SECONDS = 10.0
GIVES_BACK_WITHIN_SECONDS = 2.0
READY_WITHIN_SECONDS = 2.0
TRIAL_WITHIN_SECONDS = 1.0
TRIED_EVERY_SECONDS = 3.0
# A long import or a table that is being counted keeps others waiting for seconds.
HANGS_AFTER_SECONDS = 15.0


def prepare(database: Database) -> str | None:
    """Create or upgrade the database; one that a newer release has had is left as it is, and what it is returned.

    Raises:
        ConfigurationError: it cannot be used.
    """
    require_usable(database)
    # It may go, or be full, while its tables are made.
    with explained(database):
        migrate(database)
        prepare_engine(database)
        with database.reads.connect() as connection:
            return find_newer(connection)


def require_free_worker(parts: Parts) -> None:
    """Refuse early, and in one line, to be the second worker on a SQLite file.

    Raises:
        MisuseError: another worker has the file.
    """
    if parts.database.is_sqlite:
        lease = WorkerLease(parts.database)
        lease.acquire()
        lease.release()


@asynccontextmanager
async def working(parts: Parts) -> AsyncIterator[None]:
    """Be a worker, with its chores, until the context ends.

    Raises:
        MisuseError: another worker has the SQLite file.
        ConfigurationError: the database cannot be used.
    """
    with explained(parts.database):
        await parts.engine.start()
    async with asyncio.TaskGroup() as tasks:
        repeat = partial(_repeat, parts.database.outages)
        pause = min(parts.settings.recheck_every.total_seconds() / 2, LONGEST_SWEEP_PAUSE_SECONDS)

        def start(failed: LogName, chore: Callable[[], Awaitable[object]], *, pause: float) -> asyncio.Task[None]:
            return tasks.create_task(repeat(failed, partial(_unless_hindered, parts, chore), pause=pause))

        chores = [
            tasks.create_task(repeat(LogName.WATCH_FAILED, parts.engine.watch, pause=WATCH_PAUSE_SECONDS)),
            start(LogName.SWEEP_FAILED, parts.sweep.run_once, pause=pause),
            start(LogName.SUBSCRIPTIONS_FAILED, parts.subscriptions.run_once, pause=pause),
            tasks.create_task(_attend(parts, LogName.FEEDING_FAILED, parts.feeding.run_once)),
            tasks.create_task(_attend(parts, LogName.WAKING_FAILED, Waking(parts).run_once)),
            start(LogName.UPKEEP_FAILED, parts.upkeep.run_once, pause=UPKEEP_PAUSE_SECONDS),
            start(LogName.ROLL_UP_FAILED, parts.roll_up.run_once, pause=ROLL_UP_PAUSE_SECONDS),
            start(LogName.PANEL_METRICS_FAILED, parts.panels.run_once, pause=PANEL_METRICS_PAUSE_SECONDS),
            start(LogName.KEEPING_FAILED, parts.requests.forget, pause=FORGETTING_PAUSE_SECONDS),
        ]
        if parts.settings.labels_file is not None:
            keep = LabelsFile(parts.database, parts.settings.labels_file).run_once
            chores.append(start(LogName.LABELS_FILE_FAILED, keep, pause=LABELS_FILE_PAUSE_SECONDS))
        yield
        for chore in chores:
            chore.cancel()


@asynccontextmanager
async def beating(parts: Parts) -> AsyncIterator[None]:
    """Tell that this process lives, worker or not, and what it asked and was asked; send notices out.

    Troubles are only looked for where there is somebody to tell.
    """
    async with asyncio.TaskGroup() as tasks:
        repeat = partial(_repeat, parts.database.outages)
        send = partial(_unless_hindered, parts, parts.sender.run_once)
        chores = [
            tasks.create_task(repeat(LogName.HEARTBEAT_FAILED, parts.heartbeat.beat, pause=BEAT_PAUSE_SECONDS)),
            tasks.create_task(repeat(LogName.KEEPING_FAILED, parts.requests.flush, pause=KEEPING_PAUSE_SECONDS)),
            tasks.create_task(repeat(LogName.SENDING_FAILED, send, pause=SENDING_PAUSE_SECONDS)),
        ]
        if parts.settings.notice_url is not None:
            every = parts.settings.recheck_every
            watch = TroubleWatch(parts, recheck_every=every, read_clock=parts.heartbeat.read_clock)
            look = partial(_unless_hindered, parts, watch.run_once)
            chores.append(tasks.create_task(repeat(LogName.TROUBLES_FAILED, look, pause=TROUBLES_PAUSE_SECONDS)))
        yield
        for chore in chores:
            chore.cancel()


async def close(parts: Parts) -> None:
    """End what the parts hold, running or not."""
    # The client first: its connections belong to event loops that end with the engine.
    await parts.client.close()
    await parts.engine.stop()
    # Where the database does not answer, the lease ends by itself.
    with suppress(TimeoutError, *DATABASE_ERRORS):
        async with asyncio.timeout(GIVES_BACK_WITHIN_SECONDS):
            await parts.tokens.give_back()
            await parts.requests.flush()
    try:
        await parts.hooks.finish()
    except Exception:
        # It is the partner's; the rest has to end all the same.
        log.exception(LogName.LIFESPAN_FAILED)
    parts.hooks.end_threads()
    parts.database.close()


class Readiness:
    """Whether a process can do its work. However often it is asked, the database is written to every few seconds."""

    def __init__(self, parts: Parts, *, hangs_after: float = HANGS_AFTER_SECONDS) -> None:
        """`hangs_after` is for how many seconds a read or a write may wait before that counts as a fault."""
        self._parts = parts
        self._hangs_after = hangs_after
        self._trial: asyncio.Task[None] | None = None
        self._tried_at = 0.0
        self._refusal = ""

    async def find(self) -> tuple[list[str], list[str]]:
        """Say what keeps this process from doing its work, and what else is wrong with the service.

        Neither, when it is ready and all is well. What a web process acknowledges is durable without a worker.
        """
        problems: list[str] = []
        warnings: list[str] = []
        try:
            async with asyncio.timeout(READY_WITHIN_SECONDS):
                if not await self._parts.database.read(is_migrated):
                    problems.append(await self._parts.database.read(self._explain_unmigrated))
                else:
                    if refusal := await self._find_refusal():
                        problems.append(f"the database takes no writes: {refusal}")
                    warnings += await self._list_troubles()
        except (sa.exc.SQLAlchemyError, TimeoutError) as error:
            problems.append(self._describe_silence(error))
        if problem := self._parts.heartbeat.find_problem():
            problems.append(problem)
        if not problems and (wait := self._describe_wait(longer_than=self._hangs_after)):
            warnings.append(f"database: {wait}")
        return problems, [text for text in warnings if text not in problems]

    def _explain_unmigrated(self, connection: sa.Connection) -> str:
        database = self._parts.database
        if not database.is_sqlite and (place := database.whereabouts.look_again(connection)) != database.place:
            return f"the tables were moved to the schema {place.tables}; restart this process"
        return "the database is not up to date; run `headrace migrate`"

    def _describe_wait(self, *, longer_than: float) -> str:
        """Say for what this process waits at the database, and how long it has; nothing, where that is not long."""
        waited = self._parts.database.measure_wait()
        if waited < longer_than:
            return ""
        held = "all connections of this process are in use, and " if self._parts.database.is_used_up() else ""
        return f"{held}a read or write has waited for {spell_seconds(waited)}"

    async def _list_troubles(self) -> list[str]:
        every = self._parts.settings.recheck_every
        troubles = await self._parts.database.read(load_troubles, now=self._parts.clock(), recheck_every=every)
        return [f"{each.kind}: {each.text}" for each in troubles]

    def _describe_silence(self, error: Exception) -> str:
        """A file answers by itself, so what it said helps; of a server that is away, nothing is to be said to all."""
        if self._parts.database.is_sqlite and is_outage(error):
            return f"the database cannot be used: {read_said(error)}"
        wait = self._describe_wait(longer_than=TRIAL_WITHIN_SECONDS)
        return f"the database does not answer: {wait}" if wait else "the database does not answer"

    async def _find_refusal(self) -> str:
        """Return why the last trial was refused. One that waits for a moment, say for an import, refuses nothing."""
        if self._trial is None or (self._trial.done() and monotonic() - self._tried_at >= TRIED_EVERY_SECONDS):
            self._tried_at = monotonic()
            self._trial = asyncio.create_task(self._try_to_write())
        await asyncio.wait([self._trial], timeout=TRIAL_WITHIN_SECONDS)
        waited = monotonic() - self._tried_at
        if not self._trial.done() and waited >= self._hangs_after:
            return f"one has waited for {spell_seconds(waited)}"
        return self._refusal

    async def _try_to_write(self) -> None:
        try:
            await self._parts.heartbeat.beat()
        except sa.exc.SQLAlchemyError as error:
            self._refusal = read_said(error)
        else:
            self._refusal = ""


async def _unless_hindered(parts: Parts, chore: Callable[[], Awaitable[T]]) -> T | None:
    return None if parts.engine.is_hindered else await chore()


async def _repeat(outages: OutageLog, failed: LogName, chore: Callable[[], Awaitable[object]], *, pause: float) -> None:
    """Do a chore again and again for as long as the worker runs."""
    while True:
        await _try(outages, failed, chore)
        await asyncio.sleep(pause)


async def _attend(parts: Parts, failed: LogName, chore: Callable[[], Awaitable[float]]) -> None:
    """Do a chore whenever something is told, and when as many seconds are over as it has said."""
    listener, attempt = parts.engine.news.listen(), partial(_unless_hindered, parts, chore)
    while True:
        listener.forget()
        seconds = await _try(parts.database.outages, failed, attempt)
        await asyncio.sleep(TOLD_PAUSE_SECONDS)
        await listener.wait(min(seconds or 0.0, UNTOLD_PAUSE_SECONDS) - TOLD_PAUSE_SECONDS)


async def _try(outages: OutageLog, failed: LogName, chore: Callable[[], Awaitable[T]]) -> T | None:
    """Do a chore once; return what it does, or None where it fails."""
    try:
        return await chore()
    except Exception as error:
        # The database is away for a moment, or one thing cannot be done: the next round looks again. A chore
        # that ended would leave a worker behind that only seems to work.
        if is_brief(error):
            outages.note(error, chore=failed)
        else:
            log.exception(failed)
        return None
