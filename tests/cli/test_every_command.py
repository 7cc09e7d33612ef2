"""Whatever command meets what an operator can mend: a line or two that say so and a status, never a traceback."""

import asyncio
import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import sqlalchemy as sa

from cli.running import WHOLE_ACME, invoke, run, run_module
from headrace.cli.main import main
from headrace.process.ports import bind
from house.commands import walk_commands
from installations import make_old, make_partners
from lab.kit.databases import make_on_server
from settings.test_settings import GOOD, MANIFEST
from store.sql.test_outage import CLOSED, NOWHERE, UUID

ACTION = """
@service.action("Rebuild index")
def rebuild(order): ...
"""
# Each command, as it is given when all is well. Of the groups, what stands in them.
COMMANDS: dict[str, tuple[str, ...]] = {
    "serve": ("serve", "acme:service", "--port", "0"),
    "worker": ("worker", "acme:service"),
    "migrate": ("migrate",),
    "inspect": ("inspect", UUID),
    "notices": ("notices",),
    "retry": ("retry", UUID),
    "abandon": ("abandon", UUID, "--yes"),
    "action": ("action", "acme:service", UUID, "Rebuild index"),
    "try-now": ("try-now", UUID),
    "give-up": ("give-up", UUID, "--yes"),
    "secrets rotate": ("secrets", "rotate"),
    "tokens new": ("tokens", "new", "grace"),
    "tokens list": ("tokens", "list"),
    "tokens revoke": ("tokens", "revoke", "grace"),
    "config set": ("config", "set", UUID, "ACME_SEARCH_URL=https://acme.example/1"),
    "config rotate": ("config", "rotate", "--all"),
    "config jobs": ("config", "jobs"),
    "config show": ("config", "show", UUID),
    "config stop": ("config", "stop", UUID),
    "config resume": ("config", "resume", UUID),
    "sync": ("sync",),
    "import": ("import", "rows.csv"),
    "reconcile": ("reconcile",),
    "history": ("history", UUID),
    "doctor": ("doctor",),
    "export": ("export", "resources"),
    "enrich": ("enrich", "rows.csv", "--uuid", "uuid", "--at", "at"),
    "count": ("count",),
    "report": ("report",),
}
# What needs no database of the settings: `demo` and `dev` bring their own, `db copy` is told its two in
# test_databases.py, the others play Heroku, ask it, or make a key or an add-on.
WITHOUT = {"demo", "dev", "db copy", "emulate", "check", "init", "replay", "secrets new-key"}
TRIGGERS = ("deprovision", "move", "plan-change", "promote", "provision", "sso", "webhook")
# About a file here, and the manifest at Heroku.
MANIFESTS = ("check", "diff", "new", "pull", "push", "rotate-password", "show")
LISTENING = ("serve acme:service", "worker acme:service", "dev", "emulate", "check --manifest manifest.json")
# What makes or upgrades the tables itself.
MIGRATES = {"serve", "worker", "migrate"}


def test_every_command_is_tried() -> None:
    """A new one has its line above."""
    groups = ("secrets", "tokens", "config", "db", "trigger", "manifest")
    names = set(main.commands) - {*groups}
    names |= {f"{group} {name}" for group in groups for name in main.commands[group].commands}  # type: ignore[attr-defined]

    others = {f"trigger {name}" for name in TRIGGERS} | {f"manifest {name}" for name in MANIFESTS}
    assert names == COMMANDS.keys() | WITHOUT | others


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - MIGRATES))
@pytest.mark.parametrize("kind", ["empty", "foreign"])
async def test_a_database_without_our_tables_is_said_in_a_line(in_folder: Path, kind: str, command: str) -> None:
    """There is none yet, or another program's is there: what to run is in the line."""
    url = f"sqlite:///{in_folder}/x.db"
    if kind == "foreign":
        make_foreign(url, "version")
    result = await play(command, in_folder, {**GOOD, **CLOSED, "DATABASE_URL": url})

    assert result.status in (1, 2), result.told
    assert "run `headrace migrate`" in result.told
    assert len([line for line in result.told.splitlines() if "atabase" in line]) == 1


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - MIGRATES))
@pytest.mark.parametrize("kind", ["a partner's", "an older release's"])
async def test_a_postgresql_without_our_tables_is_said_in_a_line(
    in_folder: Path, strange_urls: dict[str, str], kind: str, command: str
) -> None:
    """A partner's in public, or ours in another schema than the one that is asked for."""
    environment = {"HEADRACE_DATABASE_URL": strange_urls[kind], "DATABASE_URL": NOWHERE}
    result = await play(command, in_folder, {**GOOD, **CLOSED, **environment, "HEADRACE_DATABASE_SCHEMA": "addon"})

    assert result.status in (1, 2), result.told
    assert "run `headrace migrate`" in result.told
    assert len([line for line in result.told.splitlines() if "atabase" in line]) == 1


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_database_that_is_not_there_is_said_in_a_line(
    in_folder: Path, postgres_server: str, command: str
) -> None:
    """The server answers that it has none of that name; the setting that was read is named."""
    url = sa.make_url(postgres_server).set(database="nobody_made_it").render_as_string(hide_password=False)
    environment = {"HEADRACE_DATABASE_URL": url, "DATABASE_URL": "mysql://not/read"}
    result = await play(command, in_folder, {**GOOD, **CLOSED, **environment})

    assert result.status == (1 if command == "doctor" else 2), result.told
    said = 'HEADRACE_DATABASE_URL: PostgreSQL cannot be used (database "nobody_made_it" does not exist); see that'
    assert 1 == sum(said in line for line in result.told.splitlines()), result.told


