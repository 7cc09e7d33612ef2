"""The list of pipelines, on both databases: by name, filtered, searched, and whole however it changes meanwhile."""

import pytest
import sqlalchemy as sa

from headrace.store.reports.paging import PAGE, WINDOW, Place, Total
from headrace.store.reports.pipeline_list import (
    PipelineKey,
    Wanted,
    count_pipelines,
    list_pipelines,
    list_standing,
    load_pipelines,
)
from headrace.store.sql.database import Database
from headrace.store.sql.prefix_search import MOST_MATCHES
from headrace.store.sql.tables.schema import pipeline, placement, resource
from headrace.store.state.placements import close_placement, save_failed_inspection, save_inspection
from store.making import HOUR, NOON, add_resource, id_of, place

NOTHING = Wanted()


def put(
    connection: sa.Connection, name: str, pipeline_name: str, stage: str = "staging", *, app: str = "", hours: int = 0
) -> None:
    """Store a resource whose app came to this place so many hours after noon."""
    add_resource(connection, name, state="provisioned")
    found = place(name, pipeline_name, stage, app=app or f"app-{name}", at=NOON + hours * HOUR)
    save_inspection(connection, found, next_check_at=NOON)


def fill(connection: sa.Connection, names: list[str | None], *, stage: str = "staging") -> None:
    """Store pipelines with one resource each, quickly; their ids are made of their numbers."""
    numbers = range(len(names))
    add_resource(connection, "first", state="provisioned")
    row = connection.execute(sa.select(resource)).one()._asdict()
    connection.execute(
        sa.insert(pipeline), [{"id": id_of(f"p{n}"), "name": names[n], "observed_at": NOON} for n in numbers]
    )
    connection.execute(sa.insert(resource), [{**row, "uuid": id_of(f"r{n}"), "name": f"r{n}"} for n in numbers])
    stays = [
        {"resource_uuid": id_of(f"r{n}"), "app_id": id_of(f"a{n}"), "pipeline_id": id_of(f"p{n}"), "stage": stage}
        for n in numbers
    ]
    connection.execute(sa.insert(placement), [{**stay, "valid_from": NOON} for stay in stays])


def read_all(connection: sa.Connection, wanted: Wanted = NOTHING) -> list[list[str | None]]:
    """Return the names on each page, from the first to the last."""
    pages: list[list[str | None]] = []
    place = None
    while True:
        page = list_pipelines(connection, wanted, place=place)
        pages.append([row.name for row in page.rows])
        if page.next is None:
            return pages
        place = Place(page.next)


async def test_a_row_tells_what_stands_in_a_pipeline_now(database: Database) -> None:
    """Counts by stage, the last arrival, the oldest answer and how many looks brought none; not what has left."""
    with database.transaction() as connection:
        put(connection, "one", "storefront", "staging")
        put(connection, "two", "storefront", "production", hours=3)
        put(connection, "three", "storefront", "production", hours=1)
        put(connection, "gone", "storefront", "review", hours=5)
        close_placement(connection, id_of("gone"), now=NOON + 6 * HOUR)
        save_failed_inspection(connection, id_of("one"), error="Unreachable", now=NOON + HOUR, next_check_at=NOON)
        (row,) = list_pipelines(connection, NOTHING).rows

    assert ("storefront", id_of("lumen"), "team", 3) == (row.name, row.owner_id, row.owner_type, row.resources)
    assert {"staging": 1, "production": 2} == row.stages
    assert row.last_arrival is not None
    assert (id_of("two"), "app-two", "production", NOON + 3 * HOUR) == (
        row.last_arrival.resource_uuid,
        row.last_arrival.app_name,
        row.last_arrival.stage,
        row.last_arrival.at,
    )
    assert (NOON, 1) == (row.checked_at, row.unanswered)


