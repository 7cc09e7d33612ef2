"""A database that cannot be used at the start: one line that says what to do, and exit 2; no traceback."""

from pathlib import Path

import pytest

from cli.running import WHOLE_ACME, invoke, run
from settings.test_settings import GOOD

UUID = "01234567-89ab-cdef-0123-456789abcdef"
# Port 1 has a service on no machine of ours; a part of this password looks like a host.
NOWHERE = "postgres://someone:plan%40ted@127.0.0.1:1/nowhere"
CLOSED = {"HEROKU_API_URL": "http://127.0.0.1:1", "HEROKU_ID_URL": "http://127.0.0.1:1"}
COMMANDS = (
    ("migrate",),
    ("notices",),
    ("sync",),
    ("inspect", UUID),
    ("history", UUID),
    ("retry", UUID),
    ("abandon", UUID, "--yes"),
    ("secrets", "rotate"),
    ("count",),
    ("export", "resources"),
)


def make_unusable(kind: str, folder: Path) -> tuple[str, str]:
    """Return the URL of a database that cannot be used, and what is said of it."""
    if kind == "no folder":
        return f"sqlite:///{folder}/nowhere/x.db", f"DATABASE_URL: there is no folder {folder}/nowhere; make it, or"
    if kind == "garbage":
        (folder / "x.db").write_text("This is no database. " * 500, encoding="utf-8")
        return f"sqlite:///{folder}/x.db", f"DATABASE_URL: {folder}/x.db cannot be used (file is not a database); see"
    return NOWHERE, "DATABASE_URL: PostgreSQL cannot be used ("


def name_undone(command: tuple[str, ...]) -> str:
    """What a command says that it could not do: by its own name, without what it was given."""
    words = command[: 2 if command[0] == "secrets" else 1]
    return (
        "headrace cannot start" if words[0] in {"serve", "worker"} else f"`headrace {' '.join(words)}` cannot be done"
    )


@pytest.mark.parametrize("kind", ["no folder", "garbage", "unreachable"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_says_in_one_line_that_the_database_cannot_be_used(
    tmp_path: Path, kind: str, command: tuple[str, ...]
) -> None:
    """Exit 2, whatever the command wants of it, and never a part of the password."""
    url, said = make_unusable(kind, tmp_path)
    result = invoke(*command, **{**GOOD, "DATABASE_URL": url})

    assert 2 == result.exit_code, result.output
    assert [f"{name_undone(command)}: 1 thing to put right.", ""] == result.output.splitlines()[:2]
    assert f"  - {said}" in result.output
    assert "ted@" not in result.output
    assert 3 == len(result.output.splitlines())


@pytest.mark.parametrize("kind", ["no folder", "garbage", "unreachable"])
@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_a_service_is_not_started_on_a_database_that_cannot_be_used(
    tmp_path: Path, kind: str, command: str
) -> None:
    """Said before it listens, and nothing but that."""
    (tmp_path / "acme.py").write_text(WHOLE_ACME, encoding="utf-8")
    url, said = make_unusable(kind, tmp_path)
    done = await run(command, "acme:service", environment={**GOOD, "DATABASE_URL": url}, cwd=tmp_path)

    assert (2, "") == (done.status, done.out)
    assert f"  - {said}" in done.err
    assert 3 == len(done.err.splitlines())


@pytest.mark.parametrize("kind", ["no folder", "garbage", "unreachable"])
def test_the_doctor_says_the_same_of_it(tmp_path: Path, kind: str) -> None:
    """It goes on to what does not need the database, and exits 1 as with every finding that fails."""
    url, said = make_unusable(kind, tmp_path)
    result = invoke("doctor", **{**GOOD, "DATABASE_URL": url, **CLOSED})

    assert 1 == result.exit_code
    assert f"fail  database    {said}" in result.output
