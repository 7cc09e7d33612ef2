"""Random histories of what is stored, and the worker that counts it: changes come late, days pass, workers die."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import singledispatchmethod
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from hypothesis import strategies as st

from headrace.fleet.counting import FRESH_FOR, RollUp
from headrace.fleet.experiments import COHORT_WEEKS
from headrace.fleet.insights import WEEK
from headrace.models import Outcome, State
from headrace.protocol.import_lines import Imported
from headrace.store.reports.figures.counted_days import SETTLED_AFTER, find_counted_at, load_day
from headrace.store.reports.figures.kept_count import forget_kept
from headrace.store.reports.figures.metrics import count_provisioned, load_fleet_counts
from headrace.store.reports.figures.roll_up import DAY, begin, count_day
from headrace.store.reports.weekly.cohorts import Beginnings, Stays, list_beginnings, list_stays
from headrace.store.reports.weekly.kept_cohorts import load_cohorts
from headrace.store.sql.database import Database
from headrace.store.sql.tables import METADATA
from headrace.store.sql.tables.schema import resource
from headrace.store.state.placements import close_placement, save_inspection
from headrace.store.state.plan_changes import PlanChangeOutcome, add_plan_change, settle_plan_change
from headrace.store.state.resources import ResourceRow, find_resource, insert_imported, update_resource
from store.making import NOON, add_resource, decline, id_of, place

P = ParamSpec("P")
T = TypeVar("T")

SLOTS = tuple("abcd")
STARTED_AT = NOON


@dataclass(frozen=True, slots=True)
class Ask:
    slot: str
    plan: str


@dataclass(frozen=True, slots=True)
class Provision:
    """What was asked for is there."""

    slot: str


@dataclass(frozen=True, slots=True)
class Place:
    """Heroku says where an app is: in a pipeline, in none, or it does not say."""

    slot: str
    pipeline: str | None
    stage: str | None


@dataclass(frozen=True, slots=True)
class Leave:
    """Heroku has asked to remove it, and nobody has done so yet, or it failed."""

    slot: str
    state: State


@dataclass(frozen=True, slots=True)
class Deprovision:
    slot: str


@dataclass(frozen=True, slots=True)
class ChangePlan:
    slot: str
    plan: str
    outcome: PlanChangeOutcome


@dataclass(frozen=True, slots=True)
class Import:
    """Another provider has had it for so many days, and it may be gone."""

    slot: str
    days: int
    is_gone: bool


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A plan is another one, and nobody knows since when; or a provision was done long ago."""

    slot: str
    is_plan: bool


@dataclass(frozen=True, slots=True)
class Pass:
    minutes: int


@dataclass(frozen=True, slots=True)
class Count:
    """One of two workers looks, and dies at its first write or a later one, or at none."""

    worker: int
    dies_at: int | None


# What happens to a resource that is there.
Change = Provision | Place | Leave | Deprovision | ChangePlan | Rewrite
Action = Change | Ask | Import | Pass | Count

_SLOT = st.sampled_from(SLOTS)
_PLAN = st.sampled_from(["free", "basic"])
_STAGE = st.sampled_from(["review", "test", "staging", "production", "canary"])
_ACTION: st.SearchStrategy[Action] = st.one_of(
    st.builds(Ask, _SLOT, _PLAN),
    st.builds(Provision, _SLOT),
    st.builds(Provision, _SLOT),
    st.builds(Place, _SLOT, st.sampled_from(["shop", "blog", "shop", None]), _STAGE),
    st.builds(Place, _SLOT, st.sampled_from(["shop", "blog"]), _STAGE),
    st.builds(Place, _SLOT, st.none(), st.none()),
    st.builds(Leave, _SLOT, st.sampled_from([State.DEPROVISIONING, State.FAILED])),
    st.builds(Deprovision, _SLOT),
    st.builds(ChangePlan, _SLOT, _PLAN, st.just(PlanChangeOutcome.DONE)),
    st.builds(ChangePlan, _SLOT, _PLAN, st.sampled_from(list(PlanChangeOutcome))),
    st.builds(Import, _SLOT, st.integers(0, 9), st.booleans()),
    st.builds(Rewrite, _SLOT, st.booleans()),
    st.builds(Pass, st.sampled_from([1, 5, 14, 20, 45, 300, 700, 3_000])),
    st.builds(Pass, st.sampled_from([1, 5, 14, 20, 45, 300, 700, 3_000])),
    st.builds(Count, st.integers(0, 1), st.none()),
    st.builds(Count, st.integers(0, 1), st.none()),
    st.builds(Count, st.integers(0, 1), st.integers(0, 3)),
)
# An action, and how many minutes before it is stored it happened.
HISTORIES = st.lists(st.tuples(_ACTION, st.sampled_from([0, 0, 1, 14])), min_size=5, max_size=40)


