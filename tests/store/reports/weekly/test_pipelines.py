"""Which pipelines grew, shrank and got to production, on both databases, worked out by hand."""

from datetime import timedelta

from headrace.store.reports.weekly.pipelines import (
    PipelineChange,
    PipelineChanges,
    Way,
    list_ways,
    load_pipeline_changes,
)
from headrace.store.sql.database import Database
from store.making import HOUR, id_of
from store.reports.figures.test_roll_up import MONDAY, deprovision, move, on, provision

START = on(MONDAY, 0)
END = START + timedelta(weeks=1)
NOTHING = PipelineChanges(pipelines=0, resources=0, most=())


def changed(name: str, before: int, after: int) -> PipelineChange:
    return PipelineChange(id=id_of(name), name=name, before=before, after=after)


def test_no_pipeline_changed_in_an_empty_fleet(database: Database) -> None:
    """Nothing, and no error."""
    with database.engine.connect() as connection:
        assert [(NOTHING, NOTHING)] == load_pipeline_changes(connection, (START, END), limit=9)
        assert [] == list_ways(connection, since=START, until=END, limit=9)


def test_pipelines_grow_and_shrink_by_what_lasts_in_them(database: Database) -> None:
    """`shop` 1 to 3, `new` 0 to 1, `atlas` 2 to 1 by a move to `shop`, `left` 1 to 0; `same` swaps one for another,
    `pr` has a review app more, `late` grows after the end, and one that came and went changed nothing."""
    early, within = START - HOUR, START + 24 * HOUR
    with database.transaction() as connection:
        for name, pipeline in (
            ("a", "shop"),
            ("b", "atlas"),
            ("c", "atlas"),
            ("d", "left"),
            ("e", "same"),
            ("f", "pr"),
        ):
            provision(connection, name, pipeline, at=early)
        provision(connection, "a2", "shop", "production", at=within)
        move(connection, "c", "shop", "staging", at=within)
        provision(connection, "n", "new", at=within)
        deprovision(connection, "d", at=within)
        deprovision(connection, "e", at=within)
        provision(connection, "e2", "same", at=within)
        provision(connection, "f2", "pr", "review", at=within)
        provision(connection, "brief", "brief", at=within)
        deprovision(connection, "brief", at=within + HOUR)
        provision(connection, "late", "late", at=END)

        [(grown, shrunk)] = load_pipeline_changes(connection, (START, END), limit=9)
        [(most, _)] = load_pipeline_changes(connection, (START, END), limit=1)

    shrank = sorted((changed("atlas", 2, 1), changed("left", 1, 0)), key=lambda each: each.id)
    assert PipelineChanges(pipelines=2, resources=3, most=(changed("shop", 1, 3), changed("new", 0, 1))) == grown
    assert PipelineChanges(pipelines=2, resources=-2, most=tuple(shrank)) == shrunk
    assert PipelineChanges(pipelines=2, resources=3, most=(changed("shop", 1, 3),)) == most


def test_ways_to_production_are_listed_with_their_days(database: Database) -> None:
    """`shop` took two days and some hours; `blog`, which was in production before, is none of them."""
    with database.transaction() as connection:
        provision(connection, "a", "shop", "review", at=START)
        provision(connection, "b", "shop", "production", at=START + 55 * HOUR)
        provision(connection, "c", "blog", "production", at=START - HOUR)
        provision(connection, "d", "blog", "production", at=START + HOUR)
        minute = HOUR / 60

        assert [
            Way(
                id=id_of("shop"),
                name="shop",
                began_at=START + minute,
                produced_at=START + 55 * HOUR + minute,
                days=2,
            )
        ] == list_ways(connection, since=START, until=END, limit=9)
