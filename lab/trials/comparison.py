"""Whether Heroku, the service and the partner agree, resource by resource."""

import asyncio
import math
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

import sqlalchemy as sa

from headrace.emulator import Emulator
from headrace.models import State
from headrace.settings import read_settings
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import config_change, resource
from headrace.store.state.notices import list_notices_of
from headrace.store.state.plan_changes import find_last_plan_change
from headrace.store.state.resources import ResourceRow
from headrace.store.state.secrets import SecretStore
from headrace.store.state.timeline import list_events
from lab.kit.waiting import PATIENCE_SECONDS, until
from lab.trials.service import TriedService, build_address

ENDED = (State.FAILED, State.DEPROVISIONED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """What there is at the partner's: on which plan, and at which address, as its provision hook said last."""

    plan: str
    address: str


@dataclass
class Comparison:
    """What differs, each with the story of its resource."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    burnt_grants: int = 0


async def wait_until_settled(service: TriedService) -> None:
    """Wait for the end of every workflow, for as long as any ends; what never ends shows in the comparison."""
    left = math.inf
    while left and await until(partial(_has_fewer, service, left)):
        left = _count_known(service)
    await asyncio.wait_for(service.heroku.settle(), PATIENCE_SECONDS)


def _has_fewer(service: TriedService, than: float) -> bool:
    return _count_known(service) < than


def is_settled(service: TriedService) -> bool:
    """Whether no resource has a workflow that runs or waits to."""
    return not _count_known(service)


def _count_known(service: TriedService) -> float:
    """How many resources have a workflow; infinitely many, where the database is not migrated yet, or locked."""
    try:
        return count_running(service)
    except sa.exc.SQLAlchemyError:
        return math.inf


def count_running(service: TriedService) -> int:
    """How many resources have a workflow that runs or waits to, and how many orders are to be carried out."""
    database = Database(service.database_url)
    running = sa.select(sa.func.count()).select_from(resource).where(resource.c.running.is_not(None))
    ordered = sa.select(sa.func.count()).select_from(config_change).where(config_change.c.outcome.is_(None))
    try:
        with database.engine.connect() as connection:
            return connection.execute(running).scalar_one() + connection.execute(ordered).scalar_one()
    finally:
        database.close()


def compare(service: TriedService) -> Comparison:
    """Compare what Heroku shows, what is stored, and what the partner's hooks have made."""
    comparison = Comparison()
    things, tokens = _read_things(service), _read_tokens(service)
    secrets = SecretStore(read_settings(service.environment).keys)
    database = Database(service.database_url)
    with database.engine.connect() as connection:
        rows = {row.uuid: row for row in map(_read, connection.execute(sa.select(resource)))}
        for uuid in {addon.id for addon in service.heroku.state.addons} | rows.keys() | things.keys():
            row = rows.get(uuid)
            if row is not None and _is_burnt(connection, row):
                comparison.burnt_grants += 1
                continue
            if row is not None and _is_refused_late(connection, row, service.heroku):
                continue
            problem = _find_problem(service.heroku, uuid, row, things.get(uuid))
            good = tokens.get(uuid, set())
            if problem := problem or _find_odd_config(service.heroku, uuid, connection, secrets, good):
                comparison.lost.append(f"{problem}\n{_tell(connection, uuid, row)}")
            doubled = _find_doubled(connection, uuid)
            if doubled := doubled or _find_doubled_releases(service.heroku, connection, uuid):
                comparison.doubled.append(f"{doubled}\n{_tell(connection, uuid, row)}")
    database.close()
    return comparison


def _find_problem(heroku: Emulator, uuid: str, row: ResourceRow | None, thing: Thing | None) -> str | None:
    addon = heroku.state.addons.find(uuid)
    if row is None:
        return f"Heroku shows an add-on that is not stored: {uuid}"
    if row.running is not None:
        return f"{row.running} never ends"
    if addon is None:
        is_gone = row.state in ENDED and thing is None
        return None if is_gone else f"gone at Heroku, but {row.state} here, and the partner has {thing or 'nothing'}"
    expected = (
        State.PROVISIONED,
        addon.plan.name,
        Thing(plan=addon.plan.name, address=addon.config.get("ACME_SEARCH_URL", "")),
    )
    found = (row.state, row.plan, thing)
    if addon.state != State.PROVISIONED or found != expected:
        return f"Heroku shows {addon.state} {addon.plan.name} {addon.config}, here it is {found}"
    return None


def _find_odd_config(
    heroku: Emulator, uuid: str, connection: sa.Connection, secrets: SecretStore, tokens: set[str]
) -> str | None:
    """What Heroku has is what is stored, and a token that the partner made is one that is good there."""
    addon = heroku.state.addons.find(uuid)
    if addon is None or addon.state != State.PROVISIONED:
        return None
    stored = secrets.find_config(connection, uuid)
    if stored is not None and stored != addon.config:
        return f"Heroku has {addon.config}, and {stored} is stored"
    rotated = [event for event in list_events(connection, uuid) if event.name == "hook.returned"]
    if all(event.detail["hook"] != "on_rotate" for event in rotated):
        return None
    good = {addon.config.get("ACME_SEARCH_TOKEN")}
    return None if tokens == good else f"the app has {good}, and good at the partner's are {tokens}"


def _find_doubled_releases(heroku: Emulator, connection: sa.Connection, uuid: str) -> str | None:
    """Config that was ordered restarts an app once for each order."""
    addon = heroku.state.addons.find(uuid)
    if addon is None:
        return None
    told = f"Update {addon.name} config vars"
    cut = sum(release.description == told for release in addon.app.releases)
    ordered = sum(event.name == "config.requested" for event in list_events(connection, uuid))
    return f"{cut} releases for {ordered} orders" if ordered and cut > ordered else None


def _find_doubled(connection: sa.Connection, uuid: str) -> str | None:
    """Each outcome is recorded once, whatever ran again on the way to it."""
    counts = Counter(event.name for event in list_events(connection, uuid))
    allowed = {"provision.done": 1, "deprovision.done": 1, "plan_change.done": counts["plan_change.requested"]}
    allowed |= {"credentials.retired": counts["config.requested"]}
    allowed |= {"config.set": 1 + counts["config.requested"] + counts["plan_change.requested"]}
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


def _read_things(service: TriedService) -> dict[str, Thing]:
    path = service.folder / "cloud.db"
    if not path.exists():
        return {}
    connection = sqlite3.connect(path)
    try:
        query = "SELECT uuid, plan, key FROM thing JOIN key USING (uuid)"
        rows = connection.execute(query)
        return {uuid: Thing(plan=plan, address=build_address(uuid, key)) for uuid, plan, key in rows}
    finally:
        connection.close()


def _read_tokens(service: TriedService) -> dict[str, set[str]]:
    path = service.folder / "cloud.db"
    tokens: dict[str, set[str]] = {}
    if path.exists():
        connection = sqlite3.connect(path)
        for uuid, token in connection.execute("SELECT uuid, token FROM token"):
            tokens.setdefault(uuid, set()).add(token)
        connection.close()
    return tokens


def _read(row: sa.Row[tuple[object, ...]]) -> ResourceRow:
    return ResourceRow(**{**row._asdict(), "state": State(row.state)})
