"""Orders of a partner's code, recorded with the workflow that they need, so that they are durable without a worker."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from headrace.errors import GrantError, MisuseError, NothingToDo, ResourceGone, UnknownResource
from headrace.hooks.answers import read_drain_url
from headrace.hooks.config import read_config_change
from headrace.models import State
from headrace.protocol.partner import parse_uuid
from headrace.store.state.config.changes import (
    ConfigChangeKind,
    ConfigChangeRow,
    add_config_changes,
    find_config_change,
)
from headrace.store.state.resources import ResourceRow, lock_resource
from headrace.store.state.secrets import LOG_DRAIN_TOKEN, LOG_DRAIN_URL, seal_config_change
from headrace.store.state.timeline import TimelineName, add_event
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.handover import start_due

GOING = (State.DEPROVISIONING, State.DEPROVISIONED)


async def order_config(core: Core, uuid: str, config: object, *, by: str) -> ConfigChangeRow:
    """Have config vars set and, where a value is None, removed; a worker does it.

    Raises:
        MisuseError: a name is not declared, or a value is no text.
        UnknownResource, ResourceGone, NothingToDo, GrantError: see `require_orderable`.
    """
    changes = read_config_change(config, manifest=core.manifest)
    return await core.database.write(_record_set, core, parse_uuid(uuid), changes, by)


def _record_set(
    connection: sa.Connection, core: Core, uuid: str, changes: Mapping[str, str | None], by: str
) -> ConfigChangeRow:
    row = require_orderable(connection, core, uuid)
    return _record(connection, core, row, ConfigChangeKind.SET, names=changes, by=by, sealed=changes)


async def order_rotation(core: Core, uuid: str, *, by: str) -> ConfigChangeRow:
    """Have the partner's hook make new credentials, which are then set; a worker does it.

    Raises:
        UnknownResource, ResourceGone, NothingToDo, GrantError: see `require_orderable`.
    """
    return await core.database.write(_record_rotation, core, parse_uuid(uuid), by)


def _record_rotation(connection: sa.Connection, core: Core, uuid: str, by: str) -> ConfigChangeRow:
    row = require_orderable(connection, core, uuid)
    return _record(connection, core, row, ConfigChangeKind.ROTATE, by=by)


async def order_log_drain(core: Core, uuid: str, url: str, *, by: str) -> ConfigChangeRow:
    """Have Heroku send the log of a resource's app elsewhere; a worker does it.

    Raises:
        MisuseError: the manifest requires no drain, or Heroku would refuse the URL.
        NothingToDo: Heroku gave the resource no drain, or its provision failed.
        UnknownResource, ResourceGone, GrantError: see `require_orderable`.
    """
    if read_drain_url(url, manifest=core.manifest) is None:
        raise MisuseError("A log drain is pointed somewhere else, and not nowhere; Heroku removes it with the add-on.")
    return await core.database.write(_record_log_drain, core, parse_uuid(uuid), url, by)


def _record_log_drain(connection: sa.Connection, core: Core, uuid: str, url: str, by: str) -> ConfigChangeRow:
    row = require_orderable(connection, core, uuid)
    if core.secrets.find(connection, uuid, LOG_DRAIN_TOKEN) is None:
        raise NothingToDo(
            f"{row.name} ({uuid}) has no log drain: its app is of the Fir generation, or the manifest did not "
            "require one when it was made."
        )
    return _record(connection, core, row, ConfigChangeKind.LOG_DRAIN, by=by, sealed={LOG_DRAIN_URL: url})


async def order_action(core: Core, uuid: str, action: str, *, by: str) -> ConfigChangeRow:
    """Have an action of the partner's own done, which is known to be there; a worker does it.

    Raises:
        UnknownResource, ResourceGone, NothingToDo: see `require_live`.
    """
    return await core.database.write(_record_action, core, parse_uuid(uuid), action, by)


def _record_action(connection: sa.Connection, core: Core, uuid: str, action: str, by: str) -> ConfigChangeRow:
    return _record(connection, core, require_live(connection, uuid), ConfigChangeKind.ACTION, names=[action], by=by)


def _record(
    connection: sa.Connection,
    core: Core,
    row: ResourceRow,
    kind: ConfigChangeKind,
    *,
    by: str,
    names: Collection[str] = (),
    sealed: Mapping[str, str | None] | None = None,
) -> ConfigChangeRow:
    """Record an order of a resource that this transaction has locked, with what is secret of it, and begin it."""
    numbers = add_config_changes(connection, [row.uuid], kind=kind, names=names, ordered_by=by, now=core.clock())
    if sealed is not None:
        core.secrets.save_all(connection, [seal_config_change(row.uuid, numbers[row.uuid], sealed)])
    return begin(connection, core, row, numbers[row.uuid])


def begin(connection: sa.Connection, core: Core, row: ResourceRow, number: int) -> ConfigChangeRow:
    """Note an order that was recorded in the timeline, and start what is due."""
    change = find_config_change(connection, row.uuid, number)
    assert change is not None
    detail: dict[str, Any] = {"number": number, "by": change.ordered_by}
    if change.kind is ConfigChangeKind.LOG_DRAIN:
        add_event(connection, row.uuid, TimelineName.LOG_DRAIN_REQUESTED, now=core.clock(), **detail)
    elif change.kind is ConfigChangeKind.ACTION:
        detail |= {"action": change.names[0]}
        add_event(connection, row.uuid, TimelineName.ACTION_REQUESTED, now=core.clock(), **detail)
    else:
        detail |= {"what": change.kind, "config_vars": list(change.names)}
        add_event(connection, row.uuid, TimelineName.CONFIG_REQUESTED, now=core.clock(), **detail)
    start_due(connection, core.engine, row)
    return change


def require_orderable(connection: sa.Connection, core: Core, uuid: str) -> ResourceRow:
    """Lock a resource whose config can be changed; one that is being provisioned can be as soon as it is.

    Raises:
        UnknownResource, ResourceGone, NothingToDo: see `require_live`.
        GrantError: Heroku gave no grant, so that nobody can tell it anything.
    """
    row = require_live(connection, uuid)
    if row.state is State.PROVISIONED and core.secrets.find_token(connection, uuid) is None:
        raise GrantError(
            f"{row.name} ({uuid}) has no token, because Heroku sent no grant: its config vars cannot be set.",
            reason="missing",
        )
    return row


def require_live(connection: sa.Connection, uuid: str) -> ResourceRow:
    """Lock a resource that is there, or is going to be: what is ordered of it is done once it is.

    Raises:
        UnknownResource: there is none.
        ResourceGone: it was removed, or is being removed.
        NothingToDo: its provision failed.
    """
    row = lock_resource(connection, uuid)
    if row is None:
        raise UnknownResource(uuid)
    if row.state in GOING:
        raise ResourceGone(uuid)
    if row.state is State.FAILED:
        raise NothingToDo(f"{row.name} ({uuid}) has failed: there is nothing of it to be changed.")
    return row
