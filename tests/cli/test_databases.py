"""`headrace db copy`: the command of docs/moving.md, what it says, and of addresses that are none."""

import contextlib
import re
from pathlib import Path

import pytest

from cli.running import invoke
from copying.moving import opened, read_rows
from house.rooms import ROOT
from store.making import add_resource


def test_a_database_is_copied_and_what_to_do_next_is_said(sqlite_url: str, postgres_url: str) -> None:
    """As the page has it, with the new one by the name of a variable: its password stands on no command line."""
    page = (ROOT / "docs" / "moving.md").read_text(encoding="utf-8")
    command = re.findall(r"^\$ headrace (db copy .*)$", page, re.MULTILINE)[0].split()
    with opened(sqlite_url) as database, database.transaction() as connection:
        add_resource(connection)
    with contextlib.chdir(Path(sqlite_url.removeprefix("sqlite:///")).parent):
        result = invoke(*command, NEW_DATABASE_URL=postgres_url)

    assert 0 == result.exit_code, result.output
    first, *others = result.output.splitlines()
    assert re.fullmatch(r"Copied 2 rows of \d\d tables; each was compared by its content\.", first)
    assert [
        "Serve NEW_DATABASE_URL from now on, with the same HEADRACE_KEYS, and look with `headrace doctor`.",
        "Start nothing on FROM again: what is done there and here would be done twice.",
    ] == others
    assert read_rows(sqlite_url) == read_rows(postgres_url)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("headrace.db", "FROM: must begin with sqlite:/// or postgres://. It may also be the name of a variable that"),
        ("mysql://ted:geheim@host/x", "FROM: must begin with sqlite:/// or postgres://. It may also be the name of a"),
        ("OLD_URL", "OLD_URL: must begin with sqlite:/// or postgres://."),
        ("sqlite:///missing.db", "FROM: there is no file missing.db."),
        ("postgres://ted:geheim@127.0.0.1:1/x", "FROM: PostgreSQL cannot be used (Connection refused"),
    ],
)
def test_an_address_that_is_none_is_said_in_a_line(source: str, said: str, sqlite_url: str) -> None:
    """Never a part of it, which may be a password; nothing was to be started."""
    result = invoke("db", "copy", source, sqlite_url, OLD_URL="ted:geheim")

    assert (2, "`headrace db copy` cannot be done: 1 thing to put right.") == (
        result.exit_code,
        result.output.splitlines()[0],
    )
    assert said in result.output
    assert "geheim" not in result.output
    assert "Traceback" not in result.output


def test_a_database_that_cannot_be_made_is_said_in_a_line(sqlite_url: str, tmp_path: Path) -> None:
    result = invoke("db", "copy", sqlite_url, f"sqlite:///{tmp_path}/nowhere/new.db")

    assert 2 == result.exit_code
    assert f"TO: there is no folder {tmp_path}/nowhere; make it, or name a file in another one." in result.output