async def test_of_two_that_came_at_one_moment_the_one_stored_last_is_the_last(database: Database) -> None:
    """As after a look that found both; one that came at the same moment and has left is not told."""
    with database.transaction() as connection:
        for name, stage in (("b", "staging"), ("a", "production"), ("gone", "review")):
            put(connection, name, "storefront", stage)
        close_placement(connection, id_of("gone"), now=NOON + HOUR)
        (row,) = list_pipelines(connection, NOTHING).rows

    assert row.last_arrival is not None
    assert (id_of("a"), "production") == (row.last_arrival.resource_uuid, row.last_arrival.stage)


async def test_a_pipeline_that_holds_nothing_is_not_listed_but_has_a_page(database: Database) -> None:
    """Whoever has its address still sees what it is."""
    with database.transaction() as connection:
        put(connection, "one", "storefront")
        close_placement(connection, id_of("one"), now=NOON + HOUR)
        listed = list_pipelines(connection, NOTHING).rows
        (row,) = load_pipelines(connection, [id_of("storefront"), id_of("nowhere")])

    assert [] == listed
    assert ("storefront", 0, None) == (row.name, row.resources, row.last_arrival)


async def test_the_order_is_that_of_names_and_the_nameless_come_last(database: Database) -> None:
    """Code by code on both databases, namesakes by their ids; and a page ends wherever it does."""
    names = ["b", "a-b", "ab", "a", "é", "Z", None, "a", None, *(f"n-{number:03}" for number in range(2 * PAGE))]
    with database.transaction() as connection:
        fill(connection, names)
        pages = read_all(connection)

    known = sorted(name for name in names if name is not None)
    assert [*known, None, None] == [name for page in pages for name in page]
    assert [PAGE, PAGE, 9] == [len(page) for page in pages]


@pytest.mark.parametrize("wanted", [NOTHING, Wanted(is_descending=True), Wanted(text="n-"), Wanted(has=["staging"])])
async def test_the_list_is_read_back_as_it_was_read_on(database: Database, wanted: Wanted) -> None:
    """The same pages from the last to the first, also over those without a name; and so many are counted."""
    names = [*(f"n-{number:03}" for number in range(2 * PAGE - 1)), *([None] * 3), "z", "z"]
    with database.transaction() as connection:
        fill(connection, names)
        page = list_pipelines(connection, wanted)
        onward = [[row.id for row in page.rows]]
        while page.next is not None:
            page = list_pipelines(connection, wanted, place=Place(page.next))
            onward.append([row.id for row in page.rows])
        back = [onward[-1]]
        while page.previous is not None:
            page = list_pipelines(connection, wanted, place=Place(page.previous, is_back=True))
            back.insert(0, [row.id for row in page.rows])
        every = [id_ for rows in onward for id_ in rows]
        upward = [row.id for row in list_pipelines(connection, NOTHING).rows]

        assert onward == back
        assert Total(count=sum(map(len, onward))) == count_pipelines(connection, wanted)
        assert (every[::-1] if wanted.is_descending else every)[:PAGE] == upward or wanted.text


async def test_no_pipeline_comes_twice_or_is_missing_while_others_come_and_go(database: Database) -> None:
    """A page begins behind a name, not behind a number of rows."""
    with database.transaction() as connection:
        fill(connection, [f"n-{number:03}" for number in range(PAGE + 10)])
        first = list_pipelines(connection, NOTHING)
        assert first.next is not None
        put(connection, "early", "a-new-one")
        put(connection, "late", "z-new-one")
        close_placement(connection, id_of("r0"), now=NOON + HOUR)
        close_placement(connection, id_of(f"r{PAGE - 1}"), now=NOON + HOUR)
        second = list_pipelines(connection, NOTHING, place=Place(first.next))

    assert [f"n-{number:03}" for number in range(PAGE)] == [row.name for row in first.rows]
    assert [*(f"n-{number:03}" for number in range(PAGE, PAGE + 10)), "z-new-one"] == [row.name for row in second.rows]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(has=["production"]), ["both", "end"]),
        (Wanted(has=["production", "staging"]), ["both"]),
        (Wanted(without=["production"]), ["start"]),
        (Wanted(has=["production"], without=["staging"]), ["end"]),
        (Wanted(has=["acceptance"]), []),
        (Wanted(is_stale=True), ["start"]),
        (Wanted(text="b", has=["production"]), ["both"]),
        (Wanted(text="t", without=["production"]), ["start"]),
    ],
)
async def test_filters_leave_what_is_wanted(database: Database, wanted: Wanted, found: list[str]) -> None:
    """By what stands at a stage now, and by whether the last looks brought answers."""
    with database.transaction() as connection:
        put(connection, "one", "both", "staging")
        put(connection, "two", "both", "production")
        put(connection, "three", "end", "production")
        put(connection, "four", "start", "staging")
        save_failed_inspection(connection, id_of("four"), error="Unreachable", now=NOON, next_check_at=NOON)

        assert found == [row.name for row in list_pipelines(connection, wanted).rows]


