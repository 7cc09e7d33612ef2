"""The engine that joins: DuckDB on a file of its own, which is gone afterwards, within the memory that it is given."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from headrace.errors import MisuseError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Of the engine's own; what it keeps of Python's and of libraries comes on top, about 100 MB.
MEMORY = "400MB"
# Each thread holds blocks of its own.
MOST_THREADS = 4


@contextmanager
def opened_engine() -> "Iterator[tuple[DuckDBPyConnection, Path]]":
    """Yield an engine in UTC, and a folder for what it needs beside: both are gone at the end.

    Raises:
        MisuseError: DuckDB is not installed.
    """
    try:
        import duckdb
    except ImportError:
        raise MisuseError("DuckDB does the joining, and is not installed: pip install 'headrace[enrich]'.") from None
    with TemporaryDirectory(prefix="headrace-enrich-") as name:
        folder = Path(name)
        engine = duckdb.connect(folder / "history.duckdb")
        try:
            for setting, value in {
                "TimeZone": "UTC",
                "memory_limit": MEMORY,
                "temp_directory": str(folder),
                "threads": min(os.cpu_count() or 1, MOST_THREADS),
                # Rows come out in whatever order they are ready: keeping it would hold them all.
                "preserve_insertion_order": False,
                "autoinstall_known_extensions": False,
            }.items():
                engine.execute(f"SET {setting} = {quote_text(str(value))}")
            yield engine, folder
        finally:
            engine.close()


def quote_text(text: str) -> str:
    """Return a text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """Return the name of a column as SQL has it: `at` alone would be a word of DuckDB's."""
    return '"' + name.replace('"', '""') + '"'
