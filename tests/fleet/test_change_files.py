"""What changed, in files by day: each row once, whatever is run again, by whichever reader, with the same types."""

import asyncio
import fcntl
import io
import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from pyarrow import dataset, parquet, types  # type: ignore[import-untyped]

from cli.running import invoke
from headrace.cli.main import main
from headrace.errors import MisuseError
from headrace.fleet.change_files import SPAN, export_changes, plan_spans, require_cursor, write_changes
from headrace.fleet.changes import COLUMNS
from headrace.fleet.formats import FORMATS
from headrace.store.sql.database import Database
from headrace.store.state.changes import ChangeCursor, write_change_cursor
from headrace.store.state.timeline import TimelineName, add_event
from headrace.testing import eventually
from house.rooms import ROOT
from settings.test_settings import GOOD
from store.making import NOON, add_resource, id_of

DAY = timedelta(days=1)
MOVE = {"pipeline": "shop", "new_pipeline": "p-1", "old_pipeline": "p-1", "from": "staging", "to": "production"}
EXPORT = """
import sys
from pathlib import Path
from headrace.fleet.change_files import export_changes
from headrace.store.sql.database import Database
export_changes(Database(sys.argv[1]), Path(sys.argv[2]), "parquet", since=None)
"""


@pytest.fixture
def fleet(database: Database) -> Database:
    """Two resources; of one, config vars were set and its app was promoted, the day after."""
    with database.transaction() as connection:
        for name in ("a", "b"):
            add_resource(connection, name)
            add_event(connection, id_of(name), TimelineName.PROVISION_REQUESTED, now=NOON)
        add_event(connection, id_of("a"), TimelineName.CONFIG_SET, now=NOON, number=1, config_vars=["ACME_URL", "=X"])
        add_event(connection, id_of("a"), TimelineName.PLACEMENT_MOVED, now=NOON + DAY, **MOVE)
    return database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the partner's, which is there before anything is in it."""
    path = tmp_path / "changes"
    path.mkdir()
    return path


def tell(database: Database, *, at: datetime, number: int) -> None:
    with database.transaction() as connection:
        add_event(connection, id_of("b"), TimelineName.CONFIG_REQUESTED, now=at, number=number, by="token")


def export(database: Database, folder: Path, since: ChangeCursor | None = None, form: str = "parquet") -> ChangeCursor:
    _, following = export_changes(database, folder, form, since=since)
    assert following is not None
    return following


def list_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def read_cursors(folder: Path) -> list[int]:
    """The positions of all rows in a folder, as a reader of Parquet finds them."""
    return sorted(int(each.split("-")[0]) for each in read_folder(folder)["cursor"])


def read_folder(folder: Path) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = dataset.dataset(folder, partitioning="hive").to_table().to_pydict()
    return columns


def test_each_day_has_its_changes(fleet: Database, folder: Path) -> None:
    """A file a day, whose name says what it has; a row has what `/api/changes` tells."""
    following = export(fleet, folder)
    moved = parquet.ParquetFile(folder / "day=2026-11-03" / "000000000000-000000000004.parquet").read().to_pylist()

    assert [".lock", *(f"day=2026-11-0{day}/000000000000-000000000004.parquet" for day in (2, 3))] == (
        list_files(folder)
    )
    assert (4, NOON + DAY) == following
    (row,) = moved
    assert {
        "cursor": write_change_cursor(following),
        "at": NOON + DAY,
        "uuid": id_of("a"),
        "type": "placement.moved",
        "pipeline": "shop",
        "old_stage": "staging",
        "stage": "production",
        "config_vars": None,
    }.items() <= row.items()


