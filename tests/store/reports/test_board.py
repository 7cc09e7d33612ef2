"""Queries behind the board, on both databases: what a card says, and whom a person could see."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from headrace.models import Outcome, State
from headrace.protocol.pipelines import Access
from headrace.store.reports.board import BoardRow, Recent, list_board_rows, list_candidates, list_unknown_apps
from headrace.store.sql.database import Database
from headrace.store.state.people.access import doubt_access, save_access
from headrace.store.state.placements import save_failed_inspection, save_inspection
from store.making import HOUR, NOON, add_resource, decline, id_of, place

RECENT = Recent(after=NOON, now=NOON)


async def test_a_row_says_where_a_resource_is_and_when_that_was_checked(database: Database) -> None:
    """Resource, place and check, in one row."""
    with database.transaction() as connection:
        add_resource(connection, state=State.PROVISIONED)
        save_inspection(connection, place(at=NOON + HOUR), next_check_at=NOON + HOUR)

    expected = BoardRow(
        uuid=id_of("acme-1"),
        name="acme-1",
        plan="basic",
        region="us",
        state=State.PROVISIONED,
        app_id=id_of("shop"),
        app_name="shop",
        pipeline_id=id_of("storefront"),
        pipeline_name="storefront",
        stage="staging",
        since=NOON,
        checked_at=NOON + HOUR,
        outcome=Outcome.PLACED,
        moved_from=None,
        moved_at=None,
        next_check_at=NOON + HOUR,
        has_failed=False,
        message=None,
    )
    assert [expected] == await database.read(list_board_rows, None)


async def test_a_resource_that_was_never_looked_up_is_shown_without_a_place(database: Database) -> None:
    """It exists, and nothing more is known."""
    with database.transaction() as connection:
        uuid = add_resource(connection)
        save_failed_inspection(connection, uuid, error="Unreachable", now=NOON, next_check_at=NOON)

    (row,) = await database.read(list_board_rows, None)
    assert ("", None, None, None, None) == (row.app_id, row.app_name, row.stage, row.checked_at, row.outcome)


async def test_a_promotion_within_the_pipeline_is_told_with_where_it_came_from(database: Database) -> None:
    """Moved from staging, at the moment the new place began."""
    with database.transaction() as connection:
        add_resource(connection)
        for number, stage in enumerate(("development", "staging", "production")):
            save_inspection(connection, place(stage=stage, at=NOON + number * HOUR), next_check_at=NOON)

    (row,) = await database.read(list_board_rows, None)
    assert ("production", "staging", NOON + 2 * HOUR) == (row.stage, row.moved_from, row.moved_at)


async def test_another_pipeline_is_not_told_as_a_move_between_stages(database: Database) -> None:
    """`moved_from` is a stage of the same pipeline, or nothing; leaving and coming back is no move either."""
    with database.transaction() as connection:
        add_resource(connection, "acme-1")
        add_resource(connection, "acme-2")
        save_inspection(connection, place("acme-1", "checkout"), next_check_at=NOON)
        save_inspection(connection, place("acme-1", stage="production", at=NOON + HOUR), next_check_at=NOON)
        save_inspection(connection, place("acme-2"), next_check_at=NOON)
        save_inspection(connection, place("acme-2", None, at=NOON + HOUR), next_check_at=NOON)
        save_inspection(connection, place("acme-2", stage="production", at=NOON + 2 * HOUR), next_check_at=NOON)

    rows = await database.read(list_board_rows, None)
    assert [None, None] == [row.moved_from for row in rows]


async def test_a_refused_look_shows_the_last_known_place_with_its_outcome(database: Database) -> None:
    """What was known is shown; the outcome says that Heroku did not confirm it."""
    with database.transaction() as connection:
        add_resource(connection)
        save_inspection(connection, place(), next_check_at=NOON)
        save_inspection(connection, decline(Outcome.FORBIDDEN, at=NOON + HOUR), next_check_at=NOON)

    (row,) = await database.read(list_board_rows, None)
    assert ("staging", Outcome.FORBIDDEN) == (row.stage, row.outcome)


async def test_only_the_resources_asked_for_are_read_and_none_that_is_gone(database: Database) -> None:
    """An empty list of uuids is nothing, not everything."""
    with database.transaction() as connection:
        for name in ("acme-1", "acme-2"):
            add_resource(connection, name)
        add_resource(connection, "acme-3", state=State.DEPROVISIONED)

    one = await database.read(list_board_rows, [id_of("acme-1"), id_of("acme-3")])
    every = await database.read(list_board_rows, None)
    assert ["acme-1"] == [row.name for row in one]
    assert ["acme-1", "acme-2"] == sorted(row.name for row in every)
    assert [] == await database.read(list_board_rows, [])


async def test_candidates_are_on_apps_where_the_person_was_seen_and_siblings_are_to_be_asked_about(
    database: Database,
) -> None:
    """Each with its app, to be confirmed; nobody else's resources are even named, and a sibling is none of them yet."""
    with database.transaction() as connection:
        for name, app, pipeline in (
            ("opened", "shop-staging", "storefront"),
            ("sibling", "shop", "storefront"),
            ("known", "notes", None),
            ("stranger", "eves-app", "eves"),
            ("loner", "lonely", None),
        ):
            add_resource(connection, name)
            save_inspection(connection, place(name, pipeline, app=app), next_check_at=NOON)
        add_resource(connection, "gone")
        save_inspection(connection, place("gone", app="old-shop"), next_check_at=NOON)
        add_resource(connection, "gone", state=State.DEPROVISIONED)
        ada = Access(user_ids=frozenset({"u-1"}), emails=frozenset())
        save_access(connection, id_of("notes"), ada, now=NOON)

    people = ["id:u-1", "email:ada@lumen.example"]
    found = await _list_apps(database, "opened", people=people)
    unknown = await _list_unknown(database, "opened", people=people)
    assert {id_of("opened"): id_of("shop-staging"), id_of("known"): id_of("notes")} == found
    assert {id_of("shop-staging"): id_of("opened"), id_of("shop"): id_of("sibling")} == unknown


