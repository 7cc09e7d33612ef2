"""Ordering: config vars, new credentials, a log's address, actions of the partner's. A worker does it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from headrace.errors import MisuseError
from headrace.hooks.registry import Hooks
from headrace.store.state.config.changes import (
    ConfigChangeKind,
    ConfigChangeOutcome,
    ConfigChangeRow,
    find_config_change,
)
from headrace.workflows.config.orders import order_action, order_config, order_log_drain, order_rotation
from headrace.workflows.lifecycle.core import Core

# Who gave an order, where nobody says.
CODE = "code"
LONGEST_NAME = 60
# How often somebody who waits for an order looks whether it is done.
POLL_SECONDS = 0.1
AT_ONCE = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChange:
    """An order about one resource, its config vars above all, and what became of it: `outcome` is None while it waits.

    Orders of a resource are numbered, and carried out one after the other. `names` are the config vars that it sets or
    removes; a rotation's are known once its hook has named them, and an action has its own. Of one that
    failed, `step` says where it stopped and `reason` is the kind of error; one that is `dropped` was overtaken by the
    resource's end. Moments are in UTC.
    """

    uuid: str
    number: int
    kind: ConfigChangeKind
    names: tuple[str, ...]
    ordered_by: str
    requested_at: datetime
    settled_at: datetime | None = None
    outcome: ConfigChangeOutcome | None = None
    step: str | None = None
    reason: str | None = None


class Orders:
    """What a partner's code orders of resources, wherever it runs."""

    def __init__(self, find_core: Callable[[], Core], hooks: Hooks) -> None:
        self._find_core = find_core
        self._hooks = hooks

    async def set_config(
        self, uuid: str, config: Mapping[str, str | None], *, by: str = CODE, wait: timedelta = AT_ONCE
    ) -> ConfigChange:
        """See `AddonService.set_config`."""
        row = await order_config(self._find_core(), uuid, config, by=read_orderer(by))
        return await self._wait_for(row, wait)

    async def rotate(self, uuid: str, *, by: str = CODE, wait: timedelta = AT_ONCE) -> ConfigChange:
        """See `AddonService.rotate`."""
        self._hooks.require("on_rotate")
        return await self._wait_for(await order_rotation(self._find_core(), uuid, by=read_orderer(by)), wait)

    async def set_log_drain(self, uuid: str, url: str, *, by: str = CODE, wait: timedelta = AT_ONCE) -> ConfigChange:
        """See `AddonService.set_log_drain`."""
        return await self._wait_for(await order_log_drain(self._find_core(), uuid, url, by=read_orderer(by)), wait)

    async def order_action(self, uuid: str, action: str, *, by: str = CODE, wait: timedelta = AT_ONCE) -> ConfigChange:
        """See `AddonService.order_action`."""
        self._hooks.require_action(action)
        return await self._wait_for(await order_action(self._find_core(), uuid, action, by=read_orderer(by)), wait)

    def list_actions(self) -> list[str]:
        """Return the names of the actions that can be ordered."""
        return self._hooks.list_actions()

    async def _wait_for(self, row: ConfigChangeRow, wait: timedelta) -> ConfigChange:
        """Look until an order is settled, or its time is up; return it as it is then."""
        database, found = self._find_core().database, row
        loop = asyncio.get_running_loop()
        until = loop.time() + wait.total_seconds()
        while found.outcome is None and loop.time() < until:
            await asyncio.sleep(POLL_SECONDS)
            known = await database.watch(find_config_change, row.resource_uuid, row.number)
            found = known or found
        return describe_change(found)


def read_orderer(by: str) -> str:
    """Return who gave an order, as timelines show it.

    Raises:
        MisuseError: that is no name.
    """
    if not by.strip() or len(by) > LONGEST_NAME:
        raise MisuseError(f"`by` says who gave the order, in 1 to {LONGEST_NAME} characters.")
    return by


def describe_change(row: ConfigChangeRow) -> ConfigChange:
    """Return an order as a partner's code has it."""
    return ConfigChange(
        uuid=row.resource_uuid,
        number=row.number,
        kind=row.kind,
        names=row.names,
        ordered_by=row.ordered_by,
        requested_at=row.requested_at,
        settled_at=row.settled_at,
        outcome=row.outcome,
        step=row.step,
        reason=row.reason,
    )
