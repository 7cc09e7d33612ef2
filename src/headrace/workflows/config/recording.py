"""What is stored once Heroku was told of config that was ordered: of one resource or many, in the same statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from headrace.store.state.config.batches import settle_done
from headrace.store.state.notices import NoticeKind, settle_notices_of
from headrace.store.state.secrets import merge
from headrace.store.state.timeline import TimelineName, add_events
from headrace.workflows.lifecycle.core import Core


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An order of which Heroku was told: what it changes of the config that is `known`."""

    uuid: str
    number: int
    changes: Mapping[str, str | None] = field(repr=False)
    known: Mapping[str, str] = field(repr=False)


def record_told(connection: sa.Connection, core: Core, told: Sequence[Told]) -> set[str]:
    """Store what Heroku has been told, and forget the orders; return the uuids of those that were not settled yet.

    The resources are locked; nobody else changes their config meanwhile.
    """
    now = core.clock()
    settled = settle_done(connection, {each.uuid: each.number for each in told}, now=now)
    done = [each for each in told if each.uuid in settled]
    if done:
        core.secrets.save_configs(connection, {each.uuid: merge(each.known, each.changes) for each in done})
        core.secrets.delete_orders(connection, {each.uuid: each.number for each in done})
        settle_notices_of(connection, settled, by="config change", now=now, kinds=[NoticeKind.CONFIG_FAILED])
        details = {each.uuid: {"number": each.number, **_name_vars(each.changes)} for each in done}
        add_events(connection, TimelineName.CONFIG_SET, details, now=now)
    return settled


def is_known(known: Mapping[str, str], changes: Mapping[str, str | None]) -> bool:
    """Whether Heroku has been told all of it before. What is to be removed may be there and not be known here."""
    return all(value is not None and known.get(name) == value for name, value in changes.items())


def _name_vars(changes: Mapping[str, str | None]) -> dict[str, list[str]]:
    """Return what a timeline tells of config vars: names alone."""
    removed = sorted(name for name, value in changes.items() if value is None)
    told = {"config_vars": sorted(name for name, value in changes.items() if value is not None)}
    return told | ({"removed": removed} if removed else {})