async def test_what_heroku_has_answered_about_lately_is_not_asked_about_again(database: Database) -> None:
    """It is when that is old, or of a future."""
    with database.transaction() as connection:
        for name in ("opened", "sibling"):
            add_resource(connection, name)
            save_inspection(connection, place(name, app=name), next_check_at=NOON)
    answers = {}
    for when, at in (("new", NOON), ("old", NOON - HOUR), ("of a future", NOON + HOUR)):
        await database.write(save_access, id_of("sibling"), Access(user_ids=frozenset(), emails=frozenset()), now=at)
        answers[when] = id_of("sibling") in await _list_unknown(database, "opened", people=["id:u-1"])

    assert {"new": False, "old": True, "of a future": True} == answers


async def test_a_resource_is_there_if_its_own_token_said_so_lately(database: Database) -> None:
    """Another one's on the same app answers for the app, and not for it."""
    ada, at = Access(user_ids=frozenset({"u-1"}), emails=frozenset()), NOON - HOUR
    with database.transaction() as connection:
        for name in ("asked", "beside", "read"):
            add_resource(connection, name)
            save_inspection(connection, place(name, app="shop", at=at), next_check_at=NOON)
        save_inspection(connection, place("read", app="shop"), next_check_at=NOON)
        save_access(connection, id_of("shop"), ada, now=NOON)

    found = await database.read(list_candidates, id_of("asked"), people=["id:u-1"], recent=RECENT)
    assert {"asked": False, "beside": False, "read": True} == {each.row.name: each.is_there for each in found}


async def test_resources_in_no_pipeline_are_no_siblings_of_each_other(database: Database) -> None:
    """Sharing nothing is not sharing."""
    with database.transaction() as connection:
        for name in ("one", "two"):
            add_resource(connection, name)
            save_inspection(connection, place(name, None, app=name), next_check_at=NOON)

    assert {} == await _list_unknown(database, "one", people=["id:u-1"])


async def test_a_sibling_that_has_left_the_pipeline_is_none(database: Database) -> None:
    """Only where an app is now counts, not where it was."""
    with database.transaction() as connection:
        for name in ("one", "two"):
            add_resource(connection, name)
            save_inspection(connection, place(name, app=name), next_check_at=NOON)
        save_inspection(connection, place("two", None, app="two", at=NOON + HOUR), next_check_at=NOON)

    assert {id_of("one"): id_of("one")} == await _list_unknown(database, "one", people=["id:u-1"])


async def test_a_candidate_says_whether_it_still_has_a_token(database: Database) -> None:
    """What failed has none that works, so another resource has to speak for the app."""
    with database.transaction() as connection:
        add_resource(connection, "one", app_id=id_of("shop"))
        add_resource(connection, "two", app_id=id_of("shop"), state=State.FAILED)
        save_access(connection, id_of("shop"), Access(user_ids=frozenset({"u-1"}), emails=frozenset()), now=NOON)

    found = await database.read(list_candidates, id_of("one"), people=["id:u-1"], recent=RECENT)
    assert {id_of("one"): True, id_of("two"): False} == {each.row.uuid: each.has_token for each in found}


