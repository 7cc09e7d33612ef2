"""What happened, day by day, as files in a folder: `headrace export changes`.

A file has what happened on one day within a span of positions (see `store.state.changes`), which its name says:
`day=2026-11-03/000000000000-000000000417.parquet` is behind position 0 and up to 417. A span that was begun once is
written with the same bounds ever after, so whoever runs again from an older cursor, or after a kill, puts the same
files at the same places: no row is lost, and none is there twice. A file that stands there never changes.
"""

import fcntl
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any

import msgspec

from headrace.errors import MisuseError
from headrace.fleet.changes import COLUMNS, describe_change
from headrace.fleet.formats import FORMATS, ROWS_AT_ONCE, writing
from headrace.store.sql.database import Database
from headrace.store.state.changes import (
    BATCH,
    ChangeCursor,
    ChangeRow,
    find_change_cursor,
    is_of_this_history,
    list_changes,
    number_changes,
    read_change_cursor,
    read_changes,
)

# Positions of a span at the most: what one file may have to have sorted.
SPAN = 100_000
NAME = re.compile(r"([0-9]{12,})-([0-9]{12,})")

Span = tuple[int, int]


def require_cursor(database: Database, text: str) -> ChangeCursor | None:
    """Return the cursor that a text is, or None for an empty one, which is the beginning.

    Raises:
        MisuseError: it is none, or of another history.
    """
    if not text:
        return None
    cursor = read_change_cursor(text)
    if cursor is None:
        raise MisuseError(f"{text[:40]!r} is no cursor: give the one that was printed last, as it is.")
    with database.engine.connect() as connection:
        if not is_of_this_history(connection, cursor):
            what = "The cursor is of another history, because the database was restored from a backup since."
            raise MisuseError(f"{what} Begin anew, without --since, in a folder of its own.")
    return cursor


def write_changes(database: Database, form: str, out: IO[bytes], *, since: ChangeCursor | None) -> int:
    """Write what happened behind a cursor, in order, and return how many rows there were."""
    _number_all(database)
    return FORMATS[form](COLUMNS, _page(database, since.position if since else 0), out)


def export_changes(
    database: Database, folder: Path, form: str, *, since: ChangeCursor | None
) -> tuple[int, ChangeCursor | None]:
    """Write what happened behind a cursor into a folder, by day; return how many rows, and the cursor to go on from.

    The cursor is None when nothing has ever happened.

    Raises:
        MisuseError: the folder cannot be written, another export writes there, or it is of another history.
    """
    with _held(folder):
        _number_all(database)
        with database.engine.connect() as connection:
            last = find_change_cursor(connection)
        if last is None:
            return 0, since
        known = find_spans(folder, form)
        if any(until > last.position for _, until in known):
            raise MisuseError(f"{folder} has changes that this database does not know: take a folder of its own.")
        spans = plan_spans(known, after=since.position if since else 0, last=last.position)
        return sum(_write_span(database, folder, form, span) for span in spans), last


def find_spans(folder: Path, form: str) -> set[Span]:
    """Return the spans that files of a form in a folder are of."""
    names = (NAME.fullmatch(path.stem) for path in folder.glob(f"day=*/*.{form}"))
    return {(int(name[1]), int(name[2])) for name in names if name}


def plan_spans(known: Collection[Span], *, after: int, last: int) -> Iterator[Span]:
    """Yield the spans to write behind a position, up to the last; those that are known keep their bounds."""
    ends = dict(known)
    at = next((begin for begin, end in known if begin <= after < end), after)
    while at < last:
        following = min((begin for begin in ends if begin > at), default=last)
        end = ends.get(at, min(at + SPAN, following, last))
        yield at, end
        at = end


def _write_span(database: Database, folder: Path, form: str, span: Span) -> int:
    after, until = span
    name = f"{after:012}-{until:012}.{form}"
    count = 0
    with database.engine.connect() as connection:
        rows = read_changes(connection, after=after, until=until)
        for day, of_day in groupby(rows, key=lambda row: row.at.date()):
            path = folder / f"day={day}" / name
            path.parent.mkdir(exist_ok=True)
            with writing(path) as out:
                count += FORMATS[form](COLUMNS, _batch(of_day), out)
    return count


def _number_all(database: Database) -> None:
    """Give positions to what has none yet. Where another does so now, the rest comes with the next export."""
    while True:
        with database.transaction() as connection:
            if number_changes(connection) < BATCH:
                return


def _page(database: Database, after: int) -> Iterator[list[tuple[Any, ...]]]:
    while True:
        with database.engine.connect() as connection:
            rows = list_changes(connection, after=after, limit=ROWS_AT_ONCE)
        if not rows:
            return
        yield [_spread(row) for row in rows]
        after = rows[-1].position


def _batch(rows: Iterable[ChangeRow]) -> Iterator[list[tuple[Any, ...]]]:
    found = iter(rows)
    while batch := [_spread(row) for row in islice(found, ROWS_AT_ONCE)]:
        yield batch


def _spread(row: ChangeRow) -> tuple[Any, ...]:
    return msgspec.structs.astuple(describe_change(row))


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep other exports from a folder: two at once might cut the same rows into spans of different bounds."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError:
        raise MisuseError(f"Another export writes to {folder}: wait until it is done.") from None
    except OSError as error:
        raise MisuseError(f"{folder} cannot be written: {error.strerror or error}.") from None
