"""Writing for many at once: whoever comes while a transaction is being committed is in the next one.

What a write costs is mostly the commit, which waits for the disk, and the sending of its statements. So the writes that
have come meanwhile share a commit, and are done when all of it is on disk. Writes of one kind, of which there are many,
share their statements as well. Where one of a group fails, all are run once more, those of each kind in a savepoint of
their own. Whoever writes behind a fence does so here too: of all that share a commit the database is asked at once.
What only reads can be read for many in the same way.

Those of one kind may be gathered: the first is written at once, and whoever comes meanwhile waits until it is, and
where nobody is in a hurry as long again, some milliseconds at the least, and goes with the others. Many who work at the
same time come one by one, each just late for the one before; the more there is to do, the longer a write takes, and the
more are gathered behind it: up to as many as are enough, who are next at once. Where few are at work, one is enough:
nobody else may be on the way. Where a write takes very long, because somebody else has a row that it wants, they wait
for it no longer.

Where others may hold rows that a transaction wants, as on PostgreSQL, each kind has a commit of its own: a query locks
the rows of its items in one order, and two transactions of several kinds could wait for each other's. Should some wait
in a circle all the same, PostgreSQL undoes one of them, which is run once more.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import sleep
from typing import Any, TypeVar

import sqlalchemy as sa

from headrace.store.sql.deadlocks import MOST_RUNS, PAUSE_SECONDS, is_undone_for_others
from headrace.store.sql.fence import Fence, Superseded, find_superseded

T = TypeVar("T")
Item = TypeVar("Item")

# Writes items, one or more, and returns one result for each.
Query = Callable[[sa.Connection, Sequence[Item]], Sequence[T]]
Begin = Callable[[], AbstractContextManager[sa.Connection]]
# The event loop of those who are gathered, and what they have in common.
_Key = tuple[asyncio.AbstractEventLoop, Hashable]

# So that nobody waits for very many others.
LARGEST_GROUP = 64
# How long each of many steps waits for others, which come one by one: a provision takes a tenth of a second more, and
# hundreds take half of the statements.
GATHERED_SECONDS = 0.02
# How long whoever is gathered waits for a write before it: many times what one takes by itself. Who is in no hurry
# waits twice as long, and so long again for others.
PATIENCE_SECONDS = 0.1
# So many are written at once, without waiting for more: of those who are at work, or of very many.
ENOUGH_OF, ENOUGH = 4, 24
# How much longer a group waits for each that was in the one before it: where many come, more do within that time.
SECONDS_FOR_EACH = 0.01


@dataclass(frozen=True, slots=True)
class Write:
    """One caller's item, the query that writes it with others of its kind, and where its caller waits.

    `fence` is the one that the caller writes behind, if there is one.
    """

    query: Query[Any, Any]
    item: Any
    fence: Fence | None
    done: "asyncio.Future[Any]"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a write came to: an error, or a result that counts once it is committed."""

    write: Write
    result: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        """Tell the caller, on the event loop that it waits on."""
        # It may have been stopped meanwhile.
        if self.write.done.done():
            return
        if self.error is None:
            self.write.done.set_result(self.result)
        else:
            self.write.done.set_exception(self.error)


@dataclass(slots=True)
class _Gathered:
    """Those who came after a group that is being written; once it is, they are next, as soon as there are `enough`."""

    writes: list[Write] = field(default_factory=list)
    enough: int | None = None

    @property
    def is_complete(self) -> bool:
        return self.enough is not None and len(self.writes) >= self.enough