def test_every_reader_finds_the_same_types(fleet: Database, folder: Path) -> None:
    """DuckDB and pyarrow: moments with their zone, ids as texts, names as a list, numbers as such, days by folder."""
    export(fleet, folder)
    files = f"read_parquet('{folder}/*/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        kinds = dict(row[:2] for row in engine.execute(f"DESCRIBE SELECT * FROM {files}").fetchall())
        counts = engine.execute(f"SELECT day::varchar, count(*) FROM {files} GROUP BY day ORDER BY day").fetchall()
        (at,) = engine.execute(f'SELECT max("at") FROM {files}').fetchone() or (None,)
    found = dataset.dataset(folder, partitioning="hive").schema

    assert ("TIMESTAMP WITH TIME ZONE", "VARCHAR", "VARCHAR[]", "BIGINT", "DATE") == tuple(
        kinds[name] for name in ("at", "uuid", "config_vars", "order", "day")
    )
    assert [*COLUMNS, "day"] == list(kinds) == found.names
    assert ("timestamp[us, tz=UTC]", "string", "int64") == tuple(
        str(found.field(name).type) for name in ("at", "uuid", "order")
    )
    assert types.is_list(found.field("config_vars").type)
    assert [("2026-11-02", 3), ("2026-11-03", 1)] == counts
    assert NOON + DAY == at


def test_the_next_export_adds_what_is_new(fleet: Database, folder: Path) -> None:
    """Files that stand there stay as they are; what is told late goes to the day when it was."""
    first = export(fleet, folder)
    before = {name: (folder / name).stat().st_mtime_ns for name in list_files(folder) if name != ".lock"}
    tell(fleet, at=NOON, number=5)
    second = export(fleet, folder, since=first)
    third = export(fleet, folder, since=second)
    after = {name: (folder / name).stat().st_mtime_ns for name in list_files(folder) if name != ".lock"}

    assert second == third == (5, NOON)
    assert [1, 2, 3, 4, 5] == read_cursors(folder)
    assert {"day=2026-11-02/000000000004-000000000005.parquet"} == after.keys() - before.keys()
    assert before.items() <= after.items()


def test_who_begins_anew_or_further_back_has_no_row_twice(fleet: Database, folder: Path) -> None:
    """From nowhere, and from within what one export has written."""
    first = export(fleet, folder)
    tell(fleet, at=NOON, number=5)
    export(fleet, folder, since=first)
    tell(fleet, at=NOON + DAY, number=6)
    for since in (None, ChangeCursor(2, NOON), first):
        export(fleet, folder, since=since)

    assert [1, 2, 3, 4, 5, 6] == read_cursors(folder)


async def test_an_export_that_is_killed_leaves_whole_files_and_the_next_has_all(fleet: Database, folder: Path) -> None:
    """Killed when the first day's file stands there and the second's is begun; then more happens before the next."""
    pipe = folder / "day=2026-11-03" / ".000000000000-000000000004.parquet.partial"
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", EXPORT, fleet.url, str(folder))
    await eventually((folder / "day=2026-11-02" / "000000000000-000000000004.parquet").exists)
    process.kill()
    await process.wait()
    pipe.unlink()
    left = read_cursors(folder)
    tell(fleet, at=NOON, number=5)
    export(fleet, folder)

    assert [1, 2, 3] == left
    assert [1, 2, 3, 4, 5] == read_cursors(folder)


@pytest.mark.parametrize(
    ("known", "after", "last", "spans"),
    [
        ([], 0, 5, [(0, 5)]),
        ([], 0, SPAN + 1, [(0, SPAN), (SPAN, SPAN + 1)]),
        ([(0, 5)], 5, 5, []),
        ([(0, 5)], 5, 9, [(5, 9)]),
        ([(0, 5), (5, 9)], 7, 12, [(5, 9), (9, 12)]),
        ([(0, 5), (5, 9)], 0, 9, [(0, 5), (5, 9)]),
        ([(4, 8)], 0, 10, [(0, 4), (4, 8), (8, 10)]),
    ],
)
def test_a_span_keeps_its_bounds(known: list[Any], after: int, last: int, spans: list[Any]) -> None:
    """Once begun it is written whole, from its beginning; what is new is cut where the next begins, or is too long."""
    assert spans == list(plan_spans(known, after=after, last=last))


