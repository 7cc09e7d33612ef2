"""Joining usage with where each app stood then: `headrace enrich` beside the same engine's bare join, and beside peers.

A million resources with a million and a half placements in SQLite; rows of usage over a month, in Parquet. The floor is
DuckDB joining the same rows with one row a resource, by uuid alone, whatever the time. Each way runs in a process of
its own; what counts is its processor seconds, those of its threads included, and its largest memory.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import pipeline, placement, resource
from lab.bench import joined
from lab.bench.peers import install_peers
from lab.kit.databases import make_database
from lab.kit.fleets import PIPELINE, PLACEMENT, RESOURCE, insert, settle
from lab.kit.processes import find_command

MILLION = 1_000_000
RESOURCES = MILLION
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
STAGES = ("development", "review", "staging", "production")
# Of every other row of the uneven case is the one resource that moves all the time.
MOVER, MOVES = 7, 2_000
# A query a row takes as long for each: so many tell.
ASKED = 100_000
COUNTED = ("--uuid", "uuid", "--at", "at", "--group", "day,stage", "--value", "n")


class Cost(NamedTuple):
    seconds: float
    mib: float


def run_enrich() -> dict[str, Any]:
    """Print what each way costs, at one to a hundred million rows (`HEADRACE_BENCH_ROWS`, in millions, for less)."""
    most = int(os.environ.get("HEADRACE_BENCH_ROWS", "100"))
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as name, make_database("sqlite") as url:
        folder = Path(name)
        _fill(url)
        _write_placements(url, folder)
        shutil.copy(url.removeprefix("sqlite:///"), folder / "headrace.db")
        sizes = [size for size in (1, 10, 100) if size <= most]
        found = {f"{size} M": _measure(url, folder, size) for size in sizes}
        found["moves"] = _measure_mover(url, folder)
    return found


def _measure(url: str, folder: Path, size: int) -> dict[str, Cost]:
    rows = folder / "rows.parquet"
    _write_usage(rows, size * MILLION)
    enrich = _enrich(url, rows)
    costs = {
        "bare join": _run(_join("bare", rows, folder)),
        "sum and count by stage and day": _run([*enrich, *COUNTED]),
        "the same, exact p95": _run([*enrich, *COUNTED, "--p95"]),
        "row by row, into Parquet": _run([*enrich, *COUNTED[:4], "--output", str(folder / "out.parquet")]),
    }
    if size <= 10:
        text = folder / "rows.csv"
        _write_usage(text, size * MILLION)
        costs["sum and count, from CSV"] = _run([*_enrich(url, text), *COUNTED])
        costs["pandas.merge_asof"] = _run(_join("pandas", rows, folder, python=str(install_peers() / "python")))
    if size == 1:
        few = folder / "few.parquet"
        _write_usage(few, ASKED)
        cost = _run(_join("each", few, folder))
        costs["a query a row"] = Cost(cost.seconds * MILLION / ASKED, cost.mib)
    _print(f"{size} million rows", costs, floor="bare join")
    return costs


def _measure_mover(url: str, folder: Path) -> dict[str, Cost]:
    """One resource has 2,000 moves and half of the rows, beside the even case."""
    rows, ways = folder / "rows.parquet", {}
    for name, share in (("even", 0.0), ("half of one that moves", 0.5)):
        if share:
            _add_moves(url)
        _write_usage(rows, 10 * MILLION, share=share)
        ways[name] = _run([*_enrich(url, rows), *COUNTED])
    _print("10 million rows, one resource with 2,000 moves", ways, floor="even")
    return ways


def _enrich(url: str, rows: Path) -> list[str]:
    return ["env", f"DATABASE_URL={url}", str(find_command("headrace")), "enrich", str(rows)]


def _join(way: str, rows: Path, folder: Path, *, python: str = sys.executable) -> list[str]:
    (folder / "bench.duckdb").unlink(missing_ok=True)
    return [python, joined.__file__, way, str(rows), str(folder)]


def _run(command: Sequence[str]) -> Cost:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}.")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _print(title: str, costs: dict[str, Cost], *, floor: str) -> None:
    print(f"{title:<42} {'CPU s':>8} {'of floor':>9} {'MiB':>7}")
    for name, cost in costs.items():
        print(f"  {name:<40} {cost.seconds:>8.1f} {cost.seconds / costs[floor].seconds:>9.2f} {cost.mib:>7.0f}")


def _name(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def _fill(url: str) -> None:
    database = Database(url)
    with database.transaction() as connection:
        names = ("acme", "basic", "basic", "us", "{}", "", State.PROVISIONED, False, 0, _name(0), "app", BEGIN, BEGIN)
        insert(connection, resource, RESOURCE, ((_name(each), *names) for each in range(RESOURCES)))
        insert(
            connection, pipeline, PIPELINE, ((f"p{each}", f"p{each}", BEGIN, None) for each in range(RESOURCES // 5))
        )
        insert(connection, placement, (*PLACEMENT, "valid_to"), _make_stays())
    settle(database)
    database.close()


def _make_stays() -> Iterator[tuple[Any, ...]]:
    """Half of them move once; a tenth of these with a gap, and one in six stands in no pipeline."""
    for each in range(RESOURCES):
        begins = BEGIN + timedelta(seconds=each % 86_400)
        moves_at = begins + timedelta(days=11) if each % 2 else None
        where = (None, None) if each % 6 == 0 else (f"p{each // 5}", STAGES[each % 4])
        yield (2 * each, _name(each), _name(0), "app", *where, begins, moves_at)
        if moves_at:
            gap = timedelta(hours=each % 20 == 1)
            yield (2 * each + 1, _name(each), _name(0), "app", f"p{each // 5}", "production", moves_at + gap, None)


def _add_moves(url: str) -> None:
    database = Database(url)
    with database.transaction() as connection:
        connection.execute(placement.delete().where(placement.c.resource_uuid == _name(MOVER)))
        times = [BEGIN + timedelta(minutes=20 * move) for move in range(MOVES + 1)]
        stays = (
            (3 * RESOURCES + move, _name(MOVER), _name(0), "app", "p1", STAGES[move % 4], times[move], times[move + 1])
            for move in range(MOVES)
        )
        insert(connection, placement, (*PLACEMENT, "valid_to"), stays)
    database.close()


def _write_placements(url: str, folder: Path) -> None:
    database = Database(url)
    with database.engine.connect() as connection, (folder / "placements.csv").open("w", encoding="utf-8") as file:
        query = "SELECT resource_uuid, coalesce(stage, 'none'), valid_from, coalesce(valid_to, '') FROM placement"
        for row in connection.exec_driver_sql(query):
            file.write(",".join(row) + "\n")
    database.close()


def _write_usage(path: Path, rows: int, *, share: float = 0.0) -> None:
    """Write so many rows over thirty days; this share of them is about the one that moves."""
    import duckdb

    form = "format csv, header" if path.suffix == ".csv" else "format parquet"
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone='UTC'; SET memory_limit='1GB'; SET preserve_insertion_order=false")
        engine.execute(f"""
            COPY (
                SELECT
                    printf('%08x-0000-4000-8000-%012x', i, i) AS uuid,
                    TIMESTAMPTZ '2026-11-01 00:00:00Z' + (hash(k) % 2592000000) * INTERVAL 1 millisecond AS "at",
                    (hash(k * 7) % 1000) / 10.0 AS n
                FROM (
                    SELECT k, CASE WHEN hash(k * 5) % 1000 < {1000 * share} THEN {MOVER}
                        ELSE (hash(k * 3) % {RESOURCES})::BIGINT END AS i
                    FROM range({rows}) t(k)
                )
            ) TO '{path}' ({form})
        """)
