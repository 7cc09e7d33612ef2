"""Writes share commits: they are done together, fail alone, and are nothing when the commit fails."""

import asyncio
import random
import string
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from functools import partial
from threading import Event
from time import monotonic

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from busy import busy
from headrace.database_urls import DATABASE_SCHEMA
from headrace.store.sql.database import Database
from headrace.store.sql.fence import Fence, Superseded, fenced
from headrace.store.sql.group_commit import (
    ENOUGH,
    ENOUGH_OF,
    LARGEST_GROUP,
    PATIENCE_SECONDS,
    GroupCommit,
    measure_pause,
)
from headrace.store.sql.outage import is_away, is_outage
from outages import full, read_only
from relays import losing

# Much longer than any of these tests waits.
LONG_SECONDS = 600.0
# Longer than a writer needs to begin, on a busy machine too.
A_MOMENT = 1.0
SHORT_SECONDS = 0.001
TABLE = sa.Table(
    "note",
    sa.MetaData(),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("about", sa.ForeignKey("note.name", deferrable=True, initially="DEFERRED")),
)

# Of letters that do not shrink: more than a page of an index takes.
HUGE = "".join(random.Random(1).choices(string.ascii_letters, k=20_000))
# More than a page that is there already has room for.
LONG_NAME = "x" * 20_000
NO_ROOM_FOR_B = f"""
SET LOCAL search_path TO {DATABASE_SCHEMA};
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER fill BEFORE INSERT ON note FOR EACH ROW WHEN (NEW.name = 'b') EXECUTE FUNCTION fill();
"""


def add(connection: sa.Connection, name: str, about: str | None = None) -> str:
    connection.execute(sa.insert(TABLE).values(name=name, about=about))
    return name


def add_all(connection: sa.Connection, names: Sequence[str]) -> list[str]:
    """Write names together, and say with how many each was."""
    if "bad" in names:
        raise ValueError(f"bad among {len(names)}")
    connection.execute(sa.insert(TABLE), [{"name": name} for name in names])
    return [f"{name} of {len(names)}" for name in names]


def refuse(connection: sa.Connection, name: str) -> None:
    add(connection, name)
    raise ValueError(name)


def fail_wholly(connection: sa.Connection) -> None:
    """What SQLite does by itself where it has no room: it undoes the transaction, savepoints and all."""
    connection.exec_driver_sql("ROLLBACK")
    raise ValueError("The disk is full.")


def stop(_connection: sa.Connection) -> None:
    raise Stopped


class Stopped(BaseException):
    """An end that no `except Exception` sees."""


async def list_names(database: Database) -> set[str]:
    return set(await database.read(lambda connection: connection.execute(sa.select(TABLE.c.name)).scalars().all()))


@pytest.fixture
async def notes(sqlite_url: str) -> AsyncIterator[Database]:
    database = Database(sqlite_url)
    await database.write(TABLE.metadata.create_all)
    yield database
    database.close()


@pytest.fixture
async def database_of_many(postgres_url: str) -> AsyncIterator[Database]:
    """One with several writers."""
    database = Database(postgres_url)
    await database.write(TABLE.metadata.create_all)
    yield database
    database.close()


async def test_writes_that_wait_are_committed_together(notes: Database) -> None:
    """Each has its own result, and there are fewer commits than writes."""
    commits: list[sa.Connection] = []
    async with busy(notes):
        event.listen(notes.writes, "commit", commits.append)
        names = [f"note-{number}" for number in range(20)]
        waiting = asyncio.gather(*(notes.write(add, name) for name in names))
        await asyncio.sleep(0)

    assert names == await waiting
    assert set(names) == await list_names(notes)
    assert 2 == len(commits)


async def test_a_group_has_a_bound(notes: Database) -> None:
    """Whoever comes first need not wait for everybody."""
    commits: list[sa.Connection] = []
    async with busy(notes):
        event.listen(notes.writes, "commit", commits.append)
        waiting = asyncio.gather(*(notes.write(add, f"note-{number}") for number in range(LARGEST_GROUP + 1)))
        await asyncio.sleep(0)
    await waiting

    assert 3 == len(commits)