@pytest.mark.parametrize("command", sorted(name for name, words in COMMANDS.items() if UUID in words))
@pytest.mark.parametrize("uuid", [UUID, "nonsense"])
async def test_an_unknown_uuid_is_said_in_a_line(in_folder: Path, sqlite_url: str, uuid: str, command: str) -> None:
    """One that nothing has, and one that is none."""
    words = [uuid if word == UUID else word for word in COMMANDS[command]]
    result = await play_words(words, in_folder, {**GOOD, **CLOSED, "DATABASE_URL": sqlite_url})

    assert result.status in (1, 2)
    assert 1 == len(result.told.splitlines()), result.told
    assert uuid in result.told


def test_every_command_and_option_says_what_it_is_in_a_sentence() -> None:
    """Of commands within commands too: what is not said in `--help` is looked for in the source."""
    told = {
        " ".join((*path, *options)): text
        for path, command in walk_commands(main, ("headrace",))
        for options, text in (
            ((), (command.help or "").partition("\n\n")[0]),
            *((each.opts, each.help or "") for each in command.params if isinstance(each, click.Option)),
        )
    }

    assert len(told) > 200
    assert {} == {
        name: text for name, text in told.items() if not re.fullmatch(r"[A-Z0-9`].*\.", text.strip(), re.DOTALL)
    }


@pytest.mark.parametrize("command", ["", *COMMANDS, *sorted(WITHOUT), "secrets", "config", "db"])
def test_help_is_in_whole_sentences(command: str) -> None:
    """At the width of any terminal: a sentence goes on in the next line."""
    result = invoke(*command.split(), "--help", COLUMNS="80")

    assert 0 == result.exit_code
    assert "..." not in result.output.replace("[ARGS]...", "").replace("UUID...", "").replace("ID...", "")
    assert max(len(line) for line in result.output.splitlines()) <= 80


@pytest.mark.parametrize("command", sorted(MIGRATES))
@pytest.mark.parametrize("what", ["version", "table"])
async def test_another_program_s_database_is_left_alone(in_folder: Path, what: str, command: str) -> None:
    """An application with tables made by alembic, too, or with one of a name of ours."""
    url = f"sqlite:///{in_folder}/x.db"
    make_foreign(url, what)
    result = await play(command, in_folder, {**GOOD, **CLOSED, "DATABASE_URL": url})

    said = {"version": "at version 9f1c2d3e4a5b of another program's", "table": "has a table `resource`"}
    assert 2 == result.status, result.told
    assert said[what] in result.told
    assert "name a database of headrace's own in DATABASE_URL" in result.told
    assert {"version": ["alembic_version"], "table": ["resource"]}[what] == list_tables(url)


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_mistyped_setting_is_named_with_the_one_that_is_meant(in_folder: Path, command: str) -> None:
    """It would be as if it were not set; what it is set to is not shown."""
    environment = {**GOOD, **CLOSED, "HEADRACE_OPERATOR_SECRETS": "s" * 40, "HEADRACE_RECHECK_SECOND": "5"}
    result = await play(command, in_folder, {**environment, "DATABASE_URL": f"sqlite:///{in_folder}/x.db"})

    assert result.status == (1 if command == "doctor" else 2), result.told
    assert "HEADRACE_OPERATOR_SECRETS: there is no such setting; did you mean HEADRACE_OPERATOR_SECRET?" in result.told
    assert "HEADRACE_RECHECK_SECOND: there is no such setting; did you mean HEADRACE_RECHECK_SECONDS?" in result.told
    assert "ssss" not in result.told


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("url", ["mysql://host/x", "nonsense", NOWHERE], ids=["another", "none", "away"])
async def test_a_database_that_is_none_is_said_in_a_line(in_folder: Path, command: str, url: str) -> None:
    """An address of another kind, no address, or nobody there; never a part of it, which may be a password."""
    result = await play(command, in_folder, {**GOOD, **CLOSED, "DATABASE_URL": url})

    assert result.status == (1 if command == "doctor" else 2), result.told
    assert 1 == sum("DATABASE_URL: " in line for line in result.told.splitlines())
    assert url not in result.told
    assert "ted@" not in result.told


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_folder_that_cannot_be_written_is_said_in_a_line(in_folder: Path, command: str) -> None:
    """A read-only root without DATABASE_URL comes to this; nobody, not even root, makes a file in this one."""
    result = await play(command, in_folder, {**GOOD, **CLOSED, "DATABASE_URL": "sqlite:////proc/self/headrace.db"})

    assert result.status == (1 if command == "doctor" else 2), result.told
    assert 1 == sum("DATABASE_URL: /proc/self/headrace.db cannot be used" in line for line in result.told.splitlines())


