"""What happened, in one order that a cursor can hold on to, whoever commits when."""

from datetime import timedelta

import pytest

from headrace.store.sql.database import Database
from headrace.store.state.changes import (
    ChangeCursor,
    has_unnumbered_changes,
    is_of_this_history,
    list_changes,
    number_changes,
    read_change_cursor,
    write_change_cursor,
)
from headrace.store.state.timeline import TimelineName, add_event
from store.making import HOUR, NOON, add_resource

ODD = NOON + timedelta(microseconds=7)


def follow(database: Database, after: int = 0) -> list[tuple[int, int]]:
    """Read as somebody does who follows: give positions, and see what is behind one."""
    with database.transaction() as connection:
        number_changes(connection)
    with database.reads.connect() as connection:
        rows = list_changes(connection, after=after, limit=100)
    return [(row.position, row.detail["n"]) for row in rows]


def add(database: Database, uuid: str, number: int) -> None:
    with database.transaction() as connection:
        add_event(connection, uuid, TimelineName.CONFIG_SET, now=NOON, n=number)


def test_changes_come_in_order_and_the_cursor_goes_on_behind_them(database: Database) -> None:
    """Nothing twice and nothing left out, for who keeps the last position."""
    with database.transaction() as connection:
        uuid = add_resource(connection)
    for number in (1, 2, 3):
        add(database, uuid, number)
    first = follow(database)
    add(database, uuid, 4)

    assert [(1, 1), (2, 2), (3, 3)] == first
    assert [(4, 4)] == follow(database, after=3)
    assert [(3, 3), (4, 4)] == follow(database, after=2)


def test_what_commits_later_with_an_earlier_id_is_not_skipped(postgres_url: str) -> None:
    """Two connections: the first writes and stays open, the second writes and commits, and somebody follows between."""
    database = Database(postgres_url)
    try:
        with database.transaction() as connection:
            uuid, other = add_resource(connection), add_resource(connection, "acme-2")
        with database.transaction() as slow:
            add_event(slow, uuid, TimelineName.CONFIG_SET, now=NOON, n=1)
            with database.transaction() as quick:
                add_event(quick, other, TimelineName.CONFIG_SET, now=NOON, n=2)
            between = follow(database)
        after = follow(database, after=between[-1][0])
        ids = [n for _, n in sorted(between + after)]

        assert ([(1, 2)], [(2, 1)], [2, 1]) == (between, after, ids)
    finally:
        database.close()


def test_while_one_gives_positions_another_gives_none_and_waits_for_nobody(postgres_url: str) -> None:
    """What is seen is never behind what is not yet committed."""
    database = Database(postgres_url)
    try:
        with database.transaction() as connection:
            uuid = add_resource(connection)
        add(database, uuid, 1)
        with database.transaction() as slow:
            given = number_changes(slow)
            add(database, uuid, 2)
            seen = follow(database)
        then = follow(database)

        assert (1, []) == (given, seen)
        assert [(1, 1), (2, 2)] == then
    finally:
        database.close()


def test_a_past_is_numbered_in_parts(database: Database) -> None:
    """However much happened before anybody followed."""
    with database.transaction() as connection:
        uuid = add_resource(connection)
        for number in range(5):
            add_event(connection, uuid, TimelineName.CONFIG_SET, now=NOON, n=number)
    counts = []
    while True:
        with database.transaction() as connection:
            if not has_unnumbered_changes(connection):
                break
            counts.append(number_changes(connection, limit=2))

    assert [2, 2, 1] == counts
    assert [(n + 1, n) for n in range(5)] == follow(database)


def test_a_cursor_of_another_history_is_known(database: Database) -> None:
    """After a restore a position may be another line's."""
    with database.transaction() as connection:
        uuid = add_resource(connection)
        add_event(connection, uuid, TimelineName.CONFIG_SET, now=ODD, n=1)
        number_changes(connection)
        [row] = list_changes(connection, after=0, limit=9)
        known = [
            is_of_this_history(connection, cursor)
            for cursor in (row.cursor, ChangeCursor(1, ODD + HOUR), ChangeCursor(2, ODD), ChangeCursor(10**16, ODD))
        ]

    assert [True, False, False, False] == known
    assert row.cursor == read_change_cursor(write_change_cursor(row.cursor))


@pytest.mark.parametrize("text", ["", "1", "-", "1-", "x-1", "1-x", "-1-2", "1-٣", "1-" + "9" * 18, "1-" + "9" * 17])
def test_what_is_no_cursor_is_none(text: str) -> None:
    """Whatever somebody sends."""
    found = read_change_cursor(text)

    assert found is None or found.at.year < 9999
