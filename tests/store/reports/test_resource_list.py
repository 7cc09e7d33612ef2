"""The list of resources, on both databases: by state, stage and plan, searched, and whole however it changes."""

from typing import Any

import pytest
import sqlalchemy as sa

from headrace.models import Outcome
from headrace.store.reports.paging import MOST_COUNTED, PAGE, WINDOW, Place, Total
from headrace.store.reports.resource_list import ResourceOrder, WantedResources, count_resources, list_resources
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import placement, resource
from headrace.store.state.placements import close_placement, save_inspection
from headrace.store.state.resources import update_resource
from store.making import HOUR, NOON, add_resource, decline, id_of, place

ALL = WantedResources()


def put(
    connection: sa.Connection,
    name: str,
    stage: str | None = None,
    *,
    hours: int = 0,
    moved: int = 0,
    app: str = "shop",
    **changes: Any,
) -> None:
    """Store a resource made so many hours after noon; its app came to the stage that many hours after."""
    add_resource(connection, name, at=NOON + hours * HOUR, **{"state": "provisioned", **changes})
    pipeline = None if stage == "none" else "storefront"
    if stage is not None:
        found = place(name, pipeline, stage, app=app, at=NOON + moved * HOUR)
        save_inspection(connection, found, next_check_at=NOON)


def read_all(connection: sa.Connection, wanted: WantedResources = ALL) -> list[list[str]]:
    """Return the names on each page, from the first to the last."""
    pages: list[list[str]] = []
    place = None
    while True:
        page = list_resources(connection, wanted, place=place)
        pages.append([row.name for row in page.rows])
        if page.next is None:
            return pages
        place = Place(page.next)


async def test_a_row_tells_what_a_resource_is_and_where(database: Database) -> None:
    """Its place now, since when, and the last look; `none` in no pipeline, `unknown` where Heroku did not tell."""
    with database.transaction() as connection:
        put(connection, "placed", "staging", moved=2)
        put(connection, "loose", "none")
        put(connection, "hidden")
        save_inspection(connection, decline(Outcome.FORBIDDEN, "hidden"), next_check_at=NOON)
        rows = {row.name: row for row in list_resources(connection, ALL).rows}

    placed = rows["placed"]
    assert ("staging", "storefront", "shop", NOON + 2 * HOUR, NOON + 2 * HOUR) == (
        placed.stage,
        placed.pipeline_name,
        placed.app_name,
        placed.placed_at,
        placed.checked_at,
    )
    assert ("none", "unknown") == (rows["loose"].stage, rows["hidden"].stage)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ALL, ["gone", "broken", "loose", "late", "early"]),
        (WantedResources(state="failed"), ["broken"]),
        (WantedResources(state="no such state"), []),
        # By arrival: the one made first came to its stage last.
        (WantedResources(stage="production"), ["early", "late"]),
        (WantedResources(stage="none"), ["loose"]),
        (WantedResources(stage="unknown"), []),
        (WantedResources(stage="production", plans=["free"]), ["late"]),
        (WantedResources(stage="production", state="provisioned"), ["early", "late"]),
        (WantedResources(stage="production", state="failed"), []),
        (WantedResources(plans=["free", "tiny"]), ["loose", "late"]),
        (WantedResources(plans=["free"], state="failed"), []),
        (WantedResources(region="eu"), ["broken"]),
        (WantedResources(text="l"), ["loose", "late", "early"]),
        (WantedResources(text="l", stage="production"), ["late", "early"]),
    ],
)
async def test_filters_leave_what_is_wanted(database: Database, wanted: WantedResources, found: list[str]) -> None:
    """The latest first: by when they were made, or came to the stage that is asked for."""
    with database.transaction() as connection:
        put(connection, "early", "production", hours=0, moved=9, plan="basic")
        put(connection, "late", "production", hours=1, moved=3, plan="free")
        put(connection, "loose", "none", hours=2, plan="tiny")
        put(connection, "broken", hours=3, state="failed", plan="basic", region="eu")
        put(connection, "gone", "production", hours=4, plan="basic")
        close_placement(connection, id_of("gone"), now=NOON + 20 * HOUR)
        update_resource(connection, id_of("gone"), state="deprovisioned")

        assert found == [row.name for row in list_resources(connection, wanted).rows]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("acme-1", ["acme-12", "acme-1"]),
        ("shop", ["acme-12", "acme-1"]),
        ("hop", ["acme-12", "acme-1"]),
        ("me-1", ["acme-12", "acme-1"]),
        (id_of("acme-12"), ["acme-12"]),
        (id_of("blog"), ["acme-2"]),
        (id_of("acme-12")[:8], []),
        ("acme%", []),
        ("acme_1", []),
        ("'", []),
        ("متجر", []),
    ],
)
async def test_a_text_finds_the_names_that_have_it(database: Database, text: str, found: list[str]) -> None:
    """In names of resources and apps, or as whole ids of both; nothing in a text means anything else."""
    with database.transaction() as connection:
        put(connection, "acme-1", "staging", app="shop")
        put(connection, "acme-2", "staging", app="blog")
        put(connection, "acme-12", "staging", app="shop-eu", hours=1)

        assert found == [row.name for row in list_resources(connection, WantedResources(text=text)).rows]


