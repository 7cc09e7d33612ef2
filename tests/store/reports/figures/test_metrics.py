"""The counts behind /metrics, on both databases, against a world counted by hand."""

from datetime import timedelta

from headrace.models import Outcome, State
from headrace.store.reports.figures.metrics import (
    CheckCounts,
    FleetCounts,
    Provisioned,
    ProvisionTimes,
    load_check_counts,
    load_fleet_counts,
)
from headrace.store.reports.figures.roll_up import PROVISION_BOUNDS
from headrace.store.sql.database import Database
from headrace.store.state.placements import save_inspection
from store.making import HOUR, NOON, add_resource, decline, place

LATER = NOON + 24 * HOUR


async def test_an_empty_store_counts_nothing(database: Database) -> None:
    """Zeroes and no moment, and no error."""
    times = ProvisionTimes(count=0, sum_seconds=0.0, buckets=dict.fromkeys(PROVISION_BOUNDS, 0))
    expected = FleetCounts(
        by_state={},
        provisioned=Provisioned(by_stage_and_plan={}, pipelines=0, provision_times=times),
        due_since=None,
        open_notices={},
        running_workflows=0,
    )
    assert expected == await database.read(load_fleet_counts, now=NOON)
    assert CheckCounts(oldest=None, unchecked=0, by_outcome={}) == await database.read(load_check_counts)


async def test_a_small_world_is_counted_right(database: Database) -> None:
    """Two in one pipeline, one in another, one in none, one untold, and some that are not provisioned."""
    with database.transaction() as connection:
        for name, plan, seconds, inspection in (
            ("a", "free", 0.5, place("a", stage="staging", at=NOON + 2 * HOUR)),
            ("b", "basic", 5.0, place("b", stage="production", at=NOON + 3 * HOUR)),
            ("c", "basic", 7.25, place("c", "blog", stage="production", at=NOON + HOUR)),
            ("d", "basic", 90.0, place("d", None, at=NOON + 4 * HOUR)),
            ("e", "free", 2.0, decline(Outcome.FORBIDDEN, "e", at=NOON + 5 * HOUR)),
        ):
            took = timedelta(seconds=seconds)
            add_resource(connection, name, state=State.PROVISIONED, plan=plan, provisioned_at=NOON + took)
            save_inspection(connection, inspection, next_check_at=NOON)
        add_resource(connection, "f")
        add_resource(connection, "g", state=State.FAILED)
        add_resource(connection, "h", state=State.DEPROVISIONED)
        save_inspection(connection, place("h", "gone", at=NOON), next_check_at=NOON)
        add_resource(connection, "i", is_synchronous=True)

    counts = await database.read(load_fleet_counts, now=LATER)
    assert {"provisioned": 5, "provisioning": 2, "failed": 1, "deprovisioned": 1} == counts.by_state
    assert {
        ("staging", "free"): 1,
        ("production", "basic"): 2,
        ("none", "basic"): 1,
        ("unknown", "free"): 1,
    } == counts.provisioned.by_stage_and_plan
    expected = CheckCounts(oldest=NOON + HOUR, unchecked=1, by_outcome={"placed": 3, "uncoupled": 1, "forbidden": 1})
    assert expected == await database.read(load_check_counts)
    assert NOON == counts.due_since
    assert 2 == counts.provisioned.pipelines
    times = counts.provisioned.provision_times
    assert (5, 104.75) == (times.count, times.sum_seconds)
    assert (1, 4) == (times.buckets[1.0], times.buckets[60.0])


async def test_a_bucket_counts_what_took_exactly_its_bound(database: Database) -> None:
    """Prometheus' upper bounds are inclusive, on both databases."""
    with database.transaction() as connection:
        for number in range(20):
            created = NOON + number * timedelta(minutes=7, seconds=13)
            took = timedelta(seconds=5)
            add_resource(connection, f"acme-{number}", at=created, provisioned_at=created + took)

    counts = await database.read(load_fleet_counts, now=LATER)
    buckets = counts.provisioned.provision_times.buckets
    assert [(1.0, 0), (2.5, 0), (5.0, 20), (10.0, 20)] == [*buckets.items()][1:5]


async def test_a_moved_resource_is_counted_once_where_it_is_now(database: Database) -> None:
    """History does not count twice."""
    with database.transaction() as connection:
        add_resource(connection, state=State.PROVISIONED)
        save_inspection(connection, place(stage="staging"), next_check_at=NOON)
        save_inspection(connection, place(stage="production", at=NOON + HOUR), next_check_at=NOON)

    counts = await database.read(load_fleet_counts, now=LATER)
    assert {("production", "basic"): 1} == counts.provisioned.by_stage_and_plan
    assert 1 == counts.provisioned.pipelines