class GroupCommit:
    """Threads that run writes in transactions which `begin` opens: while one commits, the next takes what comes.

    `mixes_kinds` says whether writes of several kinds share a transaction, and `patience` for how many seconds whoever
    is gathered waits for those before them. How many may come next says `count_at_work`: very many, unless it is set.
    """

    def __init__(
        self,
        name: str,
        begin: Begin,
        *,
        threads: int,
        mixes_kinds: bool = False,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.count_at_work: Callable[[], int] = lambda: ENOUGH_OF * ENOUGH
        self._begin = begin
        self._mixes_kinds = mixes_kinds
        self._patience = patience
        self._waiting: SimpleQueue[list[Write] | None] = SimpleQueue()
        # Those that came after one that was written at once, by event loop and by what may share a transaction.
        self._gathered: dict[_Key, _Gathered] = {}
        self._is_closed = False
        self._lock = Lock()
        self._threads = [
            Thread(target=self._work, name=f"headrace-database-{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, run: Callable[[sa.Connection], T], *, fence: Fence | None) -> "asyncio.Future[T]":
        """Have a write run; the future has its result once it is on disk, or the error that undid it.

        Raises:
            RuntimeError: the database is closed.
        """
        return self.submit_item(lambda connection, _items: [run(connection)], None, fence=fence)

    def submit_item(
        self, query: Query[Item, T], item: Item, *, fence: Fence | None, gathered_for: float | None = None
    ) -> "asyncio.Future[T]":
        """Do the same for an item of a query that takes many: those that wait for the same query are written by one.

        It may be gathered: while others are written it waits until they are, and with more than 0.0 as long again, and
        for so many seconds at the least.

        Raises:
            RuntimeError: the database is closed.
            TypeError: the query has no hash, by which others of its kind would be found.
        """
        hash(query)
        write = Write(query, item, fence, asyncio.get_running_loop().create_future())
        with self._lock:
            if self._is_closed:
                raise RuntimeError("The database is closed.")
            if gathered_for is None or (gathered_for == 0.0 and len(self._threads) == 1):
                # A single thread takes who has come meanwhile by itself.
                self._waiting.put([write])
            else:
                self._gather(write, gathered_for)
        return write.done

    def _gather(self, write: Write, seconds: float) -> None:
        key = (write.done.get_loop(), None if self._mixes_kinds else write.query)
        gathered = self._gathered.get(key)
        if gathered is None:
            self._gather_behind([write], key, seconds)
            return
        gathered.writes.append(write)
        if gathered.is_complete:
            self._gather_behind(gathered.writes, key, seconds)

    def _gather_behind(self, writes: list[Write], key: _Key, seconds: float) -> None:
        """Have these written, and gather who comes until they are and for a pause, or until enough have come."""
        gathered = self._gathered[key] = _Gathered()
        self._put(writes)
        loop = key[0]
        began_at = loop.time()
        patience = self._patience if seconds == 0.0 else 2 * self._patience
        at_last = loop.call_later(max(patience, seconds), self._pass_on, key, gathered, seconds)

        def go_on(_done: object) -> None:
            at_last.cancel()
            gathered.enough = min(self.count_at_work() // ENOUGH_OF, ENOUGH)
            # Where nobody came meanwhile, nobody is waited for: one resource's steps come one after the other.
            if not gathered.writes or gathered.is_complete:
                self._pass_on(key, gathered, seconds)
                return
            left = measure_pause(loop.time() - began_at, len(writes), at_least=seconds, at_most=patience)
            loop.call_later(left, self._pass_on, key, gathered, seconds)

        writes[-1].done.add_done_callback(go_on)

    def _pass_on(self, key: _Key, gathered: _Gathered, seconds: float) -> None:
        """Have written what was gathered behind a group, unless that was done, and gather on behind it."""
        with self._lock:
            if self._gathered.get(key) is not gathered:
                return
            del self._gathered[key]
            if gathered.writes:
                self._gather_behind(gathered.writes, key, seconds)

    def _put(self, writes: list[Write]) -> None:
        for start in range(0, len(writes), LARGEST_GROUP):
            self._waiting.put(writes[start : start + LARGEST_GROUP])

    def close(self) -> None:
        """Write what was submitted, and no more."""
        with self._lock:
            self._is_closed = True
            for gathered in self._gathered.values():
                self._put(gathered.writes)
            self._gathered.clear()
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while group := self._take_group():
            kinds = _gather(group)
            for shared in [kinds] if self._mixes_kinds else [[each] for each in kinds]:
                commit(shared, self._begin)

    def _take_group(self) -> list[Write]:
        """Wait for a write, and return it with those that are there already; nothing at the end."""
        group: list[Write] = []
        writes = self._waiting.get()
        while writes is not None:
            group += [write for write in writes if not write.done.cancelled()]
            if len(group) >= LARGEST_GROUP:
                return group
            try:
                writes = self._waiting.get(block=not group)
            except Empty:
                return group
        # What comes with the end is written first; the end is then found again, by each thread.
        self._waiting.put(None)
        return group


def measure_pause(took: float, count: int, *, at_least: float, at_most: float = 2 * PATIENCE_SECONDS) -> float:
    """Return for how many seconds others are gathered yet after a group of so many that took so long to be written.

    As long again: so at least half of those who come do so between two writes, however quick the machine is; and longer
    where there were many, since as many more are to come. Nobody waits who is in a hurry.
    """
    return max(at_least - took, min(max(took, count * SECONDS_FOR_EACH), at_most)) if at_least else 0.0


def commit(kinds: list[list[Write]], begin: Begin) -> None:
    """Run the writes of kinds in one transaction. One that fails is undone alone, a commit that fails undoes all."""
    told: defaultdict[asyncio.AbstractEventLoop, list[Outcome]] = defaultdict(list)
    for outcome in _commit_kinds(kinds, begin):
        told[outcome.write.done.get_loop()].append(outcome)
    for loop, outcomes in told.items():
        # On a loop that was closed meanwhile nobody waits any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, outcomes)


def _tell(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        outcome.tell()


def _commit_kinds(kinds: list[list[Write]], begin: Begin, *, runs: int = MOST_RUNS) -> list[Outcome]:
    """Run the writes of one query or more; where one of several spoils it, all are run again, each apart.

    Nearly always all goes well, and savepoints, which are two statements for each query, would be for nothing.
    """
    failure: BaseException | None = None
    try:
        with begin() as connection:
            try:
                outcomes = _run_standing(kinds, connection, _run)
            except BaseException as error:
                failure = error
                raise
    except BaseException as error:  # noqa: BLE001 - nothing was written: everybody is told, and the thread lives on
        if is_undone_for_others(error) and runs > 1:
            sleep(PAUSE_SECONDS)
            return _commit_kinds(kinds, begin, runs=runs - 1)
        is_alone = len(kinds) == 1 and len(kinds[0]) == 1
        if error is failure and not is_alone and not _is_disconnected(error):
            return _commit_apart(kinds, begin)
        return [Outcome(write, error=error) for writes in kinds for write in writes]
    return outcomes


def _commit_apart(kinds: list[list[Write]], begin: Begin) -> list[Outcome]:
    """Run the writes of several queries, each query in a savepoint; those of one, each in a transaction of its own.

    SQLite itself undoes a whole transaction in some errors, a full disk among them: then a savepoint is gone too, and
    everybody is told.
    """
    if len(kinds) == 1:
        return [outcome for write in kinds[0] for outcome in _commit_kinds([[write]], begin)]
    try:
        with begin() as connection:
            return _run_standing(kinds, connection, _try)
    except BaseException as error:  # noqa: BLE001 - nothing was written: everybody is told, and the thread lives on
        return [Outcome(write, error=error) for writes in kinds for write in writes]


def _gather(group: list[Write]) -> list[list[Write]]:
    """Put writes of one query together; all of them wait at the same time, so none has to be before another."""
    kinds: dict[Query[Any, Any], list[Write]] = defaultdict(list)
    for write in group:
        kinds[write.query].append(write)
    return list(kinds.values())


def _run_standing(
    kinds: list[list[Write]], connection: sa.Connection, run: Callable[[list[Write], sa.Connection], list[Outcome]]
) -> list[Outcome]:
    """Run what may still be written of each kind; whoever has been taken over is told so, and writes nothing."""
    lost = find_superseded(connection, {each.fence for writes in kinds for each in writes if each.fence is not None})
    outcomes = []
    for writes in kinds:
        standing = [each for each in writes if each.fence not in lost]
        outcomes += run(standing, connection) if standing else []
        outcomes += [
            Outcome(each, error=Superseded(each.fence.holder))
            for each in writes
            if each.fence is not None and each.fence in lost
        ]
    return outcomes


def _try(writes: list[Write], connection: sa.Connection) -> list[Outcome]:
    """Run the writes of one query in a savepoint; where one of several spoils it, each in a savepoint of its own.

    What goes wrong with a savepoint goes wrong with all of the transaction.
    """
    # SQLAlchemy's own would be a new statement each time, for the name that it gives it.
    connection.exec_driver_sql("SAVEPOINT of_one")
    try:
        outcomes = _run(writes, connection)
    except BaseException as error:  # noqa: BLE001 - it is the caller's, who waits for it
        connection.exec_driver_sql("ROLLBACK TO of_one")
        connection.exec_driver_sql("RELEASE of_one")
        if len(writes) == 1:
            return [Outcome(writes[0], error=error)]
        return [outcome for write in writes for outcome in _try([write], connection)]
    connection.exec_driver_sql("RELEASE of_one")
    return outcomes


def _run(writes: list[Write], connection: sa.Connection) -> list[Outcome]:
    results = writes[0].query(connection, [write.item for write in writes])
    return [Outcome(write, result) for write, result in zip(writes, results, strict=True)]


def _is_disconnected(error: BaseException) -> bool:
    return isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