@pytest.mark.parametrize("command", LISTENING)
async def test_a_used_port_is_said_in_a_line(in_folder: Path, used_port: int, command: str) -> None:
    """Before anything is migrated or worked."""
    environment = {**GOOD, "DATABASE_URL": f"sqlite:///{in_folder}/x.db"}
    done = await run(*command.split(), "--port", str(used_port), environment=environment, cwd=in_folder)

    assert (2, "") == (done.status, done.out)
    assert 1 == sum(f"Port {used_port} on " in line for line in done.err.splitlines()), done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", LISTENING)
def test_a_port_that_there_is_not_is_said_in_a_line(in_folder: Path, command: str) -> None:
    result = invoke(*command.split(), "--port", "65536", **GOOD)

    assert 2 == result.exit_code
    assert "65536 is not in the range 0<=x<=65535" in result.output


async def test_a_port_of_the_environment_that_is_none_is_said_in_a_line(in_folder: Path) -> None:
    """Heroku sets it, and others do."""
    done = await run("serve", "acme:service", environment={**GOOD, "PORT": "http"}, cwd=in_folder)

    assert (2, True) == (done.status, "  - PORT: http is not a number from 0 to 65535." in done.err)


async def test_a_file_that_nothing_can_be_locked_beside_is_said_in_a_line(in_folder: Path) -> None:
    """The lock that keeps a second worker away cannot be made where a folder has its name."""
    (in_folder / "x.db.lock").mkdir()
    environment = {**GOOD, "DATABASE_URL": f"sqlite:///{in_folder}/x.db"}
    done = await run("serve", "acme:service", "--port", "0", environment=environment, cwd=in_folder)

    assert (2, True) == (done.status, f"{in_folder}/x.db.lock cannot be written (Is a directory)" in done.err), done.err


async def test_migrate_needs_the_database_alone(in_folder: Path) -> None:
    """A release phase runs before there is a manifest; the module is the command."""
    environment = {"DATABASE_URL": f"sqlite:///{in_folder}/x.db"}
    migrated = await run_module("headrace", "migrate", environment=environment, cwd=in_folder)
    found = await run("notices", environment={**GOOD, **environment}, cwd=in_folder)

    assert (0, "The database is up to date.\n") == (migrated.status, migrated.out), migrated.err
    assert (0, "Nothing waits for an operator.\n") == (found.status, found.out)


def test_migrate_on_a_dyno_without_postgresql_is_refused(in_folder: Path) -> None:
    """It would make tables that nobody ever sees again."""
    result = invoke("migrate", DYNO="release.1")

    assert 2 == result.exit_code
    assert "`heroku addons:create heroku-postgresql:essential-0`" in result.output


@dataclass(frozen=True)
class Result:
    """What came of a command."""

    status: int
    told: str


async def play(command: str, folder: Path, environment: dict[str, str]) -> Result:
    """Run a command as it is given when all is well."""
    return await play_words(COMMANDS[command], folder, environment)


async def play_words(words: Sequence[str], folder: Path, environment: dict[str, str]) -> Result:
    """Run a command: in this process, unless it is one that imports the add-on."""
    if "acme:service" in words:
        done = await run(*words, environment=environment, cwd=folder)
        result = Result(done.status, done.out + done.err)
    else:
        invoked = await asyncio.to_thread(invoke, *words, **environment)
        assert invoked.exception is None or isinstance(invoked.exception, SystemExit), invoked.exception
        result = Result(invoked.exit_code, invoked.output)
    assert "Traceback" not in result.told
    return result


def make_foreign(url: str, what: str) -> None:
    """Make what another program would have made in a database."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        if what == "version":
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('9f1c2d3e4a5b')")
        else:
            connection.exec_driver_sql("CREATE TABLE resource (id INTEGER)")
    engine.dispose()


def list_tables(url: str) -> list[str]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = sa.inspect(connection).get_table_names()
    engine.dispose()
    return found


@pytest.fixture(scope="module")
def strange_urls(postgres_server: str) -> Iterator[dict[str, str]]:
    """PostgreSQL databases without our tables where they are looked for: nothing that is tried on them makes any."""
    with contextlib.ExitStack() as made:
        urls = {
            kind: made.enter_context(make_on_server(postgres_server)) for kind in ("a partner's", "an older release's")
        }
        make_partners(urls["a partner's"])
        make_old(urls["an older release's"])
        yield urls


@pytest.fixture
def in_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with an add-on and files to read; the commands of this test run there."""
    (tmp_path / "acme.py").write_text(WHOLE_ACME + ACTION, encoding="utf-8")
    (tmp_path / "manifest.json").write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "rows.csv").write_text("uuid,plan\n", encoding="utf-8")
    with contextlib.chdir(tmp_path):
        yield tmp_path


@pytest.fixture
def used_port() -> Iterator[int]:
    with bind("0.0.0.0", 0) as bound:
        bound.listen()
        yield bound.getsockname()[1]
