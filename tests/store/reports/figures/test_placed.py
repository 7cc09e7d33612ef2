"""Since when each provisioned resource has been what it is now."""

from headrace.models import State
from headrace.store.reports.figures.placed import Placed, load_placed
from headrace.store.sql.database import Database
from headrace.store.state.placements import close_placement
from headrace.store.state.resources import update_resource
from store.making import HOUR, NOON, add_resource, id_of
from store.reports.figures.test_roll_up import change_plan, move, provision


def test_a_resource_is_since_when_it_came_to_its_place_or_its_plan(database: Database) -> None:
    """Whichever came last; one of which Heroku never told is what it is since it was provisioned."""
    with database.transaction() as connection:
        for name, known in {"still": None, "moved": "staging", "grown": "staging", "out": "review"}.items():
            provision(connection, name, stage=known or "test", at=NOON)
        move(connection, "moved", "storefront", "production", at=NOON + 2 * HOUR)
        change_plan(connection, "grown", "premium", at=NOON + 3 * HOUR)
        move(connection, "out", None, at=NOON + 4 * HOUR)
        add_resource(connection, "untold", state=State.PROVISIONED, provisioned_at=NOON + HOUR)
        found, besides = load_placed(connection, limit=9)

    storefront = (id_of("storefront"), "storefront")
    assert 0 == besides
    assert {
        Placed(id_of("still"), "app-still", *storefront, "test", "basic", NOON),
        Placed(id_of("moved"), "app-moved", *storefront, "production", "basic", NOON + 2 * HOUR),
        Placed(id_of("grown"), "app-grown", *storefront, "staging", "premium", NOON + 3 * HOUR),
        Placed(id_of("out"), "app-out", None, None, "none", "basic", NOON + 4 * HOUR),
        Placed(id_of("untold"), None, None, None, "unknown", "basic", NOON + HOUR),
    } == set(found)


def test_those_that_were_asked_for_first_have_a_series(database: Database) -> None:
    """However many come later, and as soon as one of them is gone the next has one too."""
    with database.transaction() as connection:
        for number in range(5):
            provision(connection, f"r{number}", at=NOON + number * HOUR)
        first, besides = load_placed(connection, limit=3)
        close_placement(connection, id_of("r0"), now=NOON + 9 * HOUR)
        update_resource(connection, id_of("r0"), state=State.DEPROVISIONED, deprovisioned_at=NOON + 9 * HOUR)
        later, left = load_placed(connection, limit=3)

    assert ([id_of("r0"), id_of("r1"), id_of("r2")], 2) == ([each.uuid for each in first], besides)
    assert ([id_of("r1"), id_of("r2"), id_of("r3")], 1) == ([each.uuid for each in later], left)
