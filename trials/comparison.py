"""Whether Heroku, the service and the partner agree, resource by resource."""

import sqlite3
from collections import Counter
from dataclasses import dataclass, field

import sqlalchemy as sa
from trials.fleet import Fleet

from headrace.emulator import Emulator
from headrace.models import State
from headrace.store.database import Database
from headrace.store.notices import list_notices_of
from headrace.store.resources import ResourceRow, find_last_plan_change, list_events
from headrace.store.schema import resource

ENDED = (State.FAILED, State.DEPROVISIONED)


@dataclass
class Comparison:
    """What differs, each with the story of its resource."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    burnt_grants: int = 0


def is_settled(fleet: Fleet) -> bool:
    """Whether no resource has a workflow that runs or waits to."""
    try:
        return not count_running(fleet)
    except sa.exc.SQLAlchemyError:
        # Not migrated yet, or locked for the moment.
        return False


def count_running(fleet: Fleet) -> int:
    """How many resources have a workflow that runs or waits to."""
    database = Database(fleet.database_url)
    query = sa.select(sa.func.count()).select_from(resource).where(resource.c.running.is_not(None))
    try:
        with database.engine.connect() as connection:
            return connection.execute(query).scalar_one()
    finally:
        database.close()


def compare(fleet: Fleet) -> Comparison:
    """Compare what Heroku shows, what is stored, and what the partner's hooks have made."""
    comparison = Comparison()
    things = _read_things(fleet)
    database = Database(fleet.database_url)
    with database.engine.connect() as connection:
        rows = {row.uuid: row for row in map(_read, connection.execute(sa.select(resource)))}
        for uuid in {addon.id for addon in fleet.heroku.state.addons} | rows.keys() | things.keys():
            row = rows.get(uuid)
            if row is not None and _is_burnt(connection, row):
                comparison.burnt_grants += 1
                continue
            if row is not None and _is_refused_late(connection, row, fleet.heroku):
                continue
            if problem := _find_problem(fleet.heroku, uuid, row, things.get(uuid)):
                comparison.lost.append(f"{problem}\n{_tell(connection, uuid, row)}")
            if doubled := _find_doubled(connection, uuid):
                comparison.doubled.append(f"{doubled}\n{_tell(connection, uuid, row)}")
    database.close()
    return comparison


def _find_problem(heroku: Emulator, uuid: str, row: ResourceRow | None, thing: str | None) -> str | None:
    addon = heroku.state.addons.find(uuid)
    if row is None:
        return f"Heroku shows an add-on that is not stored: {uuid}"
    if row.running is not None:
        return f"{row.running} never ends"
    if addon is None:
        is_gone = row.state in ENDED and thing is None
        return None if is_gone else f"gone at Heroku, but {row.state} here, and the partner has {thing or 'nothing'}"
    expected = (State.PROVISIONED, addon.plan.name, addon.plan.name, f"https://search.acme.example/{uuid}")
    found = (row.state, row.plan, thing, addon.config.get("ACME_SEARCH_URL"))
    if addon.state != State.PROVISIONED or found != expected:
        return f"Heroku shows {addon.state} {addon.plan.name} {addon.config}, here it is {found}"
    return None


def _find_doubled(connection: sa.Connection, uuid: str) -> str | None:
    """Each outcome is recorded once, whatever ran again on the way to it."""
    counts = Counter(event.name for event in list_events(connection, uuid))
    allowed = {"provision.done": 1, "deprovision.done": 1, "plan_change.done": counts["plan_change.requested"]}
    too_often = [f"{name} {counts[name]} times" for name, most in allowed.items() if counts[name] > most]
    return ", ".join(too_often) or None


def _is_burnt(connection: sa.Connection, row: ResourceRow) -> bool:
    """Killed between Heroku's exchange of the grant and our record: promised is a clear end, with a notice."""
    kinds = [notice.kind for notice in list_notices_of(connection, row.uuid)]
    return row.state is State.FAILED and "grant.lost" in kinds


def _is_refused_late(connection: sa.Connection, row: ResourceRow, heroku: Emulator) -> bool:
    """Heroku was told that the plan will be changed, and then the hook refused: promised is a notice."""
    addon = heroku.state.addons.find(row.uuid)
    open_kinds = {notice.kind for notice in list_notices_of(connection, row.uuid) if notice.settled_at is None}
    last = find_last_plan_change(connection, row.uuid)
    return (
        addon is not None
        and last is not None
        and (last.outcome, last.new_plan) == ("failed", addon.plan.name)
        and open_kinds == {"plan_change.failed"}
    )


def _tell(connection: sa.Connection, uuid: str, row: ResourceRow | None) -> str:
    lines = [f"    {event.at:%H:%M:%S.%f} {event.name} {dict(event.detail)}" for event in list_events(connection, uuid)]
    return "\n".join([f"  {uuid} {row}", *lines])


def _read_things(fleet: Fleet) -> dict[str, str]:
    path = fleet.folder / "cloud.db"
    if not path.exists():
        return {}
    connection = sqlite3.connect(path)
    try:
        return dict(connection.execute("SELECT uuid, plan FROM thing"))
    finally:
        connection.close()


def _read(row: sa.Row[tuple[object, ...]]) -> ResourceRow:
    return ResourceRow(**{**row._mapping, "state": State(row._mapping["state"])})  # noqa: SLF001