def fill(connection: sa.Connection, count: int) -> None:
    """Store so many resources of one moment, of all states and plans and at two stages."""
    add_resource(connection, "first", state="provisioned")
    row = connection.execute(sa.select(resource)).one()._asdict()
    states, plans = ["provisioned", "failed", "deprovisioning"], ["basic", "free"]
    connection.execute(
        sa.insert(resource),
        [
            {**row, "uuid": id_of(f"r{n}"), "name": f"r{n}", "state": states[n % 3], "plan": plans[n % 2]}
            for n in range(count)
        ],
    )
    stays = [{"resource_uuid": id_of(f"r{n}"), "app_id": id_of(f"a{n}"), "valid_from": NOON} for n in range(count)]
    connection.execute(sa.insert(placement), [{**stay, "stage": "review"} for stay in stays])


@pytest.mark.parametrize(
    "wanted",
    [
        ALL,
        WantedResources(stage="review"),
        WantedResources(plans=["basic", "free"]),
        WantedResources(state="provisioned"),
        WantedResources(text="r"),
        WantedResources(stage="review", state="provisioned", plans=["free", "basic"]),
    ],
)
async def test_every_resource_is_on_one_page(database: Database, wanted: WantedResources) -> None:
    """Also those of one moment, whichever filter leads, with others coming meanwhile."""
    with database.transaction() as connection:
        fill(connection, 3 * PAGE + 7)
        first = list_resources(connection, wanted)
        add_resource(connection, "new", at=NOON + HOUR, state="provisioned", plan="free")
        names, page = [row.name for row in first.rows], first
        while page.next is not None:
            page = list_resources(connection, wanted, place=Place(page.next))
            names += [row.name for row in page.rows]
        everything = set(connection.execute(sa.select(resource.c.name)).scalars()) - {"new"}
        if wanted.state:
            live = sa.select(resource.c.name).where(resource.c.state == wanted.state)
            everything &= set(connection.execute(live).scalars())
        if wanted.stage:
            everything -= {"first"}

    assert len(names) == len(set(names))
    assert everything == set(names)


ORDERS = [
    *(WantedResources(order=order, is_ascending=up) for order in ResourceOrder for up in (True, False)),
    *(WantedResources(stage="review", is_ascending=up) for up in (True, False)),
    WantedResources(order=ResourceOrder.APP, state="provisioned"),
    WantedResources(order=ResourceOrder.APP, text="r1"),
    WantedResources(text="r1", is_ascending=True),
    WantedResources(stage="review", state="failed", plans=["free"]),
]


@pytest.mark.parametrize("wanted", ORDERS)
async def test_every_order_is_read_back_as_it_was_read_on(database: Database, wanted: WantedResources) -> None:
    """Whatever the list goes by, its pages come again from the last to the first, each row once and in its place."""
    with database.transaction() as connection:
        fill(connection, 3 * PAGE + 7)
        first = page = list_resources(connection, wanted)
        onward = [[row.uuid for row in page.rows]]
        while page.next is not None:
            page = list_resources(connection, wanted, place=Place(page.next))
            onward.append([row.uuid for row in page.rows])
        back = [onward[-1]]
        while page.previous is not None:
            page = list_resources(connection, wanted, place=Place(page.previous, is_back=True))
            back.insert(0, [row.uuid for row in page.rows])

        assert first.previous is None
        assert onward == back
        assert Total(count=sum(map(len, onward))) == count_resources(connection, wanted)


async def test_names_are_in_order_and_what_has_none_comes_last(database: Database) -> None:
    """By the apps' names, code by code, namesakes by their uuids; from Z to A all of it turns round."""
    with database.transaction() as connection:
        for name, app in (("r-1", "b"), ("r-2", "a"), ("r-3", "a"), ("r-4", "a-b")):
            put(connection, name, "staging", app=app)
        put(connection, "r-5")
        ends = sorted(["r-2", "r-3"], key=id_of)
        by_app = WantedResources(order=ResourceOrder.APP, is_ascending=True)

        assert [[*ends, "r-4", "r-1", "r-5"]] == read_all(connection, by_app)
        assert [["r-5", "r-1", "r-4", *ends[::-1]]] == read_all(connection, WantedResources(order=ResourceOrder.APP))


@pytest.mark.parametrize("wanted", [ALL, WantedResources(stage="review", plans=["free"])])
async def test_no_more_is_counted_than_anybody_reads(database: Database, wanted: WantedResources) -> None:
    """A count ends at so many, and says that there are more; where a filter picks, it is of those looked through."""
    with database.transaction() as connection:
        fill(connection, MOST_COUNTED + 5)
        total = count_resources(connection, wanted)

    assert total.is_more
    assert MOST_COUNTED == total.count if wanted is ALL else 3_000 < total.count < MOST_COUNTED


async def test_a_rare_match_is_found_stretch_by_stretch(database: Database) -> None:
    """A page looks through so many and no more; the next one goes on where it ended."""
    with database.transaction() as connection:
        fill(connection, 2 * WINDOW + 5)
        put(connection, "rare", "review", moved=-1, plan="premium")
        pages = read_all(connection, WantedResources(stage="review", plans=["premium"]))

    assert [[], [], ["rare"]] == pages
