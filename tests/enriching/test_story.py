"""docs/requests-by-stage.md: its commands run here, print what stands there, and draw the picture that it shows."""

import csv
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from cli.running import invoke
from enriching import november
from headrace.store.sql.database import Database
from house.rooms import ROOT
from settings.test_settings import GOOD

PAGE = (ROOT / "docs" / "requests-by-stage.md").read_text(encoding="utf-8")
SCRIPT = ROOT / "examples" / "draw_stages.py"


@pytest.fixture
def settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of the fleet of November, in a folder with what its resources were asked for."""
    database = Database(database_url)
    with database.transaction() as connection:
        november.fill(connection)
    database.close()
    monkeypatch.chdir(tmp_path)
    november.write_usage(Path("usage.csv"))
    shutil.copy(SCRIPT, tmp_path)
    return {**GOOD, "DATABASE_URL": database_url.replace("postgresql+psycopg://", "postgresql://")}


def read_commands() -> list[tuple[str, str]]:
    """Each command of the page with what it prints there."""
    typed = [part for block in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL) for part in block.split("$ ")[1:]]
    return [(command, told) for command, _, told in (part.partition("\n") for part in typed)]


def run(command: str, settings: dict[str, str]) -> str:
    """Run a line as a shell does, and return what it prints."""
    line, _, file = command.partition(" > ")
    out = ""
    for part in line.split(" | "):
        name, *options = shlex.split(part.replace("python ", f"{sys.executable} "))
        if name == "headrace":
            done = invoke(*options, **settings)
            assert 0 == done.exit_code, done.output
            out = done.stdout
        else:
            out = subprocess.run([name, *options], input=out, capture_output=True, text=True, check=True).stdout
    if not file:
        return out
    Path(file).write_text(out, encoding="utf-8")
    return ""


def test_the_page_shows_what_comes_out(settings: dict[str, str]) -> None:
    """The table of the month, the two apps before and after, and the picture, to the letter; it has the script too."""
    commands = read_commands()
    found = [run(command, settings) for command, _ in commands]

    assert 5 == len(commands)
    assert [told for _, told in commands] == found
    picture = "requests-by-stage.svg"
    assert (ROOT / "docs" / "images" / picture).read_text(encoding="utf-8") == Path(picture).read_text(encoding="utf-8")
    assert f"```python\n{SCRIPT.read_text(encoding='utf-8')}```\n" in PAGE
    assert f"A line for each resource and hour, {len(list(november.list_usage())):,} of them." in PAGE


def test_the_table_is_what_happened() -> None:
    """Each hour counts for the stage of its own moment: the sums are those of the world, added up plainly."""
    expected: Counter[str] = Counter()
    for app, at, count in november.list_usage():
        expected[november.find_stage(app, at)] += count
    table = next(told for command, told in read_commands() if "--group stage " in command)

    assert expected == {row["stage"]: float(row["sum"]) for row in csv.DictReader(table.splitlines())}


def test_nothing_to_draw_is_said() -> None:
    """A month without a row, say."""
    done = subprocess.run(
        [sys.executable, SCRIPT], input="day,stage,sum\n", capture_output=True, text=True, check=False
    )

    assert (1, "There is nothing to draw: no row came in.\n") == (done.returncode, done.stderr)
