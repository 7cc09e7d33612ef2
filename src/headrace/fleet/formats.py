"""Rows for whatever a partner analyses with: CSV, JSON lines, or Parquet. They are written as they are read."""

import csv
import io
import os
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import msgspec
import sqlalchemy as sa

from headrace.errors import MisuseError
from headrace.store.reports.exports import EXPORTS, reading
from headrace.store.sql.database import Database
from headrace.store.sql.tables.columns import Moment

# Parquet keeps the values of a column together: the more rows at once, the smaller the file.
ROWS_AT_ONCE = 20_000
# What a cell begins with that a spreadsheet would work out.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")

Columns = Mapping[str, sa.types.TypeEngine[Any]]
# Some rows at a time, each with a value for each column.
Batches = Iterable[Sequence[Sequence[Any]]]
Write = Callable[[Columns, Batches, IO[bytes]], int]


def export(database: Database, what: str, form: str, out: IO[bytes], *, small_plans: Collection[str]) -> int:
    """Write everything of one kind and return how many rows there were.

    Raises:
        MisuseError: Parquet without pyarrow.
    """
    with _reading(database, EXPORTS[what](small_plans)) as (columns, result):
        return FORMATS[form](columns, result.partitions(ROWS_AT_ONCE), out)


def stream_csv(database: Database, query: sa.Select[Any]) -> Generator[bytes]:
    """Yield what a query of an export finds as CSV, some rows at a time, as it is asked for."""
    with _reading(database, query) as (columns, result):
        yield _spell_rows([columns])
        for rows in result.partitions():
            yield _spell_rows(rows)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that stands at its place only once it is whole.

    Raises:
        MisuseError: there is no such folder, nothing may be written there, or no more.
    """
    # What begins with a dot is no part of a folder for whoever reads it whole.
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        partial.replace(path)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise MisuseError(f"{path} cannot be written: {error.strerror or error}.") from None
        raise


@contextmanager
def _reading(database: Database, query: sa.Select[Any]) -> Iterator[tuple[Columns, sa.CursorResult[Any]]]:
    columns = {column.key or "": column.type for column in query.selected_columns}
    with database.engine.connect() as connection, reading(connection, query) as result:
        yield columns, result


def _write_csv(columns: Columns, batches: Batches, out: IO[bytes]) -> int:
    out.write(_spell_rows([columns]))
    count = 0
    for rows in batches:
        out.write(_spell_rows(rows))
        count += len(rows)
    return count


def _spell_rows(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_defuse(_spell_cell(value)) for value in row] for row in rows)
    return text.getvalue().encode()


def _spell_cell(value: Any) -> Any:
    """A list in a cell is JSON."""
    return msgspec.json.encode(value).decode() if isinstance(value, list) else _spell(value)


def _defuse(value: Any) -> Any:
    """Keep a spreadsheet from taking a text for a formula: people choose the names of their apps and pipelines."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_SIGNS) else value


def _write_jsonl(columns: Columns, batches: Batches, out: IO[bytes]) -> int:
    encoder, line, count = msgspec.json.Encoder(), bytearray(), 0
    for rows in batches:
        for row in rows:
            encoder.encode_into({name: _spell(value) for name, value in zip(columns, row, strict=True)}, line)
            out.write(line + b"\n")
        count += len(rows)
    return count


def _write_parquet(columns: Columns, batches: Batches, out: IO[bytes]) -> int:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise MisuseError("Parquet needs pyarrow: pip install 'headrace[parquet]'.") from None
    kinds = {
        Moment: pa.timestamp("us", tz="UTC"),
        sa.Date: pa.date32(),
        sa.Integer: pa.int64(),
        sa.String: pa.string(),
        sa.ARRAY: pa.list_(pa.string()),
    }
    schema = pa.schema(
        [(name, next(kinds[each] for each in kinds if isinstance(kind, each))) for name, kind in columns.items()]
    )
    count = 0
    with parquet.ParquetWriter(out, schema) as writer:
        for rows in batches:
            values = [dict(zip(columns, row, strict=True)) for row in rows]
            writer.write_batch(pa.RecordBatch.from_pylist(values, schema=schema))
            count += len(rows)
    return count


def _spell(value: Any) -> Any:
    """A moment in UTC as ISO 8601, to the microsecond; everything else as it is."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else value


FORMATS: Mapping[str, Write] = {"csv": _write_csv, "jsonl": _write_jsonl, "parquet": _write_parquet}
