"""Exports: the same rows in every format, on both databases, and nothing in them that is secret."""

import csv
import io
import json
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pyarrow import parquet  # type: ignore[import-untyped]

from headrace.cli.main import main
from headrace.encryption import KeyRing, make_key
from headrace.errors import MisuseError
from headrace.fleet.formats import FORMATS, export, writing
from headrace.models import State
from headrace.store.reports.exports import EXPORTS
from headrace.store.reports.figures.counted_days import save_day
from headrace.store.reports.figures.kept_count import KEPT_ALONE
from headrace.store.reports.figures.roll_up import FleetFigure, count_day
from headrace.store.sql.database import Database
from headrace.store.state.placements import close_placement, save_inspection
from headrace.store.state.resources import update_resource
from headrace.store.state.secrets import SecretStore
from settings.test_settings import GOOD
from store.making import HOUR, NOON, add_resource, id_of, place

DAY = timedelta(days=1)
SECRET = "planted-7c1f"


@pytest.fixture
def fleet(database: Database) -> Database:
    """`a` went from staging to production, `b` is there too on a large plan, `c` waits at staging, `d` is gone."""
    with database.transaction() as connection:
        for name, plan, pipeline, stage in (
            ("a", "free", "shop", "staging"),
            ("b", "premium", "shop", "production"),
            ("c", "free", "blog", "staging"),
            ("d", "free", None, ""),
        ):
            add_resource(connection, name, plan=plan, state=State.PROVISIONED, provisioned_at=NOON, callback_url=SECRET)
            save_inspection(connection, place(name, pipeline, stage, app=f"app-{name}"), next_check_at=NOON)
            SecretStore(KeyRing.parse(make_key())).save_config(connection, id_of(name), {"ACME_URL": SECRET})
        move = place("a", "shop", "production", app="app-a", at=NOON + HOUR)
        save_inspection(connection, move, next_check_at=NOON)
        close_placement(connection, id_of("d"), now=NOON + HOUR)
        update_resource(connection, id_of("d"), state=State.DEPROVISIONED, deprovisioned_at=NOON + HOUR)
        save_day(connection, NOON.date(), count_day(connection, NOON.date()), now=NOON + DAY)
    return database


def read(database: Database, what: str, form: str) -> list[dict[str, Any]]:
    """Rows as a reader of the format has them."""
    out = io.BytesIO()
    count = export(database, what, form, out, small_plans=("free",))
    rows: list[dict[str, Any]]
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(out.getvalue().decode(), newline="")))
    elif form == "jsonl":
        rows = [json.loads(line) for line in out.getvalue().splitlines()]
    else:
        rows = parquet.read_table(io.BytesIO(out.getvalue())).to_pylist()
    assert len(rows) == count
    return rows


def as_text(row: dict[str, Any]) -> dict[str, str]:
    """A row as CSV has it: nothing for nothing, moments in UTC."""
    return {name: _spell(value) for name, value in row.items()}


def _spell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    return "" if value is None else str(value)


@pytest.mark.parametrize("what", sorted(EXPORTS))
def test_every_format_has_the_same_rows(fleet: Database, what: str) -> None:
    """Whichever tool reads them; and some there are of each."""
    rows = {form: [as_text(row) for row in read(fleet, what, form)] for form in FORMATS}

    assert rows["csv"] == rows["jsonl"] == rows["parquet"] != []


@pytest.mark.parametrize("what", sorted(EXPORTS))
@pytest.mark.parametrize("form", sorted(FORMATS))
def test_nothing_secret_is_in_them(fleet: Database, what: str, form: str) -> None:
    """Neither what is sealed nor the address that Heroku is called at."""
    assert SECRET not in str(read(fleet, what, form))


def test_parquet_keeps_kinds(fleet: Database) -> None:
    """Moments are moments in UTC, counts are numbers, and what is not there is null."""
    resource = next(row for row in read(fleet, "resources", "parquet") if row["name"] == "d")
    day = read(fleet, "stage-mix", "parquet")[0]

    assert (NOON + HOUR, None) == (resource["deprovisioned_at"], resource["stage"])
    assert (date(2026, 11, 2), 2) == (day["day"], day["resources"] if day["stage"] == "production" else None)


def test_resources_have_their_current_place(fleet: Database) -> None:
    """Those that are gone are in it too, without one."""
    rows = {row["name"]: row for row in read(fleet, "resources", "jsonl")}

    assert {"a": "production", "b": "production", "c": "staging", "d": None} == {
        name: row["stage"] for name, row in rows.items()
    }
    assert ("shop", "2026-11-02T13:00:00.000000Z") == (rows["a"]["pipeline_name"], rows["a"]["placed_at"])
    assert "deprovisioned" == rows["d"]["state"]


def test_moves_have_the_place_before_and_after(fleet: Database) -> None:
    """To be told first, or to be gone, is no move."""
    (move,) = read(fleet, "moves", "jsonl")

    assert (id_of("a"), "staging", "production") == (move["resource_uuid"], move["from_stage"], move["to_stage"])
    assert "2026-11-02T13:00:00.000000Z" == move["moved_at"]


