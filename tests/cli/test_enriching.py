"""`headrace enrich` as docs/enrich.md has it: its commands run here, and print what stands there."""

import csv
import re
import shlex
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner

from cli.running import UNSET, build_environment, invoke, run_script
from enriching.worlds import WEB, add_pipelines, add_resource, add_stays
from headrace.cli.main import main
from headrace.store.sql.database import Database
from house.rooms import ROOT

RESOURCE, ANOTHER = "01234567-89ab-cdef-0123-456789abcdef", "89abcdef-0123-4567-89ab-cdef01234567"
USAGE = (
    ("resource", "hour", "requests"),
    (RESOURCE, "2026-11-03T09:00:00Z", "120"),
    (RESOURCE, "2026-11-03T10:00:00Z", "80"),
    (RESOURCE, "2026-11-17T09:59:59.999999Z", "90"),
    (RESOURCE, "2026-11-17T10:00:00Z", "2600"),
    (ANOTHER, "2026-11-17T15:00:00+01:00", "3000"),
)
NAMED = ("usage.csv", "--uuid", "resource", "--at", "hour")


def read_commands() -> list[tuple[list[str], list[str]]]:
    """Each command of the page, as it would be typed, and the lines that it prints there."""
    text = (ROOT / "docs" / "enrich.md").read_text(encoding="utf-8")
    typed = [part for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) for part in block.split("$ ")[1:]]
    return [(shlex.split(part.splitlines()[0]), part.splitlines()[1:]) for part in typed]


@pytest.fixture
def fleet(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a database with two resources, one of which is promoted, in a folder with its partner's usage."""
    database = Database(database_url)
    with database.transaction() as connection:
        add_pipelines(connection)
        for uuid in (RESOURCE, ANOTHER):
            add_resource(connection, uuid)
        add_stays(
            connection,
            [
                (RESOURCE, WEB, "staging", "2026-11-02T08:00:00", "2026-11-17T10:00:00"),
                (RESOURCE, WEB, "production", "2026-11-17T10:00:00", None),
                (ANOTHER, WEB, "production", "2026-11-02T08:00:00", None),
            ],
        )
    database.close()
    monkeypatch.chdir(tmp_path)
    with Path("usage.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(USAGE)
    return database_url.replace("postgresql+psycopg://", "postgresql://")


def test_the_page_shows_what_comes_out(fleet: str) -> None:
    """By stage before and after a promotion, and row by row into a file."""
    (_, file), (counting, counted), (writing, written) = read_commands()
    done = [invoke(*command[1:], DATABASE_URL=fleet) for command in (counting, writing)]
    stages = pq.read_table("usage-by-stage.parquet").to_pydict()["stage"]

    assert file == Path("usage.csv").read_text(encoding="utf-8").splitlines()[:3]
    assert [(0, counted, []), (0, [], written)] == [
        (each.exit_code, each.stdout.splitlines(), each.stderr.splitlines()) for each in done
    ]
    assert ["production"] * 2 + ["staging"] * 3 == sorted(stages)


def test_what_comes_in_may_be_piped(fleet: str) -> None:
    """Of a form that is said; what goes out is then of the form that is asked for."""
    given, runner = Path("usage.csv").read_bytes(), CliRunner(env={**UNSET, "DATABASE_URL": fleet})
    asked = ["enrich", "-", *NAMED[1:], "--group", "stage", "--to", "jsonl"]
    done = runner.invoke(main, [*asked, "--format", "csv"], input=given)
    unsaid = runner.invoke(main, asked, input=given)

    assert ['{"stage":"production","rows":2}', '{"stage":"staging","rows":3}'] == done.stdout.splitlines()
    assert (2, True) == (unsaid.exit_code, "--format" in unsaid.stderr)


def test_a_file_that_cannot_be_written_is_said_in_a_line(fleet: str) -> None:
    """There is no such folder, say."""
    done = invoke("enrich", *NAMED, "--output", "nowhere/out.csv", DATABASE_URL=fleet)

    assert (1, "nowhere/out.csv cannot be written: No such file or directory.\n") == (done.exit_code, done.stderr)


async def test_who_has_no_duckdb_is_told_what_to_install(fleet: str, tmp_path: Path) -> None:
    """It is an extra: headrace serves without it."""
    script = "import sys; sys.modules['duckdb'] = None; from headrace.cli.main import main; main()"
    environment = build_environment({"DATABASE_URL": fleet})
    done = await run_script(script, "enrich", *NAMED, environment=environment, cwd=tmp_path)

    assert 1 == done.status
    assert done.err.endswith("not installed: pip install 'headrace[enrich]'.\n")


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (["--value", "requests"], 2, "--group"),
        (["--group", "stage", "--p95"], 2, "--value"),
        (["--group", "stadium"], 2, "There is no column `stadium`"),
        (["--group", "stage", "--value", "hour"], 2, "The column hour has what is no number"),
    ],
)
def test_a_wrong_wish_is_said_in_a_line(fleet: str, options: list[str], status: int, says: str) -> None:
    """Nothing is written, and a file that is there already stays as it is."""
    Path("out.csv").write_text("before", encoding="utf-8")
    done = invoke("enrich", *NAMED, *options, "--output", "out.csv", DATABASE_URL=fleet)

    assert (status, True) == (done.exit_code, says in done.stderr)
    assert ("before", ["out.csv", "usage.csv"]) == (
        Path("out.csv").read_text(encoding="utf-8"),
        sorted(path.name for path in Path().iterdir() if path.suffix == ".csv"),
    )
