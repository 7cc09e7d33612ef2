"""What is kept of the largest pipelines, and what has it forgotten; tests/stateful/test_counting.py has the rest."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from headrace.store.reports.figures.kept_count import (
    KeptCount,
    add_difference,
    begin_to_keep,
    forget_kept,
    load_kept,
    save_kept,
    tell,
)
from headrace.store.reports.figures.roll_up import ALL, LARGEST, LASTING, DayCount, FleetFigure
from headrace.store.sql.database import Database
from stateful.trying import trying
from store.making import NOON

DAY = date(2026, 11, 2)
SIZES = st.dictionaries(st.integers(0, 99), st.integers(0, 6), min_size=70)
# What is kept at first: not all of them, but more than are told.
KEPT = LARGEST + 10


def spell(sizes: dict[int, int], *, most: int | None = None) -> list[DayCount]:
    """How many pipelines there are and the largest of them, as a day has them; half of each lasts."""
    there = sorted(((-size, number) for number, size in sizes.items() if size))
    kind = DayCount(FleetFigure.PIPELINES, DAY, "", ALL, len(there))
    largest = (
        DayCount(FleetFigure.LARGEST_PIPELINES, DAY, stage, f"{number:036}", value)
        for size, number in there[:most]
        for stage, value in ((ALL, -size), (LASTING, -size // 2))
    )
    return [*([kind] if there else []), *largest]


@trying(300)
@given(sizes=SIZES, changes=st.lists(st.dictionaries(st.integers(0, 120), st.integers(0, 7), max_size=9), max_size=9))
def test_the_largest_pipelines_are_told_as_if_all_had_been_counted(
    *, sizes: dict[int, int], changes: list[dict[int, int]]
) -> None:
    """Change by change; where it would take one that nobody keeps, nothing is told."""
    kept: list[DayCount] | None = spell(sizes, most=KEPT)
    for change in changes:
        before = {number: sizes.get(number, 0) for number in change}
        sizes = sizes | change
        kept = add_difference(kept or [], spell(before), spell(change), [f"{number:036}" for number in change])
        if kept is None:
            break
        assert {*spell(sizes, most=LARGEST)} == {*tell(kept)}


def test_a_pipeline_that_nobody_kept_is_not_guessed() -> None:
    """Of sixty that are kept eleven leave: the fiftieth is among those that are not."""
    sizes = {number: 200 - number for number in range(100)}
    kept = spell(sizes, most=KEPT)
    gone = dict.fromkeys(range(KEPT - LARGEST + 1), 0)
    ids = [f"{number:036}" for number in gone]

    assert None is add_difference(kept, spell({number: sizes[number] for number in gone}), spell(gone), ids)
    few, ids = dict(list(gone.items())[1:]), ids[1:]
    counts = add_difference(kept, spell({number: sizes[number] for number in few}), spell(few), ids)
    assert {*spell(sizes | few, most=LARGEST)} == {*tell(counts or [])}


def test_a_count_that_was_begun_before_the_past_was_rewritten_is_not_kept(database: Database) -> None:
    """The revision is another one, whether a count was kept or not; so it is after another worker's count."""
    with database.transaction() as connection:
        assert (0, None) == load_kept(connection)
        begin_to_keep(connection)
        begun = KeptCount(revision=1, as_of=NOON, checked_at=NOON, counts=spell({1: 3}))
        forget_kept(connection)
        assert not save_kept(connection, begun)
        revision, _ = load_kept(connection)
        counted = KeptCount(revision=revision, as_of=NOON, checked_at=NOON, counts=spell({1: 4}))
        assert save_kept(connection, counted)
        assert not save_kept(connection, counted)
        found = load_kept(connection)[1]
        assert found is not None
        assert [*counted.counts] == [*found.counts]
        forget_kept(connection)
        assert None is load_kept(connection)[1]
