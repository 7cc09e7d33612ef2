"""`headrace db copy`, killed at each of its statements: then there is all of an installation, or nothing."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from headrace.cli.main import main
from headrace.copying.installation import copy_installation
from headrace.copying.tables import Content, list_tables, read_content
from headrace.encryption import KeyRing, make_key
from headrace.store.sql.database import Database
from headrace.store.sql.tables import METADATA
from headrace.store.sql.tables.schema import change_count
from headrace.workflows.engine import ledger
from headrace.workflows.engine.port import APPLICATION, CONTRACT_VERSION, QUEUE
from lab.kit.databases import DATABASES, make_database
from lab.kit.fleets import fill
from lab.kit.forked import PROCESSES
from lab.kit.heroku import name_id
from lab.trials.result import Result

# More than is in memory at a time.
RESOURCES = 1_100
UNDER_WAY = 5


def run_copies(database: str, *, every: int = 1) -> Result:
    """Kill a copy to a database of this kind, from one of the other, at each statement or at every so manieth."""
    result, started = Result(name="statements of headrace db copy", database=database), time.monotonic()
    [other] = {*DATABASES} - {database}
    with make_database(other) as source, tempfile.TemporaryDirectory(prefix="headrace-trial-") as folder:
        _make_installation(source)
        counted = Path(folder, "count")
        with make_database(database) as target:
            _copy_in_process(source, target, counted=counted)
            tables = _list_tables(source, target)
            had = _read(source, tables)
            result.lost += _find_problems(had, _read(target, tables))
        result.boundaries = int(counted.read_text(encoding="utf-8"))
        for number in range(1, result.boundaries + 1, every):
            with make_database(database) as target:
                result.kills += _copy_in_process(source, target, kill_at=number)
                if not any(content.count for content in _read(target, tables).values()):
                    _copy_again(source, target)
                result.lost += _find_problems(had, _read(target, tables))
    result.seconds = time.monotonic() - started
    return result


def _make_installation(url: str) -> None:
    fill(url, RESOURCES, keys=KeyRing.parse(make_key()), is_known=True, is_hidden=False)
    arguments = {f"subscribe:{number}": (name_id("resource", number), None) for number in range(UNDER_WAY)}
    with _opened(url) as database, database.transaction() as connection:
        ledger.enqueue(
            connection,
            arguments,
            kind="subscribe",
            queue=QUEUE,
            version=CONTRACT_VERSION,
            application=APPLICATION,
            carried={},
        )


def _copy_in_process(source: str, target: str, *, kill_at: int = 0, counted: Path | None = None) -> bool:
    """Run the command, which counts its statements or kills itself at one; return whether it was killed."""
    process = PROCESSES.Process(target=_copy, args=(source, target, kill_at, counted))
    process.start()
    process.join()
    return process.exitcode == -signal.SIGKILL


def _copy(source: str, target: str, kill_at: int, counted: Path | None) -> None:
    """Be the command `headrace db copy`, in this process."""
    passed = 0

    def pass_boundary(*_what: object) -> None:
        nonlocal passed
        passed += 1
        if passed == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "commit"):
        sa.event.listen(sa.Engine, name, pass_boundary)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    try:
        main(["db", "copy", source, target])
    finally:
        pass_boundary()
        if counted is not None:
            counted.write_text(str(passed), encoding="utf-8")


def _copy_again(source: str, target: str) -> None:
    with _opened(source) as old, _opened(target) as new:
        copy_installation(old, new)


def _list_tables(source: str, target: str) -> list[sa.Table]:
    """Return all but the one that a migration writes to."""
    with _opened(source) as old, _opened(target) as new, old.transaction() as here, new.transaction() as there:
        return [table for table in list_tables(here, there, METADATA) if table.name != change_count.name]


def _read(url: str, tables: Sequence[sa.Table]) -> dict[str, Content]:
    with _opened(url) as database, database.transaction() as connection:
        return {table.name: read_content(connection, table) for table in tables}


def _find_problems(had: Mapping[str, Content], found: Mapping[str, Content]) -> list[str]:
    return [f"{name}: {had[name]} was copied, and {found[name]} is there" for name in had if had[name] != found[name]]


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()