def test_changes_can_be_piped(fleet: Database) -> None:
    """In order, in every format; a cursor stands in each row, and a list in a cell of CSV is JSON."""
    out = {form: io.BytesIO() for form in FORMATS}
    counts = [write_changes(fleet, form, out[form], since=ChangeCursor(2, NOON)) for form in FORMATS]
    rows = [json.loads(line) for line in out["jsonl"].getvalue().splitlines()]

    assert [2, 2, 2] == counts
    assert ["config.set", "placement.moved"] == [row["type"] for row in rows]
    assert ["ACME_URL", "=X"] == rows[0]["config_vars"]
    assert b'"[""ACME_URL"",""=X""]"' in out["csv"].getvalue()
    assert rows[1]["cursor"] == parquet.read_table(io.BytesIO(out["parquet"].getvalue()))["cursor"][1].as_py()


def test_the_command_prints_the_cursor_to_go_on_from(fleet: Database, folder: Path) -> None:
    """On standard output it stands alone; an empty one is the beginning, so that a script has no first time."""
    environment = settings_of(fleet)
    asked = ["export", "changes", "--format", "jsonl", "--output", str(folder), "--since"]
    first = invoke(*asked, "", **environment)
    tell(fleet, at=NOON + 2 * DAY, number=5)
    second = invoke(*asked, first.stdout.strip(), **environment)
    lines = [path.read_text() for path in sorted(folder.glob("day=*/*.jsonl"))]

    assert (0, f"4-{micros(NOON + DAY)}\n") == (first.exit_code, first.stdout)
    assert (0, f"5-{micros(NOON + 2 * DAY)}\n") == (second.exit_code, second.stdout)
    assert f"Wrote 1 row to {folder}.\n" == second.stderr
    assert [3, 1, 1] == [text.count("\n") for text in lines]


def test_the_page_shows_what_is_printed(fleet: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/warehouse.md has the job of every hour; and docs/metrics.md every column."""
    docs = ROOT / "docs"
    page = (docs / "warehouse.md").read_text(encoding="utf-8")
    touching, exporting, moving, listing = page[page.index("$ touch cursor") :].split("```")[0].split("$ ")[1:]
    command, told = exporting.rstrip("\n").split("\n")
    monkeypatch.chdir(folder.parent)
    done = invoke(*shlex.split(command.replace("$(cat cursor)", "").split(" > ")[0])[1:], **settings_of(fleet))
    row = next(line for line in (docs / "metrics.md").read_text(encoding="utf-8").splitlines() if "| `changes`" in line)

    assert ("touch cursor\n", "mv next cursor\n") == (touching, moving)
    assert (0, [told]) == (done.exit_code, done.stderr.splitlines())
    assert ["ls changes", *sorted(path.name for path in folder.glob("day=*"))] == listing.splitlines()
    assert [] == [name for name in COLUMNS if f"`{name}`" not in row]


def settings_of(fleet: Database) -> dict[str, str]:
    return {**GOOD, "DATABASE_URL": fleet.url.replace("postgresql+psycopg://", "postgresql://")}


def micros(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["resources", "--since", "4-1"], "--since is for changes"),
        (["changes", "--since", "yesterday"], "'yesterday' is no cursor"),
        (["changes", "--since", "4-1"], "of another history"),
    ],
)
def test_a_wrong_cursor_is_said_in_a_line(fleet: Database, options: list[str], says: str) -> None:
    """Nothing is written."""
    done = CliRunner().invoke(main, ["export", *options], env={**GOOD, "DATABASE_URL": fleet.url})

    assert (True, True, "") == (done.exit_code != 0, says in done.stderr, done.stdout)


def test_a_folder_of_another_history_or_of_another_export_is_refused(fleet: Database, folder: Path) -> None:
    """The database was restored since; or two exports would cut the same rows differently."""
    foreign = folder / "day=2026-11-02" / "000000000000-000000000900.parquet"
    foreign.parent.mkdir()
    foreign.touch()
    with pytest.raises(MisuseError, match="does not know"):
        export(fleet, folder)
    foreign.unlink()
    with held(folder), pytest.raises(MisuseError, match="Another export"):
        export(fleet, folder)
    with pytest.raises(MisuseError, match="cannot be written"):
        export(fleet, folder / ".lock")

    assert [".lock"] == list_files(folder)
    assert require_cursor(fleet, "") is None


@contextmanager
def held(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