async def test_a_rare_match_is_found_stretch_by_stretch(database: Database) -> None:
    """A page looks through so many names and no more; the next one goes on where it ended."""
    with database.transaction() as connection:
        fill(connection, [f"n-{number:05}" for number in range(2 * WINDOW + 5)])
        put(connection, "rare", f"n-{WINDOW + 7:05}-rare", "production")
        pages = read_all(connection, Wanted(has=["production"]))
        first = list_pipelines(connection, Wanted(has=["production"]))

    assert [[], [f"n-{WINDOW + 7:05}-rare"], []] == pages
    assert (WINDOW, PipelineKey(f"n-{WINDOW - 1:05}", id_of(f"p{WINDOW - 1}"))) == (first.looked_through, first.next)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("store", ["storefront"]),
        ("front", ["storefront"]),
        ("app-q", ["quotes"]),
        (id_of("lumen"), ["quotes", "storefront", "مخزن"]),
        (id_of("quotes"), ["quotes"]),
        ("مخ", ["مخزن"]),
        ("%", []),
        ("_tore", []),
        ("store%", []),
        ("'; DROP TABLE pipeline; --", []),
        ('"', []),
        ("\\", []),
        ("\U0010ffff", []),
    ],
)
async def test_a_text_finds_the_names_that_have_it(database: Database, text: str, found: list[str]) -> None:
    """Names of pipelines and apps, and whole ids of owners and pipelines; nothing in a text means anything else."""
    with database.transaction() as connection:
        put(connection, "one", "storefront", app="app-shop")
        put(connection, "two", "quotes", app="app-quotes")
        put(connection, "three", "مخزن", app="دكان")

        assert found == [row.name for row in list_pipelines(connection, Wanted(text=text)).rows]


async def test_a_search_says_when_it_found_too_much(database: Database) -> None:
    """It looks through so many of what begins with a text, and no more."""
    with database.transaction() as connection:
        fill(connection, [f"n-{number:04}" for number in range(MOST_MATCHES + 1)])
        many = list_pipelines(connection, Wanted(text="n-"))
        few = list_pipelines(connection, Wanted(text="n-00"))
        named = [name for page in read_all(connection, Wanted(text="n-00")) for name in page]

    assert (True, False) == (many.is_cut, few.is_cut)
    assert WINDOW == many.looked_through
    assert [f"n-{number:04}" for number in range(100)] == named


async def test_what_stands_at_a_stage_is_paged_by_its_arrival(database: Database) -> None:
    """The latest first, those of one moment by their placements; no other stage, and nothing that has left."""
    with database.transaction() as connection:
        for number in range(5):
            put(connection, f"r{number}", "storefront", "review", hours=number // 2)
        put(connection, "other", "storefront", "staging")
        close_placement(connection, id_of("r3"), now=NOON + 9 * HOUR)
        first = list_standing(connection, id_of("storefront"), "review", limit=2)
        last = first[-1]
        rest = list_standing(connection, id_of("storefront"), "review", place=Place((last.since, last.id)), limit=9)

    assert [["r4", "r2"], ["r1", "r0"]] == [[row.name for row in rows] for rows in (first, rest)]