async def test_items_of_one_query_are_written_by_one(database: Database) -> None:
    """Each caller has its own item's result."""
    await database.write(TABLE.metadata.create_all)
    async with busy(database):
        waiting = asyncio.gather(*(database.write_together(add_all, name) for name in ("a", "b", "c")))
        await asyncio.sleep(0)

    assert ["a of 3", "b of 3", "c of 3"] == await waiting
    assert {"a", "b", "c"} == await list_names(database)


async def test_who_comes_a_moment_after_another_waits_for_those_who_come_too(database: Database) -> None:
    """The first is written at once, and the others together once the moment is over, though no writer was busy."""
    await database.write(TABLE.metadata.create_all)
    names = ("a", "b", "c", "d")
    written = await asyncio.gather(*(database.write_together(add_all, name, gathered_for=A_MOMENT) for name in names))

    assert ["a of 1", "b of 3", "c of 3", "d of 3"] == written
    assert set(names) == await list_names(database)


async def test_who_comes_long_after_another_is_written_at_once(database: Database) -> None:
    """Nobody waits for others where nobody has come for a while."""
    await database.write(TABLE.metadata.create_all)
    await asyncio.gather(*(database.write_together(add_all, name, gathered_for=0.01) for name in ("a", "b")))
    began_at = monotonic()
    await database.write_together(add_all, "c", gathered_for=LONG_SECONDS)

    assert LONG_SECONDS > monotonic() - began_at


async def test_who_comes_while_nothing_is_written_waits_for_nobody(database: Database) -> None:
    """The steps of one resource do, each after the one before."""
    await database.write(TABLE.metadata.create_all)
    began_at = monotonic()
    written = [await database.write_together(add_all, name, gathered_for=LONG_SECONDS) for name in ("a", "b", "c")]

    assert ["a of 1", "b of 1", "c of 1"] == written
    assert LONG_SECONDS > monotonic() - began_at


@pytest.mark.parametrize("seconds", [0.0, SHORT_SECONDS])
async def test_who_comes_while_others_are_written_waits_until_they_are(
    database_of_many: Database, seconds: float
) -> None:
    """Though other writers are idle: then all go together."""
    may_end, held = Event(), _Held()
    writer = GroupCommit("test", database_of_many.transaction, threads=3, patience=LONG_SECONDS)
    write = partial(writer.submit_item, partial(held, may_end), fence=None, gathered_for=seconds)
    first, second = write("a"), write("b")
    await asyncio.to_thread(held.begun.wait)
    was_written, _ = await asyncio.wait([second], timeout=A_MOMENT)
    third = write("c")
    may_end.set()

    assert ["a of 1", "b of 2", "c of 2"] == [await each for each in (first, second, third)]
    assert not was_written
    writer.close()


async def test_who_waits_for_a_write_that_hangs_waits_no_longer_than_a_moment(database_of_many: Database) -> None:
    """Another writer takes those who came meanwhile: somebody else may have locked what the first one wants."""
    may_end, held = Event(), _Held()
    write = partial(database_of_many.write_together, partial(held, may_end), gathered_for=0.0)
    first, *others = [asyncio.ensure_future(write(name)) for name in ("a", "b", "c")]

    assert ["b of 2", "c of 2"] == await asyncio.gather(*others)
    assert not first.done()
    may_end.set()
    assert await first == "a of 1"


async def test_who_comes_soon_after_others_were_written_waits_as_long_again(database_of_many: Database) -> None:
    """What takes long to write is much: then more are gathered before the next write."""
    may_end, held = Event(), _Held()
    writer = GroupCommit("test", database_of_many.transaction, threads=3, patience=LONG_SECONDS)
    write = partial(writer.submit_item, partial(held, may_end), fence=None, gathered_for=SHORT_SECONDS)
    first, second = write("a"), write("b")
    await asyncio.to_thread(held.begun.wait)
    await asyncio.wait([second], timeout=A_MOMENT)
    may_end.set()
    await first
    # The first took a moment, so for as long nothing is written.
    was_written, _ = await asyncio.wait([second], timeout=A_MOMENT / 4)

    assert not was_written
    assert ["b of 2", "c of 2"] == [*await asyncio.gather(second, write("c"))]
    writer.close()