async def test_a_candidate_says_what_its_card_would(database: Database) -> None:
    """As the rows of a board do, so that a look asks once."""
    with database.transaction() as connection:
        for name in ("one", "two"):
            add_resource(connection, name)
            save_inspection(connection, place(name, app=name), next_check_at=NOON)
        save_access(connection, id_of("two"), Access(user_ids=frozenset({"u-1"}), emails=frozenset()), now=NOON)

    found = await database.read(list_candidates, id_of("one"), people=["id:u-1"], recent=RECENT)
    rows = await database.read(list_board_rows, None)
    assert 2 == len(found)
    assert {row.uuid: row for row in rows} == {each.row.uuid: each.row for each in found}


async def test_access_is_what_heroku_said_last(database: Database) -> None:
    """Whoever is not in the answer any more may not see the app any more."""
    await database.write(_add_two)
    both = Access(user_ids=frozenset({"u-1"}), emails=frozenset({"ada@lumen.example"}))
    await database.write(save_access, id_of("shop"), both, now=NOON)

    assert {"shop"} == await _list_granted(database, ["id:u-1"])
    assert {"shop"} == await _list_granted(database, ["id:u-9", "email:ada@lumen.example"])
    assert set() == await _list_granted(database, ["id:ada@lumen.example", "email:u-1"])
    assert set() == await _list_granted(database, [])
    await database.write(save_access, id_of("shop"), Access(user_ids=frozenset(), emails=frozenset()), now=NOON)
    assert set() == await _list_granted(database, ["id:u-1", "email:ada@lumen.example"])


async def test_access_that_was_read_too_long_ago_grants_nothing(database: Database) -> None:
    """A removed collaborator is out once the reading is old, even if Heroku cannot be asked."""
    await database.write(_add_two)
    ada = Access(user_ids=frozenset({"u-1"}), emails=frozenset())
    await database.write(save_access, id_of("shop"), ada, now=NOON)
    found = [
        await _list_granted(database, ["id:u-1"], after=NOON + late) for late in (timedelta(0), timedelta(seconds=1))
    ]

    assert [{"shop"}, set()] == found


async def test_access_that_is_in_doubt_grants_nothing(database: Database) -> None:
    """Until it is read again, what was said of an app's people counts for nobody."""
    await database.write(_add_two)
    ada = Access(user_ids=frozenset({"u-1"}), emails=frozenset())
    await database.write(save_access, id_of("shop"), ada, now=NOON)
    await database.write(doubt_access, id_of("shop"), now=NOON)

    assert set() == await _list_granted(database, ["id:u-1"])


async def test_access_to_one_app_says_nothing_about_another(database: Database) -> None:
    """Of two in one pipeline each has people of its own."""
    await database.write(_add_two)
    for app, user in (("shop", "u-1"), ("blog", "u-2")):
        found = Access(user_ids=frozenset({user}), emails=frozenset())
        await database.write(save_access, id_of(app), found, now=NOON)

    assert {"shop"} == await _list_granted(database, ["id:u-1"])
    assert {"blog"} == await _list_granted(database, ["id:u-2"])


def test_a_look_costs_the_same_however_many_resources_there_are(sqlite_url: str) -> None:
    """SQLite goes through no table for it, also where nobody has told it how large they are."""
    database = Database(sqlite_url)
    asked: list[tuple[str, Any]] = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    with database.engine.connect() as connection:
        list_candidates(connection, id_of("one"), people=["id:u-1", "email:u-1"], recent=RECENT)
        list_unknown_apps(connection, id_of("one"), people=["id:u-1", "email:u-1"], recent=RECENT)
        list_board_rows(connection, [id_of("one"), id_of("two")])
        plans = [
            row.detail
            for statement, values in list(asked)
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    database.close()

    tables = ("resource", "placement", "placement_check", "access", "access_check", "pipeline")
    assert [] == [plan for plan in plans if plan.startswith(tuple(f"SCAN {table}" for table in tables))]
    assert [] == [plan for plan in plans if "(state=?" in plan]


async def _list_apps(database: Database, opened: str, *, people: list[str]) -> dict[str, str]:
    candidates = await database.read(list_candidates, id_of(opened), people=people, recent=RECENT)
    return {each.row.uuid: each.row.app_id for each in candidates}


async def _list_unknown(database: Database, opened: str, *, people: list[str]) -> dict[str, str]:
    return await database.read(list_unknown_apps, id_of(opened), people=people, recent=RECENT)


def _add_two(connection: sa.Connection) -> None:
    """Two resources in one pipeline, on the apps shop and blog."""
    for name in ("shop", "blog"):
        add_resource(connection, name)
        save_inspection(connection, place(name, app=name), next_check_at=NOON)


async def _list_granted(database: Database, people: list[str], *, after: datetime = NOON) -> set[str]:
    found = await database.read(list_candidates, id_of("shop"), people=people, recent=Recent(after=after, now=NOON))
    return {each.row.name for each in found if each.is_answered and each.is_known}
