"""A partner's own code beside its service: what it orders, and what became of it at Heroku and in the store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from headrace import AddonService, ConfigChange
from headrace.emulator import Addon
from headrace.protocol.retries import Policy
from headrace.service import find_assembly
from headrace.store.sql.tables.schema import secret
from headrace.store.state.config.changes import find_config_change
from headrace.testing import eventually
from pair import QUICK_RETRIES, Pair

URL, TOKEN = "ACME_SEARCH_URL", "ACME_SEARCH_TOKEN"
SOON = timedelta(seconds=60)


@asynccontextmanager
async def script(pair: Pair) -> AsyncIterator[AddonService]:
    """Be another process's code: a service of its own on the same database, which serves nothing and has no worker."""
    async with AddonService(pair.parts.settings).connected() as service:
        yield service


async def provision(pair: Pair, app: str = "shop", plan: str = "basic") -> Addon:
    addon = await pair.heroku.create_addon(app, f"acme-search:{plan}")
    await pair.settle()
    return addon


async def settle_order(pair: Pair, change: ConfigChange) -> None:
    """Wait until an order is settled, and until the resource may do something else."""

    async def is_settled() -> bool:
        row = await pair.parts.database.read(find_config_change, change.uuid, change.number)
        return row is not None and row.outcome is not None

    await eventually(is_settled)
    await pair.settle()


@asynccontextmanager
async def worker(pair: Pair, *, retries: dict[type[BaseException], Policy] = QUICK_RETRIES) -> AsyncIterator[None]:
    """Run a worker for a pair that has none, with the same hooks."""
    service = AddonService(pair.parts.settings)
    pair.acme.register(service)
    assembly = find_assembly(service)
    assembly.retries = retries
    async with assembly.running(assembly.assemble(), has_worker=True):
        yield


async def load_config(pair: Pair, uuid: str) -> dict[str, str] | None:
    return await pair.parts.database.read(pair.parts.secrets.find_config, uuid)


def list_patches(pair: Pair, addon: Addon) -> list[int | None]:
    """Return with which status Heroku answered each time that it was told of config vars."""
    path = f"/addons/{addon.id}/config"
    return [sent.status for sent in pair.heroku.traffic if (sent.method, sent.path) == ("PATCH", path)]


async def list_secret_kinds(pair: Pair, uuid: str) -> set[str]:
    """Return what is kept sealed of a resource, but for what its webhooks prove, which comes when it comes."""
    query = sa.select(secret.c.kind).where(secret.c.resource_uuid == uuid, secret.c.kind != "webhook")
    return await pair.parts.database.read(lambda connection: set(connection.execute(query).scalars()))


async def read_all_rows(pair: Pair) -> str:
    """Return every value of every table as text, the workflow engine's included."""

    def read(connection: sa.Connection) -> str:
        inspector = sa.inspect(connection)
        rows: list[sa.Row[Any]] = []
        for schema in inspector.get_schema_names():
            if schema == "information_schema":
                continue
            for name in inspector.get_table_names(schema=schema):
                rows += connection.execute(sa.text(f'SELECT * FROM "{schema}"."{name}"')).all()
        return "\n".join(str(tuple(row)) for row in rows)

    return await pair.parts.database.read(read)
