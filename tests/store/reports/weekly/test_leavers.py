"""What was lost, and what stands in production on a small plan, on both databases."""

from datetime import timedelta

from headrace.store.reports.weekly.leavers import LostResource, SmallProduction, list_lost, list_small_production
from headrace.store.sql.database import Database
from store.making import HOUR, id_of
from store.reports.figures.test_roll_up import MONDAY, deprovision, move, on, provision

START = on(MONDAY, 0)
END = START + timedelta(weeks=1)


def test_what_was_lost_is_told_with_the_stage_it_happened_in(database: Database) -> None:
    """The longest there first; a review app, one that went before and one that goes at the end are not listed."""
    with database.transaction() as connection:
        for number, name in enumerate(("early", "young", "pr", "before", "after")):
            provision(connection, name, "shop", "staging", at=START - (50 - number) * HOUR)
        move(connection, "early", "shop", "production", at=START)
        move(connection, "pr", "shop", "review", at=START)
        for name, at in (("before", START - HOUR), ("young", START), ("early", START + HOUR), ("pr", START + HOUR)):
            deprovision(connection, name, at=at)
        deprovision(connection, "after", at=END)
        first, second = list_lost(connection, since=START, until=END, limit=9)

    assert (id_of("young"), "staging") == (second.uuid, second.stage)
    assert (
        LostResource(
            uuid=id_of("early"),
            app_name="app-early",
            plan="basic",
            stage="production",
            pipeline_id=id_of("shop"),
            pipeline_name="shop",
            provisioned_at=START - 50 * HOUR + HOUR / 60,
            deprovisioned_at=START + HOUR,
        )
        == first
    )


def test_production_on_a_small_plan_is_told_with_how_long_and_whose(database: Database) -> None:
    """The one that came to production first comes first, with the pipeline's owner as Heroku tells it."""
    with database.transaction() as connection:
        provision(connection, "new", "shop", "production", at=START + HOUR, plan="free")
        provision(connection, "old", "shop", "production", at=START, plan="free")
        provision(connection, "rich", "shop", "production", at=START)
        provision(connection, "gone", "shop", "production", at=START, plan="free")
        deprovision(connection, "gone", at=START + HOUR)
        first, second = list_small_production(connection, ["free"], limit=9)
        (one,) = list_small_production(connection, ["free"], limit=1)

    assert (first, id_of("new")) == (one, second.uuid)
    assert (
        SmallProduction(
            uuid=id_of("old"),
            app_name="app-old",
            plan="free",
            pipeline_id=id_of("shop"),
            pipeline_name="shop",
            owner_type="team",
            owner_id=id_of("lumen"),
            in_production_since=START,
        )
        == first
    )
