"""`headrace enrich`: a partner's file in, the same with where each app stood then, or counts of it, out."""

import shutil
from pathlib import Path
from typing import IO, TYPE_CHECKING

from headrace.enriching.engine import opened_engine, quote_text
from headrace.enriching.history import OF_PLACE, load_history
from headrace.enriching.joining import Joining, Wish
from headrace.enriching.rows import explained, open_rows, require_zone
from headrace.store.sql.database import Database

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WRITERS = {"csv": "FORMAT csv, HEADER true", "jsonl": "FORMAT json", "parquet": "FORMAT parquet, COMPRESSION zstd"}
# Names come from customers: a spreadsheet would work out one that begins so.
DEFUSED = "UPDATE place SET {name} = '''' || {name} WHERE regexp_matches({name}, '^[=+@\\t\\r-]')"


def enrich(database: Database, path: Path, wish: Wish, *, form: str | None, out: IO[bytes], out_form: str) -> int:
    """Write what is wished of a file, or of a folder of Parquet files, and return how many rows it came to.

    `form` says what the file is where its name does not; `out_form` is csv, jsonl or parquet. Rows that are given out
    stand in no order; counts are in that of their keys.

    Raises:
        MisuseError: DuckDB is not installed.
        UnreadableFile: the file, a column, or a cell of one, cannot be read. Nothing has been written.
    """
    with opened_engine() as (engine, folder):
        if wish.zone is not None:
            require_zone(engine, wish.zone)
        rows = open_rows(engine, path, form)
        load_history(engine, database, folder, wish.columns)
        is_placed = not wish.columns.isdisjoint(OF_PLACE)
        if is_placed and out_form == "csv":
            for name in ("pipeline_name", "app_name"):
                engine.execute(DEFUSED.format(name=name))
        joining = Joining(rows, wish, has_many=is_placed and _has_rows(engine, "many"))
        whole = folder / "out"
        with explained(path.name):
            query = _count(engine, joining, wish) if wish.keys else joining.select_rows()
            engine.execute(f"COPY ({query}) TO {quote_text(str(whole))} ({WRITERS[out_form]})")
            (count,) = engine.fetchone() or (0,)
        with whole.open("rb") as file:
            shutil.copyfileobj(file, out)
    return int(count)


def _count(engine: "DuckDBPyConnection", joining: Joining, wish: Wish) -> str:
    """Count the rows, in one pass or, where a percentile is wanted, in two, and return what selects the counts."""
    if not wish.wants_p95:
        return f"{joining.select_counts()} ORDER BY ALL"
    engine.execute(joining.create_narrow())
    if "day" not in wish.keys:
        return f"{joining.select_ranked()} ORDER BY ALL"
    days = [day for (day,) in engine.execute("SELECT DISTINCT day FROM narrow ORDER BY day").fetchall()]
    # All at once they would have to be held at once.
    engine.execute(f"CREATE TABLE counted AS {joining.select_day(days[0] if days else 0)}")
    for day in days[1:]:
        engine.execute(f"INSERT INTO counted {joining.select_day(day)}")
    return "SELECT * FROM counted ORDER BY ALL"


def _has_rows(engine: "DuckDBPyConnection", table: str) -> bool:
    return engine.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None
