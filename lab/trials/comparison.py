"""Whether Heroku, the service and the partner agree, resource by resource."""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa

from headrace.emulator import Addon, Emulator
from headrace.models import State
from headrace.settings import read_settings
from headrace.store.sql.tables.schema import config_change, notice, resource
from headrace.store.state.notice_sending import ALL_SENT, RAISED_SENT
from headrace.store.state.notices import list_notices_of
from headrace.store.state.plan_changes import find_last_plan_change
from headrace.store.state.resources import ResourceRow
from headrace.store.state.secrets import LOG_DRAIN_URL, SecretStore
from headrace.store.state.timeline import EventRow, list_events
from lab.kit.waiting import PATIENCE_SECONDS, until
from lab.trials.ledger import Books, Thing, read_books
from lab.trials.receiver import Receiver
from lab.trials.service import TriedService

ENDED = (State.FAILED, State.DEPROVISIONED)


@dataclass
class Comparison:
    """What differs, each with the story of its resource."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    burnt: list[str] = field(default_factory=list)


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
    """How many resources have a workflow that runs or waits to, and how many orders and messages are not done yet."""
    counts = [
        sa.select(sa.func.count()).select_from(resource).where(resource.c.running.is_not(None)),
        sa.select(sa.func.count()).select_from(config_change).where(config_change.c.outcome.is_(None)),
    ]
    if service.receiver is not None:
        wanted = sa.case((notice.c.settled_at.is_(None), RAISED_SENT), else_=ALL_SENT)
        counts.append(sa.select(sa.func.count()).select_from(notice).where(notice.c.sent < wanted))
    with service.database.engine.connect() as connection:
        return sum(connection.execute(count).scalar_one() for count in counts)


def compare(service: TriedService) -> Comparison:
    """Compare what Heroku shows, what is stored, and what the partner's hooks have made."""
    comparison, books = Comparison(), read_books(service)
    secrets = SecretStore(read_settings(service.environment).keys)
    with service.database.engine.connect() as connection:
        rows = {row.uuid: row for row in map(_read, connection.execute(sa.select(resource)))}
        for uuid in {addon.id for addon in service.heroku.state.addons} | rows.keys() | books.keys():
            found = _Found(
                heroku=service.heroku,
                uuid=uuid,
                row=rows.get(uuid),
                books=books.get(uuid, Books()),
                events=list_events(connection, uuid),
                config=secrets.find_config(connection, uuid),
                drain_url=secrets.find(connection, uuid, LOG_DRAIN_URL),
            )
            if found.row is not None and found.addon is not None and _is_burnt(connection, found.row):
                comparison.burnt.append(f"a grant is burnt\n{_tell(found)}")
                continue
            if found.row is not None and _is_refused_late(connection, found.row, service.heroku):
                continue
            if problem := _find_first(found, *LOSSES):
                comparison.lost.append(f"{problem}\n{_tell(found)}")
            if doubled := _find_first(found, *DOUBLES):
                comparison.doubled.append(f"{doubled}\n{_tell(found)}")
        if service.receiver is not None:
            _compare_messages(comparison, connection, service.receiver)
    return comparison


@dataclass(frozen=True, kw_only=True)
class _Found:
    """All that there is of one resource, on the three sides."""

    heroku: Emulator
    uuid: str
    row: ResourceRow | None
    books: Books
    events: Sequence[EventRow]
    config: dict[str, str] | None
    drain_url: str | None

    @property
    def addon(self) -> Addon | None:
        return self.heroku.state.addons.find(self.uuid)

    @property
    def there(self) -> Addon | None:
        """The add-on, if it is one that Heroku counts as provisioned."""
        return self.addon if self.addon is not None and self.addon.state == State.PROVISIONED else None

    def list_details(self, name: str) -> list[Mapping[str, Any]]:
        return [event.detail for event in self.events if event.name == name]


def _find_first(found: _Found, *looks: Callable[[_Found], str | None]) -> str | None:
    return next((problem for look in looks if (problem := look(found))), None)


def _find_problem(found: _Found) -> str | None:
    row, addon, thing = found.row, found.addon, found.books.thing
    if row is None:
        return f"Heroku shows an add-on that is not stored: {found.uuid}"
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
    here = (row.state, row.plan, thing)
    if addon.state != State.PROVISIONED or here != expected:
        return f"Heroku shows {addon.state} {addon.plan.name} {addon.config}, here it is {here}"
    return None


def _find_odd_config(found: _Found) -> str | None:
    """What Heroku has is what is stored, and a token that the partner made is one that is good there."""
    if found.there is None:
        return None
    config, tokens = found.there.config, found.books.tokens
    if found.config is not None and found.config != config:
        return f"Heroku has {config}, and {found.config} is stored"
    if all(detail["hook"] != "on_rotate" for detail in found.list_details("hook.returned")):
        return None
    good = {config.get("ACME_SEARCH_TOKEN")}
    return None if tokens == good else f"the app has {good}, and good at the partner's are {tokens}"


