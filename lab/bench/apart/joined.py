"""The ways of joining that `lab.bench.enriching` compares, each run as a process: `python joined.py WAY FILE FOLDER`.

It imports nothing of ours, so that a peer's environment can run it. `placements.csv` in FOLDER has uuid, stage, from
and to of each placement.
"""

import sys
from typing import Any


def open_engine(folder: str) -> Any:
    import duckdb

    engine = duckdb.connect(f"{folder}/bench.duckdb")
    for setting in ("TimeZone='UTC'", "memory_limit='400MB'", "threads=2", "preserve_insertion_order=false"):
        engine.execute(f"SET {setting}")
    engine.execute(f"SET temp_directory='{folder}'")
    return engine


def join_bare(file: str, folder: str) -> None:
    """The floor: one row a resource, whatever the time."""
    engine = open_engine(folder)
    source = f"read_csv('{folder}/placements.csv', header=false, names=['uuid', 'stage', 'begins', 'ends'])"
    engine.execute(f"CREATE TABLE now AS SELECT uuid, first(stage) AS stage FROM {source} GROUP BY uuid")
    engine.execute(
        f'SELECT stage, epoch_us(r."at") // 86400000000 AS day, count(*), sum(n) '
        f"FROM '{file}' r JOIN now ON now.uuid = r.uuid GROUP BY ALL"
    ).fetchall()


def join_pandas(file: str, folder: str) -> None:
    """pandas.merge_asof, both sorts included, then the same groups."""
    import pandas as pd  # type: ignore[import-untyped]

    rows = pd.read_parquet(file).sort_values("at", kind="stable")
    names = ["uuid", "stage", "begins", "ends"]
    places = pd.read_csv(f"{folder}/placements.csv", header=None, names=names, parse_dates=["begins", "ends"])
    for name in ("begins", "ends"):
        places[name] = pd.to_datetime(places[name], utc=True).astype(rows["at"].dtype)
    places = places.sort_values("begins", kind="stable")
    joined = pd.merge_asof(rows, places, left_on="at", right_on="begins", by="uuid")
    joined = joined[joined["ends"].isna() | (joined["at"] < joined["ends"])]
    joined.groupby(["stage", joined["at"].dt.floor("D")])["n"].agg(["size", "sum"])


def ask_each(file: str, folder: str) -> None:
    """A query a row, of SQLite by its index."""
    import sqlite3

    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    connection = sqlite3.connect(f"{folder}/headrace.db")
    query = (
        "SELECT stage FROM placement WHERE resource_uuid = ? AND valid_from <= ? "
        "AND (valid_to IS NULL OR valid_to > ?) ORDER BY valid_from DESC LIMIT 1"
    )
    for batch in pq.ParquetFile(file).iter_batches():
        rows = batch.to_pydict()
        for uuid, at in zip(rows["uuid"], rows["at"], strict=True):
            moment = f"{at:%Y-%m-%d %H:%M:%S.%f}"
            connection.execute(query, (uuid, moment, moment)).fetchone()


WAYS = {"bare": join_bare, "pandas": join_pandas, "each": ask_each}

if __name__ == "__main__":
    WAYS[sys.argv[1]](*sys.argv[2:])
