"""A partner's rows get the stage, the pipeline and the plan of their own moment, to the microsecond."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from enriching.worlds import (
    USES,
    A,
    B,
    D,
    add_resource,
    add_stays,
    opened,
    read,
    read_text,
    write_csv,
    write_jsonl,
)
from headrace.errors import UnreadableFile

MOVER = "0f000000-0000-4000-8000-00000000000f"
STAGES = {use[2]: use[3] for use in USES}


def parse(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def write_parquet(path: Path, times: pa.Array | None = None, uses: Any = USES) -> Path:
    found = times if times is not None else pa.array([parse(use[1]) for use in uses], pa.timestamp("us", "UTC"))
    columns = {"uuid": [use[0] for use in uses], "at": found, "n": [use[2] for use in uses]}
    pq.write_table(pa.table(columns), path)
    return path


def find_stages(rows: list[dict[str, Any]]) -> dict[int, str]:
    return {int(row["n"]): row["stage"] for row in rows}


@pytest.mark.parametrize("write", [write_csv, write_jsonl, write_parquet])
def test_each_row_gets_the_stage_of_its_own_moment(database_url: str, tmp_path: Path, write: Any) -> None:
    """From is inside and to is outside; a place of no length never held; ids are compared in lower case."""
    path = write(tmp_path / f"uses.{'parquet' if write is write_parquet else write.__name__.removeprefix('write_')}")
    with opened(database_url) as database:
        rows = read(database, path)

    assert STAGES == find_stages(rows)
    assert [use[0] for use in USES] == [row["uuid"] for row in sorted(rows, key=lambda row: int(row["n"]))]


def test_each_row_gets_pipeline_app_plan_and_state(database_url: str, tmp_path: Path) -> None:
    """The plan changes when the change is done, and not when one is refused; nothing is known before the beginning."""
    times = ("08:00:00", "09:10:00", "09:50:00", "11:59:59", "12:00:00", "23:40:00")
    uses = [(A, f"2026-11-01T{time}Z", number) for number, time in enumerate(times)]
    with opened(database_url) as database:
        rows = read(
            database, write_csv(tmp_path / "a.csv", [*uses, (B, "2026-11-03T00:00:00Z", 6), (D, uses[0][1], 7)])
        )
    found = [
        (row["plan"], row["state"], row["pipeline_name"], row["app_name"]) for row in sorted(rows, key=lambda r: r["n"])
    ]

    assert [
        ("unknown", "unknown", None, None),
        ("basic", "provisioning", None, None),
        ("basic", "provisioned", None, None),
        ("basic", "provisioned", "web", "shop"),
        ("premium", "provisioned", "web", "shop"),
        ("premium", "provisioned", "web", "shop"),
        ("basic", "deprovisioned", None, None),
        ("unseen", "unseen", None, None),
    ] == found


def test_rows_are_counted_by_stage_and_day(database_url: str, tmp_path: Path) -> None:
    """Sum, mean, and the percentile that 95 of 100 do not exceed; days are of UTC."""
    path = write_csv(tmp_path / "uses.csv")
    with opened(database_url) as database:
        counted = read(database, path, keys=("day", "stage"), value="n")
        exact = read(database, path, keys=("day", "stage"), value="n", wants_p95=True)
        ranked = read(database, path, keys=("stage",), value="n", wants_p95=True)
    found = {(row["day"], row["stage"]): (row["rows"], row["sum"], round(row["mean"], 2)) for row in counted}

    assert {
        ("2026-11-01", "development"): (1, 64, 64),
        ("2026-11-01", "gone"): (1, 128, 128),
        ("2026-11-01", "production"): (3, 2072, 690.67),
        ("2026-11-01", "staging"): (2, 6, 3),
        ("2026-11-01", "unknown"): (2, 257, 128.5),
        ("2026-11-01", "unseen"): (1, 1024, 1024),
        ("2026-11-02", "none"): (1, 32, 32),
        ("2026-11-02", "test"): (1, 512, 512),
    } == found
    assert counted == [{name: row[name] for name in counted[0]} for row in exact]
    assert {"staging": 4, "production": 2048, "unknown": 256} == {
        row["stage"]: row["p95"] for row in exact if row["rows"] > 1
    }
    assert {row["stage"]: row["p95"] for row in exact} == {row["stage"]: row["p95"] for row in ranked}


def test_rows_are_counted_by_what_the_file_has_too(database_url: str, tmp_path: Path) -> None:
    """A pipeline by its id, with its name beside it; a name that a spreadsheet would work out is taken for a text."""
    with opened(database_url) as database:
        rows = read_text(database, write_csv(tmp_path / "uses.csv"), keys=("pipeline", "plan", "n"))

    assert ["pipeline_id", "pipeline_name", "plan", "n", "rows"] == list(rows[0])
    assert {("api-id", "'=api"), ("web-id", "web"), ("", "")} == {
        (row["pipeline_id"], row["pipeline_name"]) for row in rows
    }


def test_a_resource_that_moves_all_the_time_is_where_it_was(sqlite_url: str, tmp_path: Path) -> None:
    """Its history is cut into stretches; each row still meets one place, before the first and after the last too."""
    begin = datetime(2026, 11, 1, 10, tzinfo=UTC)
    moves = [f"{begin + timedelta(seconds=7 * number):%Y-%m-%dT%H:%M:%S}" for number in range(201)]
    stays = [(MOVER, "web-id", f"stage-{number}", moves[number], moves[number + 1]) for number in range(200)]
    uses = [(MOVER, f"{begin + timedelta(seconds=7 * number + 3):%Y-%m-%dT%H:%M:%SZ}", number) for number in range(200)]
    others = [
        (MOVER, "2026-11-01T09:00:00Z", 1000),
        (MOVER, "2026-12-01T09:00:00Z", 1001),
        (A, "2026-11-01T11:00:00Z", 1002),
    ]
    with opened(sqlite_url) as database:
        with database.transaction() as connection:
            add_resource(connection, MOVER)
            add_stays(connection, stays)
        found = find_stages(read(database, write_csv(tmp_path / "many.csv", uses + others)))

    expected = {number: f"stage-{number}" for number in range(200)}
    assert expected | {1000: "unknown", 1001: "gone", 1002: "production"} == found


@pytest.mark.parametrize(
    ("texts", "stage"),
    [
        (["2026-11-01 10:29:59.999999 UTC"], "staging"),
        (["2026-11-01 11:30:00+01"], "production"),
        (["2026-11-01T15:59:59.9999999+0530"], "staging"),
        (["2026-11-01T10:00:00Z", "2026-11-01T10:15:00.5Z"], "staging"),
        (["2026-11-01T11:00:00 Europe/Berlin"], "staging"),
    ],
)
def test_a_time_is_read_as_it_is_written(sqlite_url: str, tmp_path: Path, texts: list[str], stage: str) -> None:
    """With an offset, a name or a Z, with more digits than are kept, and each row in its own way."""
    uses = [(A, text, number) for number, text in enumerate(texts)]
    with opened(sqlite_url) as database:
        rows = [
            row for write in (write_csv, write_jsonl) for row in read(database, write(tmp_path / name_of(write), uses))
        ]

    assert [stage] * 2 * len(texts) == [row["stage"] for row in rows]


def name_of(write: Any) -> str:
    return f"uses.{write.__name__.removeprefix('write_')}"


def test_times_without_a_zone_are_in_the_one_that_is_said(sqlite_url: str, tmp_path: Path) -> None:
    """In CSV, in Parquet; without a word about it nothing is guessed. One that has its own keeps it."""
    uses = [(A, "2026-11-01 11:00:00", 0), (A, "2026-11-01T10:00:00Z", 1)]
    naive = pa.array([datetime(2026, 11, 1, 11)] * 2, pa.timestamp("us"))  # noqa: DTZ001
    text, table = write_csv(tmp_path / "a.csv", uses), write_parquet(tmp_path / "a.parquet", naive, uses)
    with opened(sqlite_url) as database:
        found = [{row["stage"] for row in read(database, path, zone="Europe/Berlin")} for path in (text, table)]
        for path in (text, table):
            with pytest.raises(UnreadableFile, match="--zone"):
                read(database, path)

    assert [{"staging"}, {"staging"}] == found


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)])
def test_times_may_be_numbers(sqlite_url: str, tmp_path: Path, unit: str, factor: int) -> None:
    """Of what, has to be said: a machine that guesses takes milliseconds for nanoseconds."""
    edge = int(parse("2026-11-01T10:30:00Z").timestamp()) * factor
    uses = [(A, edge - 1, 0), (A, edge, 1)]
    paths = [
        write_csv(tmp_path / "a.csv", uses),
        write_jsonl(tmp_path / "a.jsonl", uses),
        write_parquet(tmp_path / "a.parquet", pa.array([edge - 1, edge]), uses),
    ]
    with opened(sqlite_url) as database:
        found = [find_stages(read(database, path, unit=unit)) for path in paths]
        with pytest.raises(UnreadableFile, match="--unit"):
            read(database, paths[2])

    assert [{0: "staging", 1: "production"}] * 3 == found


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_keeps_times_in_any_unit(sqlite_url: str, tmp_path: Path, unit: str) -> None:
    """Nanoseconds too, of which what is below a microsecond is left out."""
    times = pa.array([parse("2026-11-01T10:29:59Z"), parse("2026-11-01T10:30:00Z")], pa.timestamp(unit, "UTC"))
    with opened(sqlite_url) as database:
        found = find_stages(read(database, write_parquet(tmp_path / "a.parquet", times, [(A, "", 0), (A, "", 1)])))

    assert {0: "staging", 1: "production"} == found


def test_a_folder_by_day_is_read_whole(sqlite_url: str, tmp_path: Path) -> None:
    """A file a day, as warehouses keep them; a column that later files have is there too."""
    for day in ("2026-11-01", "2026-11-02"):
        folder = tmp_path / "uses" / f"day={day}"
        folder.mkdir(parents=True)
        write_parquet(folder / "part.parquet", uses=[use for use in USES if use[4] == day])
    with opened(sqlite_url) as database:
        rows = read(database, tmp_path / "uses")

    assert STAGES == find_stages(rows)
    assert {"uuid", "at", "n"} < rows[0].keys()


@pytest.mark.parametrize(
    ("header", "line", "wish", "says"),
    [
        ("uuid,at,n", f"{A},yesterday,1", {}, "what is no time: yesterday"),
        ("uuid,at,n", f"{A},,1", {}, "a row without a time"),
        ("uuid,at,n", f"{A},2026-11-01T10:00:00,1", {}, "without a zone"),
        ("uuid,at,n", f"{A},2026-11-01T10:00:00Z,much", {"keys": ["stage"], "value": "n"}, "what is no number: much"),
        ("uuid,when,n", f"{A},2026-11-01T10:00:00Z,1", {}, "no column `at`: it has `uuid`, `when`, `n`"),
        ("uuid,at,Stage", f"{A},2026-11-01T10:00:00Z,1", {}, "`stage` already"),
        ("uuid,at,n", f"{A},2026-11-01T10:00:00,1", {"zone": "Mars/Olympus"}, "Mars/Olympus"),
        ("uuid,at,n", f"{A},2026-11-01T10:00:00Z,1", {"zone": "Mars/Olympus"}, "no time zone `Mars/Olympus`"),
        ("uuid,at,n", f"{A},2026-11-01T10:00:00Z,1", {"keys": ["stadium"]}, "no column `stadium`"),
        ("uuid,at,n", f"{A},2026-11-01T10:00:00Z,1,2,3\nB", {}, "Do all rows have as many cells?"),
    ],
)
def test_what_cannot_be_read_is_named(
    sqlite_url: str, tmp_path: Path, header: str, line: str, wish: Any, says: str
) -> None:
    """With the column and the cell; nothing is written then."""
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n{A},2026-11-01T10:00:00Z,1\n{line}\n", encoding="utf-8")
    with opened(sqlite_url) as database, pytest.raises(UnreadableFile) as caught:
        read(database, path, **wish)

    assert says in caught.value.problems[0]


def test_a_prefix_keeps_names_apart(sqlite_url: str, tmp_path: Path) -> None:
    """The partner's own column of the same name stays what it is; a row without an uuid is of no resource."""
    path = tmp_path / "a.csv"
    path.write_text(f"uuid,at,stage\n{A},2026-11-01T10:00:00Z,theirs\n,2026-11-01T10:00:00Z,none's\n", encoding="utf-8")
    with opened(sqlite_url) as database:
        rows = read(database, path, prefix="headrace_")

    assert {("theirs", "staging"), ("none's", "unseen")} == {(row["stage"], row["headrace_stage"]) for row in rows}


def test_a_file_without_rows_comes_to_nothing(sqlite_url: str, tmp_path: Path) -> None:
    """With a head, and counted or not."""
    path = tmp_path / "a.csv"
    path.write_text("uuid,at,n\n", encoding="utf-8")
    with opened(sqlite_url) as database:
        found = [read(database, path), read(database, path, keys=["day"], value="n", wants_p95=True)]

    assert [[], []] == found