def _find_odd_log(found: _Found) -> str | None:
    """Heroku sends the log where it was last told to, and the partner may write to it where it was told."""
    addon = found.there
    if addon is None:
        return None
    urls = [drain.url for drain in addon.app.log_drains.values() if drain.addon is addon]
    expected = [] if addon.log_drain_token is None else [found.drain_url]
    if urls != expected:
        return f"Heroku sends the log to {urls}, and {expected} is stored"
    log_input_url = addon.build_log_input_url(found.heroku.url)
    if found.books.log_input_url != log_input_url:
        return f"Heroku takes lines at {log_input_url}, and the partner has {found.books.log_input_url}"
    return None


def _find_odd_actions(found: _Found) -> str | None:
    """What was told last is what the partner did last, order by order; and a step is done once."""
    told = {f"{found.uuid}:{each['number']}": each.get("message") for each in found.list_details("action.done")}
    made = {order: f"run {len(snapshots)}" for order, snapshots in found.books.snapshots.items()}
    if found.there is not None and list(told.items()) != list(made.items()):
        return f"of actions {told} is told, and the partner did {made}"
    other = [order for order, snapshots in found.books.snapshots.items() if len({*snapshots}) > 1]
    return f"the step of {other} was done again once it was done" if other else None


def _find_late_action(found: _Found) -> str | None:
    """An action is never beside or behind the removal."""
    calls = found.books.calls
    is_late = "drop" in calls and "rebuild" in calls[calls.index("drop") :]
    return f"an action was done after the removal: {calls}" if is_late else None


def _find_doubled_releases(found: _Found) -> str | None:
    """Config that was ordered restarts an app once for each order."""
    if found.addon is None:
        return None
    told = f"Update {found.addon.name} config vars"
    cut = sum(release.description == told for release in found.addon.app.releases)
    ordered = len(found.list_details("config.requested"))
    return f"{cut} releases for {ordered} orders" if ordered and cut > ordered else None


def _find_doubled(found: _Found) -> str | None:
    """Each outcome is recorded once, whatever ran again on the way to it."""
    counts = Counter(event.name for event in found.events)
    allowed = {"provision.done": 1, "deprovision.done": 1, "plan_change.done": counts["plan_change.requested"]}
    allowed |= {"credentials.retired": counts["config.requested"]}
    allowed |= {"config.set": 1 + counts["config.requested"] + counts["plan_change.requested"]}
    allowed |= {"log_drain.set": 1 + counts["log_drain.requested"], "deprovision.told": 1}
    allowed |= dict.fromkeys(("action.begun", "action.done"), counts["action.requested"])
    too_often = [f"{name} {counts[name]} times" for name, most in allowed.items() if counts[name] > most]
    return ", ".join(too_often) or None


LOSSES = (_find_problem, _find_odd_config, _find_odd_log, _find_odd_actions, _find_late_action)
DOUBLES = (_find_doubled, _find_doubled_releases)


def _compare_messages(comparison: Comparison, connection: sa.Connection, receiver: Receiver) -> None:
    """Each notice is told of when it is raised and when it is settled, again and again with one id and one text."""
    expected = set()
    for row in connection.execute(sa.select(notice.c.id, notice.c.settled_at)):
        expected |= {f"notice-{row.id}-raised"} | ({f"notice-{row.id}-settled"} if row.settled_at else set())
    heard: dict[str, set[str]] = {}
    for message in receiver.messages:
        told = {name: value for name, value in message.items() if name not in ("id", "sent_at")}
        heard.setdefault(message["id"], set()).add(json.dumps(told, sort_keys=True))
    if heard.keys() != expected:
        comparison.lost.append(f"notices: heard of {sorted(heard)}, and not of {sorted(expected - heard.keys())}")
    comparison.doubled += [
        f"two messages have the id {each}: {texts}" for each, texts in heard.items() if len(texts) > 1
    ]


def _is_burnt(connection: sa.Connection, row: ResourceRow) -> bool:
    """Killed between Heroku's exchange of the grant and our record: promised is a clear end, with a notice.

    The grant of a provision that was recorded, and of which Heroku heard no answer, is gone as the add-on is.
    """
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


def _tell(found: _Found) -> str:
    lines = [f"    {event.at:%H:%M:%S.%f} {event.name} {dict(event.detail)}" for event in found.events]
    return "\n".join([f"  {found.uuid} {found.row}", *lines])


def _read(row: sa.Row[tuple[object, ...]]) -> ResourceRow:
    return ResourceRow(**{**row._asdict(), "state": State(row.state)})
