"""The company that a hook has: the resources in the pipeline of its own, and locks on what they share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from uuid import uuid4

import sqlalchemy as sa

from headrace.errors import MisuseError
from headrace.hooks.arguments import KnownResource
from headrace.hooks.company import Company
from headrace.hooks.steps import StepBook, refuse_steps
from headrace.models import Ref, State, read_stage
from headrace.store.reports.known_resources import KnownRow, Wanted, list_known
from headrace.store.state.hook_locks import give_hook_lock_back, keep_hook_lock, take_hook_lock
from headrace.store.state.placements import find_current_placement
from headrace.workflows.lifecycle.core import Core

# Whoever is there, or just comes or goes.
AROUND = (State.PROVISIONING, State.PROVISIONED, State.DEPROVISIONING)
MOST_SIBLINGS = 10_000
LEASE = timedelta(seconds=30)
KEPT_EVERY_SECONDS = 10.0
ASK_AGAIN_SECONDS = 0.1
LONGEST_NAME = 200


def build_company(core: Core, uuid: str) -> Company:
    """Return the company that a hook about a resource has."""

    async def find_siblings() -> list[KnownResource]:
        return [describe_known(core, row) for row in await core.database.read(_list_siblings, uuid)]

    return Company(find_siblings=find_siblings, lock=partial(_hold, core))


def describe_known(core: Core, row: KnownRow) -> KnownResource:
    """Return a stored resource as a partner's code has it."""
    is_placed = row.pipeline_id is not None and row.stage is not None
    return KnownResource(
        uuid=row.uuid,
        name=row.name,
        plan=row.plan,
        region=row.region,
        options=row.options,
        app=Ref(id=row.app_id, name=row.app_name) if row.app_id else None,
        pipeline=Ref(id=row.pipeline_id, name=row.pipeline_name) if row.pipeline_id and is_placed else None,
        stage=read_stage(row.stage) if row.stage and is_placed else None,
        state=row.state,
        created_at=row.created_at,
        provisioned_at=row.provisioned_at,
        deprovisioned_at=row.deprovisioned_at,
        placed_at=row.placed_at,
        left_at=row.left_at,
        checked_at=row.checked_at,
        _steps=StepBook(refuse_steps),
        _company=build_company(core, row.uuid),
    )


def _list_siblings(connection: sa.Connection, uuid: str) -> list[KnownRow]:
    place = find_current_placement(connection, uuid)
    if place is None or place.pipeline_id is None:
        return []
    wanted = Wanted(pipelines=(place.pipeline_id,), states=AROUND)
    return [row for row in list_known(connection, wanted, after=None, limit=MOST_SIBLINGS) if row.uuid != uuid]


@asynccontextmanager
async def _hold(core: Core, name: str) -> AsyncIterator[None]:
    """Hold a lock by name; whoever waits asks again and again, because its holder may be another process."""
    if not name or len(name) > LONGEST_NAME:
        raise MisuseError(f"The name of a lock has 1 to {LONGEST_NAME} characters, not {len(name)}.")
    database, holder = core.database, str(uuid4())
    while not await database.write(take_hook_lock, name, holder, now=core.clock(), lease=LEASE):
        await asyncio.sleep(ASK_AGAIN_SECONDS)
    keeping = asyncio.create_task(_keep(core, name, holder))
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await database.write(give_hook_lock_back, name, holder)


async def _keep(core: Core, name: str, holder: str) -> None:
    while True:
        await asyncio.sleep(KEPT_EVERY_SECONDS)
        # Without a database for a moment the next time comes before the lease has ended.
        with suppress(sa.exc.SQLAlchemyError):
            await core.database.write(keep_hook_lock, name, holder, now=core.clock(), lease=LEASE)