def test_opportunities_can_be_gone_through(fleet: Database) -> None:
    """`a` is in production on a small plan, `blog` has nothing in production and `shop` nothing at staging."""
    (small,) = read(fleet, "production-on-small-plan", "jsonl")
    ends = read(fleet, "one-ended-pipelines", "jsonl")

    assert ("a", "2026-11-02T13:00:00.000000Z") == (small["name"], small["in_production_since"])
    assert {("blog", 1, 1, 0), ("shop", 2, 0, 2)} == {
        (end["pipeline_name"], end["resources"], end["staging"], end["production"]) for end in ends
    }


def test_many_rows_are_read_as_they_are_written(database: Database) -> None:
    """More than are read at once, in every format, in order and without a gap."""
    with database.transaction() as connection:
        for number in range(2_500):
            add_resource(connection, f"acme-{number}")

    uuids = sorted(id_of(f"acme-{number}") for number in range(2_500))
    assert [uuids] * 3 == [[row["uuid"] for row in read(database, "resources", form)] for form in FORMATS]


def test_a_file_that_is_not_whole_does_not_stand_there(tmp_path: Path) -> None:
    """What stood there before stays when writing fails."""
    path = tmp_path / "fleet.csv"
    path.write_text("before")

    def write_half() -> None:
        with writing(path) as out:
            out.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert ["fleet.csv"] == [each.name for each in tmp_path.iterdir()]
    assert "before" == path.read_text()


@pytest.mark.parametrize("place", ["nowhere/fleet.csv", "taken"])
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    """There is no such folder, or a folder stands at its place; of what was begun nothing stays."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(MisuseError, match="cannot be written"), writing(tmp_path / place) as out:
        out.write(b"whole")

    assert ["taken"] == [each.name for each in tmp_path.iterdir()]


def test_parquet_without_pyarrow_says_what_to_install(fleet: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: everything else works without it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MisuseError, match=r"pip install 'headrace\[parquet\]'"):
        export(fleet, "resources", "parquet", io.BytesIO(), small_plans=())


def test_the_command_offers_all_there_is() -> None:
    """The lists stand in the command too, so that `--help` imports nothing."""
    what, form, *_ = main.commands["export"].params

    assert ([*EXPORTS, "changes"], list(FORMATS)) == (list(what.type.choices), list(form.type.choices))  # type: ignore[attr-defined]


def test_the_command_writes_to_standard_output_or_a_file(fleet: Database, tmp_path: Path) -> None:
    """What is piped has the rows and nothing else."""
    environment = {**GOOD, "DATABASE_URL": fleet.url, "HEADRACE_SMALL_PLANS": "free, premium"}
    path = tmp_path / "small.parquet"
    piped = CliRunner().invoke(main, ["export", "stage-mix"], env=environment)
    command = ["export", "production-on-small-plan", "--format", "parquet", "--output", str(path)]
    written = CliRunner().invoke(main, command, env=environment)

    assert "day,stage,resources\r\n2026-11-02,production,2\r\n2026-11-02,staging,1\r\n" == piped.stdout_bytes.decode()
    assert f"Wrote 2 rows to {path}.\n" == written.output
    assert 2 == parquet.read_table(path).num_rows


def test_count_counts_at_once(fleet: Database) -> None:
    """Every day since the first provision, and those since an import again."""
    environment = {**GOOD, "DATABASE_URL": fleet.url}
    first, again, since = (
        CliRunner().invoke(main, ["count", *options], env=environment)
        for options in ([], [], ["--since", "2026-11-02"])
    )

    assert (0, 0, 0) == (first.exit_code, again.exit_code, since.exit_code)
    days = int(first.output.split()[1])
    assert ("Counted 1 day.\n", f"Counted {days + 1} days.\n") == (again.output, since.output)


@pytest.mark.parametrize("what", sorted(EXPORTS))
def test_every_column_is_documented(what: str) -> None:
    """docs/metrics.md has a row for each export, with its columns."""
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    exports = page[page.index("## Exports") :].splitlines()
    row = next(line for line in exports if line.startswith(f"| `{what}` |"))
    columns = EXPORTS[what](()).selected_columns.keys()

    assert [] == [column for column in columns if f"`{column}`" not in row]


@pytest.mark.parametrize("figure", [figure for figure in FleetFigure if figure not in KEPT_ALONE])
def test_every_figure_that_is_exported_is_documented(figure: FleetFigure) -> None:
    """docs/metrics.md says what stage and label are, in the table at the end of its exports."""
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    named = [line.split("|")[1] for line in page[page.index("| `figure` |") :].splitlines() if line.startswith("|")]

    assert f"`{figure}`" in " ".join(named)


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_a_name_is_no_formula_in_a_spreadsheet(database: Database, sign: str) -> None:
    """A cell of CSV that would be worked out gets an apostrophe before it; the other formats are exact."""
    name = f"{sign}1+1"
    with database.transaction() as connection:
        add_resource(connection, name, state=State.PROVISIONED, provisioned_at=NOON)

    assert {"csv": f"'{name}", "jsonl": name, "parquet": name} == {
        form: read(database, "resources", form)[0]["name"] for form in FORMATS
    }
