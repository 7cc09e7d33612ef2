"""A partner's own numbers by stage, worked out by hand."""

from datetime import UTC, date, datetime

from headrace.fleet.own_metrics import OwnMetric, build_own_metrics, load_own_metrics
from headrace.store.reports.figures.panel_metrics import StageSum
from headrace.store.sql.database import Database
from headrace.store.state.panel_metrics import save_panel_metrics
from headrace.store.state.placements import save_inspection
from store.making import NOON, add_resource, id_of, place

MONDAY, TUESDAY = date(2026, 11, 2), date(2026, 11, 3)
A_WEEK_BEFORE = date(2026, 10, 26)


def test_sums_add_up_and_have_the_week_before_beside_them() -> None:
    """A metric that was not kept a week ago has nothing beside it."""
    sums = [
        StageSum(A_WEEK_BEFORE, "documents", "production", 100.0, 2),
        StageSum(A_WEEK_BEFORE, "documents", "staging", 20.0, 1),
        StageSum(MONDAY, "documents", "production", 150.0, 3),
        StageSum(MONDAY, "documents", "review", 0.5, 1),
        StageSum(MONDAY, "queries", "production", 7.0, 1),
    ]

    assert (
        OwnMetric(
            name="documents",
            day=MONDAY,
            is_over=True,
            resources=4,
            total=150.5,
            by_stage={"production": 150.0, "review": 0.5},
            week_earlier=120.0,
        ),
        OwnMetric(
            name="queries",
            day=MONDAY,
            is_over=True,
            resources=1,
            total=7.0,
            by_stage={"production": 7.0},
            week_earlier=None,
        ),
    ) == build_own_metrics(sums, day=MONDAY, is_over=True)


async def test_a_day_that_is_over_comes_before_today(database: Database) -> None:
    """Of today perhaps not everybody was asked yet; it stands where there is no other."""

    async def load() -> list[tuple[date, bool, float]]:
        found = await database.read(load_own_metrics, now=datetime(2026, 11, 3, 12, tzinfo=UTC))
        return [(each.day, each.is_over, each.total) for each in found]

    nothing = await load()
    uuid = await database.write(add_resource, state="provisioned")
    await database.write(save_panel_metrics, uuid, TUESDAY, {"documents": 3})
    today = await load()
    await database.write(save_panel_metrics, uuid, MONDAY, {"documents": 2})
    over = await load()

    assert [] == nothing
    assert [(TUESDAY, False, 3.0)] == today
    assert [(MONDAY, True, 2.0)] == over


async def test_numbers_stand_at_the_stage_that_heroku_told(database: Database) -> None:
    """Where it never told, that is said; who is asked twice on a day is counted once, with the last answer."""
    for name in ("acme-1", "acme-2", "acme-3"):
        await database.write(add_resource, name, state="provisioned")
    await database.write(save_inspection, place("acme-1", app="shop"), next_check_at=NOON)
    await database.write(save_inspection, place("acme-2", None, app="blog"), next_check_at=NOON)
    for name, value in (("acme-1", 1), ("acme-1", 10), ("acme-2", 5), ("acme-3", 2)):
        await database.write(save_panel_metrics, id_of(name), MONDAY, {"documents": value})
    (found,) = await database.read(load_own_metrics, now=NOON)

    assert {"staging": 10.0, "none": 5.0, "unknown": 2.0} == found.by_stage
    assert (17.0, 3) == (found.total, found.resources)
