"""What happened last: moves, provisions and notices, as the overview reads them."""

from datetime import timedelta

from headrace.fleet.overview import load_overview
from headrace.models import State
from headrace.store.reports.figures.insights import (
    LATEST,
    RECENT,
    SERIES,
    SUMS,
    LatestMove,
    list_latest_moves,
    list_provision_times,
)
from headrace.store.reports.figures.kept_count import KEPT_ALONE
from headrace.store.reports.figures.roll_up import FleetFigure
from headrace.store.sql.database import Database
from headrace.store.state.due import find_longest_due
from headrace.store.state.notices import NoticeKind, count_up_to, raise_notice, settle_notices
from headrace.store.state.placements import close_placement, save_inspection
from store.making import HOUR, NOON, add_resource, id_of, place

SECOND = timedelta(seconds=1)


def test_every_figure_is_read_in_one_way() -> None:
    """Day by day, added up, or of the latest day alone; one that is in none is counted, and no page is told of it."""
    assert sorted(FleetFigure) == sorted((*SERIES, *SUMS, *LATEST, *KEPT_ALONE))


async def test_the_latest_moves_come_first(database: Database) -> None:
    """To be told a place for the first time is none, and a name alone is none; out of a pipeline it keeps its name."""
    with database.transaction() as connection:
        for name in ("a", "b"):
            add_resource(connection, name, state=State.PROVISIONED, provisioned_at=NOON)
            save_inspection(connection, place(name, "shop", "staging", app=f"app-{name}"), next_check_at=NOON)
        for inspection in (
            place("a", "shop", "staging", app="new-name", at=NOON + HOUR),
            place("b", "shop", "production", app="app-b", at=NOON + 2 * HOUR),
            place("a", None, app="new-name", at=NOON + 3 * HOUR),
        ):
            save_inspection(connection, inspection, next_check_at=NOON)
    in_shop = {"pipeline_id": id_of("shop"), "pipeline_name": "shop"}

    assert [
        LatestMove(
            moved_at=NOON + 3 * HOUR,
            resource_uuid=id_of("a"),
            app_name="new-name",
            from_stage="staging",
            to_stage="none",
            **in_shop,
        ),
        LatestMove(
            moved_at=NOON + 2 * HOUR,
            resource_uuid=id_of("b"),
            app_name="app-b",
            from_stage="staging",
            to_stage="production",
            **in_shop,
        ),
    ] == await database.read(list_latest_moves)
    overview = await database.read(load_overview, days=30, small_plans=(), now=NOON + 4 * HOUR, recheck_every=HOUR)
    assert ["app-b"] == [move.app_name for move in overview.reached_production]


async def test_moves_are_looked_for_among_the_latest_placements(database: Database) -> None:
    """So many at the most, so that it costs the same in every fleet."""
    with database.transaction() as connection:
        add_resource(connection, "a", state=State.PROVISIONED, provisioned_at=NOON)
        for number in range(RECENT + 2):
            stage = "staging" if number % 2 else "production"
            save_inspection(connection, place("a", stage=stage, at=NOON + number * SECOND), next_check_at=NOON)
    moves = await database.read(list_latest_moves)

    assert (RECENT, NOON + (RECENT + 1) * SECOND) == (len(moves), moves[0].moved_at)


async def test_a_provision_took_from_the_request_to_the_mark(database: Database) -> None:
    """Those that are gone count too; older, unfinished and imported ones do not."""
    with database.transaction() as connection:
        for name, at, took, changes in (
            ("a", NOON, 2, {"state": State.PROVISIONED}),
            ("gone", NOON + HOUR, 3, {"state": State.DEPROVISIONED}),
            ("old", NOON - SECOND, 5, {"state": State.PROVISIONED}),
            ("imported", NOON, 7, {"state": State.PROVISIONED, "imported_at": NOON}),
        ):
            add_resource(connection, name, at=at, provisioned_at=at + took * SECOND, **changes)
        add_resource(connection, "unfinished", at=NOON)

    assert [3.0, 2.0] == await database.read(list_provision_times, since=NOON)


async def test_the_95th_percentile_of_a_day_is_told(database: Database) -> None:
    """Of 1 to 20 seconds 95 percent did not take more than 19."""
    with database.transaction() as connection:
        for number in range(1, 21):
            add_resource(connection, f"a{number}", state=State.PROVISIONED, provisioned_at=NOON + number * SECOND)
    now = NOON + 24 * HOUR
    overview = await database.read(load_overview, days=1, small_plans=(), now=now, recheck_every=HOUR)
    provisions = overview.provisions

    assert (NOON, 20, 19.0) == (provisions.since, provisions.count, provisions.p95_seconds)


async def test_notices_are_counted_up_to_a_bound(database: Database) -> None:
    """Three open ones are three, or the bound where that is less; settled ones are none."""
    with database.transaction() as connection:
        for name in "abcd":
            raise_notice(connection, add_resource(connection, name), NoticeKind.EVENT_FAILED, now=NOON)
        settle_notices(connection, id_of("d"), by="operator", now=NOON)

    assert [3, 2] == [await database.read(count_up_to, most) for most in (1000, 2)]


async def test_what_is_gone_is_never_due(database: Database) -> None:
    """The look that waits longest is one at a resource that is there; without any, nothing is due."""
    with database.transaction() as connection:
        for name, due_in in (("gone", -HOUR), ("there", HOUR)):
            add_resource(connection, name, state=State.PROVISIONED, provisioned_at=NOON)
            save_inspection(connection, place(name), next_check_at=NOON + due_in)
        before = find_longest_due(connection)
        close_placement(connection, id_of("gone"), now=NOON)
        after = find_longest_due(connection)
        now = NOON + 3 * HOUR
        lag = load_overview(connection, days=1, small_plans=(), now=now, recheck_every=HOUR).sync_lag_seconds

        assert (NOON - HOUR, NOON + HOUR, 7200.0) == (before, after, lag)