async def test_enough_who_wait_are_written_without_waiting_for_more(database_of_many: Database) -> None:
    """They would wait for minutes yet: as long again as the first took, or as long as many take that are to come."""
    held = _Held()
    writer = GroupCommit("test", database_of_many.transaction, threads=3, patience=LONG_SECONDS)
    write = partial(writer.submit_item, partial(held, held.begun), fence=None, gathered_for=LONG_SECONDS)
    first, second = write("a"), write("b")
    await first
    others = [write(str(number)) for number in range(ENOUGH - 1)]

    assert {f"of {ENOUGH}"} == {written.partition(" ")[2] for written in await asyncio.gather(second, *others)}
    writer.close()


@pytest.mark.parametrize(("at_work", "written"), [(2 * ENOUGH_OF - 1, "b of 1"), (3 * ENOUGH_OF, "b of 3")])
async def test_where_few_are_at_work_few_are_enough(database_of_many: Database, at_work: int, written: str) -> None:
    """Nobody else may be on the way: who came while another was written is next at once, or with a share of them."""
    held = _Held()
    writer = GroupCommit("test", database_of_many.transaction, threads=3, patience=LONG_SECONDS)
    writer.count_at_work = lambda: at_work
    write = partial(writer.submit_item, partial(held, held.begun), fence=None, gathered_for=LONG_SECONDS)
    first, second = write("a"), write("b")
    await first
    await asyncio.sleep(0)
    others = [write("c"), write("d")]

    assert written == await second
    writer.close()
    await asyncio.gather(*others)


@pytest.mark.parametrize(
    ("took", "count", "at_least", "pause"),
    [
        pytest.param(0.005, 1, 0.02, 0.015, id="what is left of the least"),
        pytest.param(0.02, 1, 0.02, 0.02, id="as long as the least"),
        pytest.param(0.07, 1, 0.02, 0.07, id="as long again"),
        pytest.param(0.02, 12, 0.02, 0.12, id="longer after many"),
        pytest.param(30.0, 1, 0.02, 2 * PATIENCE_SECONDS, id="no longer than a moment"),
        pytest.param(0.07, 12, 0.0, 0.0, id="not for who is in a hurry"),
    ],
)
def test_the_next_group_is_gathered_for_as_long_as_the_one_before_took(
    took: float, count: int, at_least: float, pause: float
) -> None:
    """Whoever waited for a lock, or for a database that was away, does not wait as long again."""
    assert pytest.approx(pause) == measure_pause(took, count, at_least=at_least)


class _Held:
    """A query that does not end with the first of what it writes before it may."""

    def __init__(self) -> None:
        self.begun = Event()

    def __call__(self, may_end: Event, connection: sa.Connection, names: Sequence[str]) -> list[str]:
        self.begun.set()
        if "a" in names:
            may_end.wait()
        return add_all(connection, names)


async def test_what_was_gathered_is_written_at_the_end(database_url: str) -> None:
    """Closing does not wait until its moment is over."""
    database, again = Database(database_url), Database(database_url)
    await database.write(TABLE.metadata.create_all)
    write = partial(database.write_together, add_all, gathered_for=LONG_SECONDS)
    waiting = [asyncio.create_task(write(name)) for name in ("a", "b", "c")]
    await waiting[0]
    await asyncio.to_thread(database.close)

    assert ["a of 1", "b of 2", "c of 2"] == await asyncio.gather(*waiting)
    assert {"a", "b", "c"} == await list_names(again)
    again.close()


async def test_items_of_one_query_are_read_by_one(database: Database) -> None:
    """Whoever was taken over is told so, and each of the others has its own item's result."""

    def find_standing(_connection: sa.Connection, names: Collection[str]) -> set[str]:
        return set(names) - {"c"}

    def count(connection: sa.Connection, names: Sequence[str]) -> list[str]:
        [number] = connection.execute(sa.select(sa.literal(len(names)))).scalars()
        return [f"{name} of {number}" for name in names]

    async def read(name: str) -> str:
        with fenced(Fence(name, find_standing)):
            return await database.read_together(count, name, gathered_for=A_MOMENT)

    found = await asyncio.gather(*(read(name) for name in ("a", "b", "c", "d")), return_exceptions=True)

    assert ["a of 1", "b of 2", "d of 2"] == [found[0], found[1], found[3]]
    assert isinstance(found[2], Superseded)


