"""Claims: what was under way at a restart runs once more, and workers share what waits. Real processes throughout."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from subprocess import PIPE, Popen

from headrace.clock import read_clock
from headrace.store.sql.database import Database
from headrace.testing import eventually
from headrace.workflows.engine.port import CONCURRENCY, QUEUE, Engine

UUID = "01234567-89ab-cdef-0123-456789abcdef"
# On a busy machine.
LONG = timedelta(seconds=120)
# More than a worker takes at a time.
UNDER_WAY = CONCURRENCY[QUEUE] + 4
QUEUED = 4 * CONCURRENCY[QUEUE]

# A worker that notes each run it begins, and ends a run once there is a file that says so. It looks after itself far
# more often than a worker does, so that whatever it could take for lost is found.
WORKER = """
import asyncio, os, sys
from pathlib import Path
from headrace.clock import read_clock
from headrace.store.sql.database import Database
from headrace.workflows.engine.port import Engine

folder = Path(sys.argv[2])

async def hang():
    while not (folder / "may-go-on").exists():
        await asyncio.sleep(0.05)

async def work(run, uuid, argument):
    with (folder / "begun").open("a") as file:
        file.write(f"{run.workflow_id} {os.getpid()}\\n")
    for number in range(3):
        await run.step(f"step {number}", hang)

async def main():
    engine = Engine(Database(sys.argv[1]), clock=read_clock)
    engine.register("work", work)
    await engine.start()
    print("works", flush=True)
    while True:
        await engine.watch()
        await asyncio.sleep(0.1)

asyncio.run(main())
"""


async def test_what_is_under_way_at_a_restart_runs_once_more_and_no_more(database_url: str, tmp_path: Path) -> None:
    """More than a worker takes at a time: none of them is taken for lost while it waits for its turn."""
    with _make_queue(database_url) as queue:
        with _working(database_url, tmp_path) as first:
            queue.add(UNDER_WAY)
            await eventually(lambda: len(_read_begun(tmp_path)) == UNDER_WAY, within=LONG)
            first.kill()
        with _working(database_url, tmp_path) as second:
            await eventually(lambda: len(_read_begun(tmp_path)) >= 2 * UNDER_WAY, within=LONG)
            (tmp_path / "may-go-on").touch()
            await eventually(queue.is_done, within=LONG)

    begun = Counter(_read_begun(tmp_path))
    assert {first.pid, second.pid} == {pid for _, pid in begun}
    assert (2 * UNDER_WAY, {1}) == (len(begun), set(begun.values()))


async def test_two_workers_share_what_waits(postgres_url: str, tmp_path: Path) -> None:
    """Neither takes all of it before the other has looked."""
    (tmp_path / "may-go-on").touch()
    with (
        _make_queue(postgres_url) as queue,
        _working(postgres_url, tmp_path) as first,
        _working(postgres_url, tmp_path) as second,
    ):
        queue.add(QUEUED)
        await eventually(queue.is_done, within=LONG)

    shares = Counter(pid for _, pid in _read_begun(tmp_path))
    assert QUEUED == shares[first.pid] + shares[second.pid]
    # On a machine at work one of the two may be slow; what it takes at once is its own all the same.
    assert min(shares[first.pid], shares[second.pid]) >= CONCURRENCY[QUEUE]


class _Queue:
    """Workflows that wait for a worker of another process."""

    def __init__(self, engine: Engine, database: Database) -> None:
        self._engine = engine
        self._database = database
        self._ids: list[str] = []

    def add(self, count: int) -> None:
        self._ids = [f"work:{number}" for number in range(count)]
        with self._database.transaction() as connection:
            self._engine.enqueue_all(connection, "work", dict.fromkeys(self._ids, (UUID, None)))

    def is_done(self) -> bool:
        with self._database.engine.connect() as connection:
            found = self._engine.find_statuses(connection, self._ids)
        return {"done"} == set(found.values())


@contextmanager
def _make_queue(url: str) -> Iterator[_Queue]:
    database = Database(url)
    yield _Queue(Engine(database, clock=read_clock), database)
    database.close()


@contextmanager
def _working(url: str, folder: Path) -> Iterator[Popen[str]]:
    """Run a worker until the block ends, from the moment it works."""
    with Popen([sys.executable, "-c", WORKER, url, str(folder)], stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        assert "works\n" == process.stdout.readline()
        yield process
        process.kill()


def _read_begun(folder: Path) -> list[tuple[str, int]]:
    """Which workflows were begun, and by which process."""
    path = folder / "begun"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [(line.split()[0], int(line.split()[1])) for line in lines]
