"""docs/heroku-cli.md holds what it says of the official CLI; `./dev commands` tries every row, these tests some."""

import re
from collections import Counter
from pathlib import Path

import pytest

from acceptance.commands import PAGE, Bench, Row, Said, find_problem, list_commands, prepare, read_rows
from emulator.partner import RawPartner
from headrace.emulator import Emulator

pytestmark = pytest.mark.acceptance

# Of each outcome, and of each part of the CLI that partners use.
SAMPLE = (
    "access:update",
    "apps:unlock",
    "buildpacks:set",
    "ci:debug",
    "config:set",
    "domains:update",
    "drains:add",
    "dyno:scale",
    "git:clone",
    "lock",
    "members",
    "run",
    "spaces:create",
    "telemetry:update",
    "usage:addons",
    "webhooks:deliveries:info",
)
ROWS = {row.command: row for row in read_rows()}


def test_the_page_has_every_command_of_the_installed_cli_once(heroku_program: Path) -> None:
    """Other names and the commands of its plugins are among them."""
    rows = [row.command for row in read_rows()]

    assert list_commands(heroku_program) == set(rows)
    assert len(set(rows)) == len(rows)


def test_the_page_counts_its_rows() -> None:
    """At least 300 work here, or are refused in words that name what is missing."""
    counts = Counter(row.outcome for row in read_rows())
    works, refused, leaves = (
        int(number) for number in re.findall(r"(\d+) (?:work|are refused|leave)\b", PAGE.read_text(encoding="utf-8"))
    )

    assert {"works": works, "refused": refused, "leaves": leaves} == counts
    assert works + refused >= 300
    assert all(row.words for row in read_rows() if row.outcome != "works")


@pytest.mark.parametrize("command", SAMPLE)
async def test_a_command_does_what_the_page_says(
    command: str, heroku_program: Path, tmp_path: Path, heroku: Emulator, acme: RawPartner
) -> None:
    bench = Bench(program=heroku_program, folder=tmp_path, heroku=heroku, names=await prepare(heroku, acme))
    said = await bench.say(ROWS[command])

    assert "" == find_problem(ROWS[command], said), said.text


@pytest.mark.parametrize(
    ("outcome", "said", "problem"),
    [
        ("works", Said(status=0, text="no: done", hosts=frozenset()), ""),
        ("works", Said(status=2, text="no: done", hosts=frozenset()), "it ends with 2"),
        ("works", Said(status=0, text="well", hosts=frozenset()), "it says something else"),
        ("works", Said(status=0, text="no: done", hosts=frozenset({"far"})), "it leaves for far"),
        ("refused", Said(status=2, text="no: gone", hosts=frozenset()), ""),
        ("leaves", Said(status=1, text="", hosts=frozenset({"no:"})), ""),
        ("leaves", Said(status=0, text="no: done", hosts=frozenset()), "it looked for no other host"),
    ],
)
def test_what_is_not_as_a_row_says_is_a_problem(outcome: str, said: Said, problem: str) -> None:
    assert problem == find_problem(Row(command="any", arguments="", outcome=outcome, words="no:"), said)