async def test_an_item_that_spoils_a_query_is_undone_alone(database: Database) -> None:
    """The others are then written each by itself."""
    await database.write(TABLE.metadata.create_all)
    async with busy(database):
        waiting = asyncio.gather(
            *(database.write_together(add_all, name) for name in ("a", "bad", "c")), return_exceptions=True
        )
        await asyncio.sleep(0)

    assert ["a of 1", "bad among 1", "c of 1"] == [str(each) for each in await waiting]
    assert {"a", "c"} == await list_names(database)


async def test_an_item_that_the_database_itself_does_not_take_is_undone_alone(database: Database) -> None:
    """A name that is there already spoils the statement of all; the others lose nothing by it."""
    await database.write(TABLE.metadata.create_all)
    await database.write(add, "twice")
    async with busy(database):
        waiting = asyncio.gather(
            *(database.write_together(add_all, name) for name in ("a", "twice", "c")), return_exceptions=True
        )
        await asyncio.sleep(0)
    first, bad, last = await waiting

    assert ("a of 1", "c of 1") == (first, last)
    assert isinstance(bad, sa.exc.IntegrityError)
    assert {"a", "c", "twice"} == await list_names(database)


@pytest.mark.parametrize("bad", ["a\0b", HUGE], ids=["no text", "too large for its index"])
async def test_on_postgresql_a_name_that_it_cannot_hold_is_undone_alone(postgres_url: str, bad: str) -> None:
    """The driver refuses the one, and the server the other, with what it calls a failure of its own."""
    database = Database(postgres_url)
    await database.write(TABLE.metadata.create_all)
    async with busy(database):
        waiting = asyncio.gather(
            *(database.write_together(add_all, name) for name in ("a", bad, "c")), return_exceptions=True
        )
        await asyncio.sleep(0)
    first, refused, last = await waiting
    names = await list_names(database)
    database.close()

    assert ("a of 1", "c of 1") == (first, last)
    assert isinstance(refused, sa.exc.DBAPIError)
    assert {"a", "c"} == names


async def test_who_writes_together_while_a_database_is_read_only_is_told_so(database: Database) -> None:
    """All fail, and nobody later."""
    await database.write(TABLE.metadata.create_all)
    with read_only(database):
        told = await _write_much(database)
    await database.write_together(add_all, "later")

    assert {True} == {isinstance(each, sa.exc.DBAPIError) for each in told}
    assert {"later"} == await list_names(database)


async def test_who_writes_together_while_a_disk_is_full_is_told_so(notes: Database) -> None:
    """SQLite undoes some of it by itself; all fail, and nobody later."""
    with full(notes):
        told = await _write_much(notes)
    await notes.write_together(add_all, "later")

    assert {True} == {isinstance(each, sa.exc.DBAPIError) for each in told}
    assert {"later"} == await list_names(notes)


async def _write_much(database: Database) -> list[str | BaseException]:
    names = [f"{number}{LONG_NAME}" for number in range(10)]
    writes = [database.write_together(add_all, name) for name in names]
    return await asyncio.gather(*writes, return_exceptions=True)


async def test_on_postgresql_a_disk_that_is_full_is_told_to_whom_it_concerns(postgres_url: str) -> None:
    """The server says so of the statement that wanted room; what needs none is written."""
    database = Database(postgres_url)
    await database.write(TABLE.metadata.create_all)
    await database.write(lambda connection: connection.exec_driver_sql(NO_ROOM_FOR_B).close())
    async with busy(database):
        waiting = asyncio.gather(
            *(database.write_together(add_all, name) for name in ("a", "b", "c")), return_exceptions=True
        )
        await asyncio.sleep(0)
    first, failed, last = await waiting
    names = await list_names(database)
    database.close()

    assert ("a of 1", "c of 1") == (first, last)
    assert isinstance(failed, sa.exc.DBAPIError)
    assert is_outage(failed)
    assert {"a", "c"} == names


async def test_a_group_whose_answer_is_lost_is_told_so_and_stands(postgres_url: str) -> None:
    """Nobody can know better: whoever looks finds all of it."""
    with losing(postgres_url) as (url, losses):
        database = Database(url)
        await database.write(TABLE.metadata.create_all)

        def add_in_vain(connection: sa.Connection, names: Sequence[str]) -> list[str]:
            losses.left = 1
            return add_all(connection, names)

        async with busy(database):
            waiting = asyncio.gather(
                *(database.write_together(add_in_vain, name) for name in ("a", "b", "c")), return_exceptions=True
            )
            await asyncio.sleep(0)
        told = await waiting
        names = await list_names(database)
        await asyncio.to_thread(database.close)

    assert [True] * 3 == [isinstance(each, sa.exc.DBAPIError) and is_away(each) for each in told]
    assert {"a", "b", "c"} == names


