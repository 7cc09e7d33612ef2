"""Queries about changes of config that the partner has ordered: one by one, in order, and what became of each."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

import sqlalchemy as sa

from headrace.store.sql.rows import pass_uuids, select_uuids
from headrace.store.sql.tables.schema import config_change
from headrace.store.sql.upsert import insert_as_table


class ConfigChangeKind(StrEnum):
    """What is ordered of a resource's config vars, of its log drain, or of what the partner has made of its own."""

    SET = "set"
    # The partner's hook makes new values, which are then set.
    ROTATE = "rotate"
    # The partner's hook makes the values invalid that a rotation has replaced.
    RETIRE = "retire"
    # Heroku is to send the app's log elsewhere.
    LOG_DRAIN = "log_drain"
    # An action of the partner's own is to be done; its name is the one of `names`.
    ACTION = "action"


class ConfigChangeOutcome(StrEnum):
    """What became of a change of config."""

    DONE = "done"
    FAILED = "failed"
    # The resource went away first.
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChangeRow:
    """One change of config; it waits, or is under way, while `outcome` is None.

    `names` are the config vars that it sets or removes, as far as they are known, or the action. Of one that
    failed `step` is where and `reason` the kind of error.
    """

    resource_uuid: str
    number: int
    kind: ConfigChangeKind
    names: tuple[str, ...]
    ordered_by: str
    job_id: str | None
    waits_until: datetime | None
    requested_at: datetime
    tried_at: datetime | None
    outcome: ConfigChangeOutcome | None
    step: str | None
    reason: str | None
    settled_at: datetime | None


def add_config_changes(
    connection: sa.Connection,
    uuids: Collection[str],
    *,
    kind: ConfigChangeKind,
    names: Collection[str],
    ordered_by: str,
    now: datetime,
    job_id: str | None = None,
    waits_until: datetime | None = None,
) -> dict[str, int]:
    """Record the same order for resources that this transaction has locked; return each one's number by its uuid."""
    numbers = {uuid: number + 1 for uuid, number in _find_last_numbers(connection, uuids).items()}
    rows = [
        {
            "resource_uuid": uuid,
            "number": number,
            "kind": kind,
            "names": sorted(names),
            "ordered_by": ordered_by,
            "job_id": job_id,
            "is_held": False,
            "waits_until": waits_until,
            "requested_at": now,
        }
        for uuid, number in numbers.items()
    ]
    if rows:
        insert_as_table(connection, config_change, rows)
    return numbers


def find_config_change(connection: sa.Connection, uuid: str, number: int) -> ConfigChangeRow | None:
    row = connection.execute(_select().where(*_is(uuid, number))).one_or_none()
    return None if row is None else _read(row)


def find_waiting_config_change(connection: sa.Connection, uuid: str) -> ConfigChangeRow | None:
    """The oldest change of config that may be worked on now."""
    return find_waiting_config_changes(connection, [uuid]).get(uuid)


def find_waiting_config_changes(connection: sa.Connection, uuids: Collection[str]) -> dict[str, ConfigChangeRow]:
    """Return the same of each of these resources that has one."""
    found = connection.execute(_build_list_waiting(connection.dialect.name), pass_uuids(uuids))
    return {row.resource_uuid: _read(row) for row in found}


def list_config_changes(connection: sa.Connection, uuid: str) -> list[ConfigChangeRow]:
    """Return everything that was ordered of a resource's config, the oldest first."""
    query = _select().where(config_change.c.resource_uuid == uuid).order_by(config_change.c.number)
    return [_read(row) for row in connection.execute(query)]


def note_tried(connection: sa.Connection, uuid: str, number: int, *, now: datetime) -> None:
    """Note that from now on Heroku may have been told."""
    connection.execute(sa.update(config_change).where(*_is(uuid, number)).values(tried_at=now))


def name_config_vars(connection: sa.Connection, uuid: str, number: int, *, names: Collection[str]) -> None:
    """Note which config vars a rotation is about, once its hook has said so."""
    connection.execute(sa.update(config_change).where(*_is(uuid, number)).values(names=sorted(names)))


def settle_config_change(
    connection: sa.Connection,
    uuid: str,
    number: int,
    *,
    outcome: ConfigChangeOutcome,
    now: datetime,
    failure: Mapping[str, str] | None = None,
) -> bool:
    """Record what became of a change, unless that is known; return whether it was not.

    `failure` has step and reason.
    """
    query = sa.update(config_change).where(*_is(uuid, number), config_change.c.outcome.is_(None))
    return connection.execute(query.values(outcome=outcome, settled_at=now, **(failure or {}))).rowcount == 1


def drop_waiting_config_changes(connection: sa.Connection, uuid: str, *, now: datetime) -> None:
    """A resource that goes away takes the changes with it that wait."""
    query = sa.update(config_change).where(config_change.c.resource_uuid == uuid, config_change.c.outcome.is_(None))
    connection.execute(query.values(outcome=ConfigChangeOutcome.DROPPED, settled_at=now, waits_until=None))


def list_due_config_changes(connection: sa.Connection, *, now: datetime, limit: int) -> list[tuple[str, int]]:
    """Return the changes whose time has come, by resource and number."""
    query = (
        sa.select(config_change.c.resource_uuid, config_change.c.number)
        .where(config_change.c.waits_until <= now, config_change.c.waits_until.is_not(None))
        .order_by(config_change.c.waits_until)
        .limit(limit)
    )
    return [(row.resource_uuid, row.number) for row in connection.execute(query)]


def wake_config_change(connection: sa.Connection, uuid: str, number: int) -> None:
    """Let a change begin whose time has come."""
    connection.execute(sa.update(config_change).where(*_is(uuid, number)).values(waits_until=None))


def may_begin(changes: Any = config_change) -> tuple[sa.ColumnElement[bool], ...]:
    """The conditions of what may be worked on now. SQLite uses the index of what waits for these very words."""
    return changes.c.outcome.is_(None), sa.not_(changes.c.is_held), changes.c.waits_until.is_(None)


def _is(uuid: str, number: int) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return config_change.c.resource_uuid == uuid, config_change.c.number == number


def _find_last_numbers(connection: sa.Connection, uuids: Collection[str]) -> dict[str, int]:
    query = (
        sa.select(config_change.c.resource_uuid, sa.func.max(config_change.c.number))
        .where(config_change.c.resource_uuid.in_(uuids))
        .group_by(config_change.c.resource_uuid)
    )
    return dict.fromkeys(sorted(uuids), 0) | {row[0]: row[1] for row in connection.execute(query)}


def _select() -> sa.Select[Any]:
    return sa.select(*(config_change.c[name] for name in ConfigChangeRow.__slots__))


@cache
def _build_list_waiting(dialect: str) -> sa.Select[Any]:
    """Return the query of what may be worked on, the oldest of a resource last."""
    is_theirs = config_change.c.resource_uuid.in_(select_uuids(dialect))
    return _select().where(is_theirs, *may_begin()).order_by(config_change.c.number.desc())


def _read(row: sa.Row[Any]) -> ConfigChangeRow:
    known = {
        "kind": ConfigChangeKind(row.kind),
        "names": tuple(row.names),
        "outcome": ConfigChangeOutcome(row.outcome) if row.outcome else None,
    }
    return ConfigChangeRow(**{**row._mapping, **known})  # noqa: SLF001