class Died(Exception):
    """A worker was killed."""


class Mortal(Database):
    """A database whose user dies at a write: what was written before stays."""

    writes_left: int | None = None

    async def write(self, query: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.writes_left is not None:
            if not self.writes_left:
                raise Died
            self.writes_left -= 1
        return await super().write(query, *args, **kwargs)


@dataclass
class Counted:
    """A database while a history is played on it."""

    database: Mortal
    now: datetime = STARTED_AT
    workers: list[RollUp] = field(init=False)
    # Days before this one were counted as it was known then.
    rewritten_on: date = date.min

    def __post_init__(self) -> None:
        self.workers = [RollUp(self.database, clock=lambda: self.now, stopwatch=lambda: 0.0) for _ in range(2)]
        with self.database.transaction() as connection:
            for table in reversed(METADATA.sorted_tables):
                connection.execute(sa.delete(table))
            for slot in SLOTS[:2]:
                add_resource(connection, slot, at=STARTED_AT, state=State.PROVISIONED, provisioned_at=STARTED_AT)

    async def play(self, history: list[tuple[Action, int]]) -> None:
        for action, late in history:
            if isinstance(action, Pass):
                self.now += timedelta(minutes=action.minutes)
            elif isinstance(action, Count):
                await self._count(action)
            else:
                with self.database.transaction() as connection:
                    self._change(connection, action, self.now - timedelta(minutes=late))

    def _change(self, connection: sa.Connection, action: Change | Ask | Import, at: datetime) -> None:
        row = find_resource(connection, id_of(action.slot))
        if isinstance(action, Ask | Import):
            if row is None:
                self._add(connection, action, at)
        elif row is not None:
            self._take(action, connection, row, at)

    async def look(self) -> None:
        """See that today and each day that is over were counted as all of it is."""
        await self._count(Count(worker=0, dies_at=None))
        with self.database.engine.connect() as connection:
            day, today = max(STARTED_AT.date(), self.rewritten_on), self.now.date()
            while day < today:
                counted_at = find_counted_at(connection, day)
                if counted_at is not None and counted_at >= begin(day + DAY) + SETTLED_AFTER:
                    assert {*count_day(connection, day)} == {*load_day(connection, day)}
                day += DAY
            self._compare_cohorts(connection)

    def _compare_cohorts(self, connection: sa.Connection) -> None:
        """The cohorts up to the last Monday are the same, be they kept or counted."""
        settled_on = (self.now - SETTLED_AFTER).date()
        until = begin(settled_on - settled_on.weekday() * DAY)
        since = until - COHORT_WEEKS * WEEK
        kept = load_cohorts(connection, since=since, until=until)
        assert add_up(list_beginnings(connection, since=since, until=until)) == add_up(kept.beginnings)
        assert add_up(list_stays(connection, since=since, until=until)) == add_up(kept.stays)

    async def _count(self, action: Count) -> None:
        """Have a worker look twice; today it counts as all of it is, and then it may see to what is over."""
        self.now += 2 * FRESH_FOR
        self.database.writes_left = action.dies_at
        with suppress(Died):
            for _ in range(2):
                await self.workers[action.worker].run_once()
        self.database.writes_left = None
        with self.database.engine.connect() as connection:
            today = self.now.date()
            if find_counted_at(connection, today) == self.now:
                assert {*count_day(connection, today)} == {*load_day(connection, today)}
            self._compare_gauges(connection)

    def _compare_gauges(self, connection: sa.Connection) -> None:
        """What `/metrics` says by what has changed is what is counted of everything."""
        states = sa.select(resource.c.state, sa.func.count().label("resources")).group_by(resource.c.state)
        told = load_fleet_counts(connection, now=self.now)
        assert count_provisioned(connection) == told.provisioned
        assert {row.state: row.resources for row in connection.execute(states)} == told.by_state

    @singledispatchmethod
    def _take(self, action: Action, connection: sa.Connection, row: ResourceRow, at: datetime) -> None:
        raise NotImplementedError(action)

    @_take.register
    def _(self, action: Provision, connection: sa.Connection, row: ResourceRow, at: datetime) -> None:
        if row.state is State.PROVISIONING:
            update_resource(connection, row.uuid, state=State.PROVISIONED, provisioned_at=at)

    @_take.register
    def _(self, action: Place, connection: sa.Connection, _row: ResourceRow, at: datetime) -> None:
        told = place(action.slot, action.pipeline, action.stage or "", app=f"app-{action.slot}", at=at)
        if action.stage is None:
            told = decline(Outcome.FORBIDDEN, action.slot, at=at)
        save_inspection(connection, told, next_check_at=at)

    @_take.register
    def _(self, action: Leave, connection: sa.Connection, row: ResourceRow, _at: datetime) -> None:
        if row.state is State.PROVISIONED:
            update_resource(connection, row.uuid, state=action.state)

    @_take.register
    def _(self, _action: Deprovision, connection: sa.Connection, row: ResourceRow, at: datetime) -> None:
        if row.state is not State.DEPROVISIONED:
            close_placement(connection, row.uuid, now=at)
            update_resource(connection, row.uuid, state=State.DEPROVISIONED, deprovisioned_at=at)

    @_take.register
    def _(self, action: ChangePlan, connection: sa.Connection, row: ResourceRow, at: datetime) -> None:
        if row.state is not State.PROVISIONED:
            return
        number = add_plan_change(connection, row.uuid, old_plan=row.plan, new_plan=action.plan, now=at)
        settle_plan_change(connection, row.uuid, number, outcome=action.outcome, message=None, now=at)
        if action.outcome is PlanChangeOutcome.DONE:
            update_resource(connection, row.uuid, plan=action.plan)

    @_take.register
    def _(self, action: Rewrite, connection: sa.Connection, row: ResourceRow, _at: datetime) -> None:
        values: dict[str, Any] = {"plan": "premium"} if action.is_plan else {"provisioned_at": row.created_at - 3 * DAY}
        update_resource(connection, row.uuid, **values)
        self._rewrite(connection)

    def _add(self, connection: sa.Connection, action: Ask | Import, at: datetime) -> None:
        if isinstance(action, Ask):
            add_resource(connection, action.slot, at=at, plan=action.plan, requested_plan=action.plan)
            return
        imported = Imported(
            uuid=id_of(action.slot),
            name=action.slot,
            plan="basic",
            region="eu",
            state=State.DEPROVISIONED if action.is_gone else State.PROVISIONED,
            app=None,
            created_at=at - action.days * DAY,
            token=None,
        )
        insert_imported(connection, imported, now=at)
        self.rewritten_on = self.now.date() + DAY

    def _rewrite(self, connection: sa.Connection) -> None:
        forget_kept(connection)
        self.rewritten_on = self.now.date() + DAY


def add_up(cohorts: Iterable[Beginnings | Stays]) -> dict[tuple[Any, ...], int]:
    """Return the sizes of cohorts that began alike."""
    sizes: Counter[tuple[Any, ...]] = Counter()
    for *kind, size in cohorts:
        sizes[tuple(kind)] += size
    return dict(sizes)
