"""What a worker notes of an order and a removal at that moment do not wait in a circle, on PostgreSQL."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from headrace import ActionOrder, AddonService, ConfigChangeOutcome, Rotation
from headrace.store.sql.database import Database
from headrace.store.state.config.changes import drop_waiting_config_changes, list_config_changes
from headrace.store.state.resources import lock_resource
from headrace.store.state.webhooks import find_subscription
from headrace.testing import eventually
from ordering import TOKEN, provision, worker
from pair import Acme, Pair, play_pair
from store.making import is_waiting


class OrderedAcme(Acme):
    def register(self, service: AddonService) -> None:
        super().register(service)

        @service.on_rotate
        def rotate(rotation: Rotation) -> dict[str, str]:
            return {TOKEN: rotation.id}

        @service.action("Flush")
        def flush(order: ActionOrder) -> str:
            return order.id


@pytest.mark.parametrize("kind", ["action", "rotate"])
async def test_a_removal_drops_an_order_that_is_being_noted(postgres_url: str, kind: str) -> None:
    """Whoever writes of an order locks its resource first, as a removal does: PostgreSQL has nobody to give up."""
    async with play_pair(postgres_url, acme=OrderedAcme(), has_worker=False) as pair, AsyncExitStack() as later:
        async with worker(pair):
            addon = await provision(pair)
            # Nothing else of it is to be written, and so to wait.
            await eventually(lambda: _is_subscribed(pair, addon.id))
        service, database = AddonService(pair.parts.settings), pair.parts.database
        pair.acme.register(service)
        async with service.connected():
            await (service.rotate(addon.id) if kind == "rotate" else service.order_action(addon.id, "Flush"))
        with database.transaction() as removing:
            lock_resource(removing, addon.id)
            await later.enter_async_context(worker(pair))
            await eventually(lambda: is_waiting(database))
            drop_waiting_config_changes(removing, addon.id, now=datetime.now(UTC))
        [order] = await database.read(list_config_changes, addon.id)

    assert (ConfigChangeOutcome.DROPPED, 0) == (order.outcome, _count_deadlocks(postgres_url))


async def _is_subscribed(pair: Pair, uuid: str) -> bool:
    row = await pair.parts.database.read(find_subscription, uuid)
    return row is not None and row.subscribed_at is not None


def _count_deadlocks(url: str) -> int:
    """Return in how many circles anybody has waited; whoever was in one says so when its connection ends."""
    database = Database(url)
    with database.reads.connect() as connection:
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        count = int(connection.execute(sa.text(query)).scalar_one())
    database.close()
    return count