async def test_who_was_taken_over_writes_nothing_where_another_item_spoils_the_query(database: Database) -> None:
    """The group is run apart then, and each that is behind a fence is asked about once more."""
    await database.write(TABLE.metadata.create_all)

    def find_standing(_connection: sa.Connection, names: Collection[str]) -> set[str]:
        return set(names) - {"lost"}

    async def write(name: str) -> str:
        with fenced(Fence(name, find_standing)):
            return await database.write_together(add_all, name)

    async with busy(database):
        tasks = [asyncio.create_task(write(name)) for name in ("a", "lost", "bad", "c")]
        waiting = asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    first, lost, bad, last = await waiting

    assert ("a of 1", "c of 1") == (first, last)
    assert (Superseded, ValueError) == (type(lost), type(bad))
    assert {"a", "c"} == await list_names(database)


async def test_of_a_database_that_goes_away_everybody_is_told_at_once(database: Database) -> None:
    """Nobody is tried again by himself, which would wait for it as often as there are items."""
    tries: list[int] = []

    def disconnect(_connection: sa.Connection, names: Sequence[str]) -> list[str]:
        tries.append(len(names))
        raise sa.exc.OperationalError("", None, OSError("gone"), connection_invalidated=True)

    async with busy(database):
        waiting = asyncio.gather(
            *(database.write_together(disconnect, name) for name in ("a", "b", "c")), return_exceptions=True
        )
        await asyncio.sleep(0)

    assert [sa.exc.OperationalError] * 3 == [type(each) for each in await waiting]
    assert [3] == tries


