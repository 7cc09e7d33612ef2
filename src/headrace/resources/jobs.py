"""Jobs: the same order for many resources, how far it is, and what failed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Unpack

import sqlalchemy as sa

from headrace.errors import MisuseError, NothingToDo
from headrace.hooks.config import read_config_change
from headrace.hooks.registry import Hooks
from headrace.resources.known import ResourceFilters, read_filters
from headrace.resources.ordering import CODE, POLL_SECONDS, read_orderer
from headrace.store.reports.known_resources import Wanted
from headrace.store.state.config.changes import ConfigChangeKind
from headrace.store.state.config.jobs import (
    ConfigJobRow,
    FailedChange,
    JobCount,
    count_config_job,
    find_config_job,
    hold_config_job,
    list_config_jobs,
    list_failed_changes,
    release_config_job,
)
from headrace.workflows.config.bulk import BulkOrder, Recorded, record_bulk
from headrace.workflows.lifecycle.core import Core

FOREVER = timedelta.max
FAILED_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigJob:
    """An order for many resources, and how far it is: `waiting` counts those that wait or are under way.

    Of the others so many are `done`, have `failed`, or were `dropped` because the resource went away first. A job
    rests while `stopped_at` is set. Moments are in UTC.
    """

    id: str
    kind: ConfigChangeKind
    names: tuple[str, ...]
    ordered_by: str
    created_at: datetime
    stopped_at: datetime | None
    waiting: int
    done: int
    failed: int
    dropped: int

    @property
    def total(self) -> int:
        """How many resources it is for."""
        return self.waiting + self.done + self.failed + self.dropped

    @property
    def is_over(self) -> bool:
        """Whether nothing of it waits."""
        return self.waiting == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """What came of ordering something of many resources: `count` of them, and why others that fit are left out.

    `left_out` counts by the state that rules them out, or by `no token`. `job_id` is None of a dry run.
    """

    job_id: str | None
    count: int
    left_out: Mapping[str, int]


class Jobs:
    """Orders for many resources at once, wherever the service's code runs. A worker carries them out."""

    def __init__(self, find_core: Callable[[], Core], hooks: Hooks | None) -> None:
        """Without `hooks` it is left to the worker to know whether there is one that rotates."""
        self._find_core = find_core
        self._hooks = hooks

    async def set_config(
        self,
        config: Mapping[str, str | None],
        *,
        by: str = CODE,
        dry_run: bool = False,
        **filters: Unpack[ResourceFilters],
    ) -> Ordered:
        """Set config vars of every resource that is wanted, as `AddonService.set_config` does of one.

        Say which by filters, or `state="provisioned"` for all. All of it is on disk once this returns, or nothing:
        whatever dies then, each is set once. `dry_run` counts and orders nothing.

        Raises:
            MisuseError: a name that is not declared, a wrong value, no filter, more than 100,000 resources.
            UnknownResource: one of the uuids is nobody's; nothing is ordered.
        """
        changes = read_config_change(config, manifest=self._find_core().manifest)
        return await self._order(ConfigChangeKind.SET, changes, by, filters, dry_run=dry_run)

    async def rotate(self, *, by: str = CODE, dry_run: bool = False, **filters: Unpack[ResourceFilters]) -> Ordered:
        """Renew the credentials of every resource that is wanted, as `AddonService.rotate` does of one.

        Raises:
            MisuseError: there is no `on_rotate` hook, no filter, or more than 100,000 resources.
            UnknownResource: one of the uuids is nobody's; nothing is ordered.
        """
        if self._hooks is not None:
            self._hooks.require("on_rotate")
        return await self._order(ConfigChangeKind.ROTATE, None, by, filters, dry_run=dry_run)

    async def get(self, job_id: str) -> ConfigJob:
        """Return a job, as far as it is.

        Raises:
            NothingToDo: there is no such job.
        """
        return await self._find_core().database.watch(_load_job, job_id)

    async def list(self, *, limit: int = 20) -> list[ConfigJob]:
        """Return the latest jobs, the newest first."""
        return await self._find_core().database.read(_load_jobs, limit)

    async def iterate_failed(self, job_id: str) -> AsyncIterator[FailedChange]:
        """Go through the resources of which a job's change failed, by uuid, with why."""
        after, database = "", self._find_core().database
        while failed := await database.read(list_failed_changes, job_id, after=after, limit=FAILED_PAGE):
            for each in failed:
                yield each
            after = failed[-1].uuid

    async def stop(self, job_id: str) -> ConfigJob:
        """Let a job rest: what waits does not begin, and what is under way is brought to its end.

        Raises:
            NothingToDo: there is no such job, or nothing of it waits.
        """
        return await self._find_core().database.write(_stop, job_id, self._find_core().clock())

    async def resume(self, job_id: str) -> ConfigJob:
        """Go on with a job that was stopped.

        Raises:
            NothingToDo: there is no such job, or it was not stopped.
        """
        core = self._find_core()
        return await core.database.write(_resume, core, job_id)

    async def wait(self, job_id: str, *, within: timedelta = FOREVER) -> ConfigJob:
        """Wait until a job is over, was stopped, or the time is up; return it as it is then.

        Raises:
            NothingToDo: there is no such job.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not (job := await self.get(job_id)).is_over and job.stopped_at is None:
            if loop.time() - began >= within.total_seconds():
                break
            await asyncio.sleep(POLL_SECONDS)
        return job

    async def _order(
        self,
        kind: ConfigChangeKind,
        config: Mapping[str, str | None] | None,
        by: str,
        filters: ResourceFilters,
        *,
        dry_run: bool,
    ) -> Ordered:
        core, wanted = self._find_core(), read_filters(filters)
        if wanted == Wanted():
            raise MisuseError("Say of which resources: by filters, or state='provisioned' for all that there are.")
        if filters.get("as_of") is not None:
            raise MisuseError("What is ordered is about resources as they are now: leave `as_of` out.")
        if wanted is None:
            return Ordered(job_id=None, count=0, left_out={})
        order = BulkOrder(kind=kind, wanted=wanted, config=config, by=read_orderer(by), is_rehearsal=dry_run)
        recorded: Recorded = await core.database.write(record_bulk, core, order)
        return Ordered(job_id=recorded.job_id, count=recorded.count, left_out=recorded.left_out)


def _load_job(connection: sa.Connection, job_id: str) -> ConfigJob:
    row = find_config_job(connection, job_id)
    if row is None:
        raise NothingToDo(f"There is no job {job_id}.")
    return _describe(row, count_config_job(connection, job_id))


def _load_jobs(connection: sa.Connection, limit: int) -> list[ConfigJob]:
    return [_describe(row, count_config_job(connection, row.id)) for row in list_config_jobs(connection, limit=limit)]


def _stop(connection: sa.Connection, job_id: str, now: datetime) -> ConfigJob:
    job = _load_job(connection, job_id)
    if job.is_over:
        raise NothingToDo(f"Job {job_id} is over: nothing of it waits.")
    hold_config_job(connection, job_id, now=now)
    return _load_job(connection, job_id)


def _resume(connection: sa.Connection, core: Core, job_id: str) -> ConfigJob:
    if _load_job(connection, job_id).stopped_at is None:
        raise NothingToDo(f"Job {job_id} was not stopped.")
    release_config_job(connection, job_id)
    core.engine.news.ring_after(connection)
    return _load_job(connection, job_id)


def _describe(row: ConfigJobRow, count: JobCount) -> ConfigJob:
    fields: dict[str, Any] = {name: getattr(row, name) for name in ConfigJobRow.__slots__}
    return ConfigJob(**fields, **{name: getattr(count, name) for name in JobCount.__slots__})