async def test_of_those_that_are_written_together_who_was_taken_over_writes_nothing(database: Database) -> None:
    """The database is asked once for all of them, and the others are written."""
    await database.write(TABLE.metadata.create_all)
    asked: list[set[str]] = []

    def find_standing(_connection: sa.Connection, names: Collection[str]) -> set[str]:
        asked.append(set(names))
        return set(names) - {"b"}

    async def write(name: str) -> str:
        with fenced(Fence(name, find_standing)):
            return await database.write_together(add_all, name)

    async with busy(database):
        waiting = asyncio.gather(
            *(asyncio.create_task(write(name)) for name in ("a", "b", "c")), return_exceptions=True
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    first, lost, last = await waiting

    assert ["a of 2", "c of 2"] == [first, last]
    assert isinstance(lost, Superseded)
    assert [{"a", "b", "c"}] == asked
    assert {"a", "c"} == await list_names(database)


async def test_on_postgresql_what_fails_of_one_kind_has_no_part_in_another(postgres_url: str) -> None:
    """Each kind has a commit of its own: two transactions of several kinds could wait for each other's rows."""
    database = Database(postgres_url)
    await database.write(TABLE.metadata.create_all)
    tries: list[int] = []

    def count(_connection: sa.Connection, names: Sequence[str]) -> list[int]:
        tries.append(len(names))
        return [len(names)] * len(names)

    async with busy(database):
        waiting = asyncio.gather(
            database.write_together(count, "a"),
            database.write_together(add_all, "bad"),
            database.write_together(count, "b"),
            return_exceptions=True,
        )
        await asyncio.sleep(0)
    found = await waiting
    database.close()

    assert [2, "bad among 1", 2] == [found[0], str(found[1]), found[2]]
    assert [2] == tries


async def test_a_query_that_leaves_an_item_out_writes_nothing(notes: Database) -> None:
    """Nobody is told that something is stored of which the query said nothing."""

    def forget(connection: sa.Connection, names: Sequence[str]) -> list[str]:
        return add_all(connection, names)[1:]

    with pytest.raises(ValueError, match="shorter"):
        await notes.write_together(forget, "a")
    assert set() == await list_names(notes)


async def test_a_write_that_fails_is_undone_alone(notes: Database) -> None:
    """Its caller gets its error; the others are stored."""
    async with busy(notes):
        waiting = asyncio.gather(
            notes.write(add, "first"), notes.write(refuse, "bad"), notes.write(add, "last"), return_exceptions=True
        )
        await asyncio.sleep(0)
    first, bad, last = await waiting

    assert ("first", "last") == (first, last)
    assert isinstance(bad, ValueError)
    assert {"first", "last"} == await list_names(notes)


async def test_a_commit_that_fails_is_told_to_everybody_in_it(notes: Database) -> None:
    """Nobody is told that something is stored which is not; those who come later are served."""
    async with busy(notes):
        waiting = asyncio.gather(notes.write(add, "good"), notes.write(add, "orphan", "nobody"), return_exceptions=True)
        await asyncio.sleep(0)
    told = await waiting
    await notes.write(add, "later")

    assert [sa.exc.IntegrityError] * 2 == [type(each) for each in told]
    assert {"later"} == await list_names(notes)


async def test_a_transaction_that_sqlite_undid_is_told_to_everybody_in_it(notes: Database) -> None:
    """Whoever wrote before the one that failed is not told that it is stored, and whoever comes after is not either."""
    async with busy(notes):
        waiting = asyncio.gather(
            notes.write(add, "before"), notes.write(fail_wholly), notes.write(add, "after"), return_exceptions=True
        )
        await asyncio.sleep(0)
    told = await waiting
    await notes.write(add, "later")

    assert [True] * 3 == [isinstance(each, Exception) for each in told]
    assert {"later"} == await list_names(notes)


async def test_nothing_that_a_write_raises_ends_the_writer(notes: Database) -> None:
    """Its caller gets it, and the next one is served."""
    with pytest.raises(Stopped):
        await notes.write(stop)
    await notes.write(add, "later")

    assert {"later"} == await list_names(notes)


async def test_a_caller_who_gave_up_in_time_writes_nothing(notes: Database) -> None:
    """It has not begun; once begun it is written, whoever still waits."""
    async with busy(notes):
        given_up = asyncio.create_task(notes.write(add, "given up"))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
    await notes.write(add, "later")

    assert {"later"} == await list_names(notes)


@pytest.mark.parametrize("is_together", [False, True], ids=["alone", "together"])
async def test_who_was_undone_for_others_is_run_again(postgres_url: str, *, is_together: bool) -> None:
    """PostgreSQL ends one of two that wait for each other; its caller does not notice."""
    database, runs = Database(postgres_url), Counter[str]()
    has_begun, meeting = threading.Event(), threading.Barrier(2, timeout=60)

    def touch(connection: sa.Connection, *names: str) -> str:
        runs[names[0]] += 1
        for name in names:
            connection.execute(sa.update(TABLE).where(TABLE.c.name == name).values(about=names[0]))
            if name == names[0] and runs[name] == 1:
                has_begun.set()
                meeting.wait()
        return names[0]

    def touch_left(connection: sa.Connection, _items: Sequence[None]) -> list[str]:
        return [touch(connection, "left", "right")]

    def touch_right(connection: sa.Connection, _items: Sequence[None]) -> list[str]:
        return [touch(connection, "right", "left")]

    def write(query: Callable[[sa.Connection, Sequence[None]], list[str]]) -> Awaitable[str | list[str]]:
        return database.write_together(query, None) if is_together else database.write(query, [])

    await database.write(TABLE.metadata.create_all)
    await database.write(add_all, ["left", "right"])
    first = asyncio.ensure_future(write(touch_left))
    await asyncio.to_thread(has_begun.wait, 60)
    await asyncio.gather(first, write(touch_right))
    await asyncio.to_thread(database.close)

    assert runs.total() > 2


async def test_what_was_submitted_is_written_at_the_end(sqlite_url: str) -> None:
    """Closing waits for it."""
    database = Database(sqlite_url)
    await database.write(TABLE.metadata.create_all)
    waiting = [asyncio.create_task(database.write(add, f"note-{number}")) for number in range(5)]
    await asyncio.sleep(0)
    await asyncio.to_thread(database.close)

    assert 5 == len(await asyncio.gather(*waiting))


async def test_nothing_is_written_after_the_end(sqlite_url: str) -> None:
    """Whoever tries is told, and does not wait for ever."""
    database = Database(sqlite_url)
    database.close()

    with pytest.raises(RuntimeError, match="closed"):
        await database.write(add, "too late")
