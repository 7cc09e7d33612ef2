"""What the commands need of a service that is not running: its settings, its parts, and how its resources are named."""

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import click

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.assembly import Parts
    from headrace.store.sql.database import Database

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "heroku"}
T = TypeVar("T")

PORT = click.IntRange(0, 65_535)
# Where the names of the command that was given stand, for all contexts of one call.
GIVEN = "headrace.given"


class Commands(click.Group):
    """A group of commands, each with a whole sentence of its own in the group's help, however long it is."""

    # Groups within this one are of its kind.
    group_class = type

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        ctx.meta[GIVEN] = (*ctx.meta.get(GIVEN, ()), name or "")
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        shown = [(name, self.commands[name]) for name in self.list_commands(ctx) if not self.commands[name].hidden]
        rows = [(name, command.get_short_help_str(limit=len(command.help or ""))) for name, command in shown]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class FilePath(click.Path):
    """A file or a folder that a command is given as a Path: `pathlib` waits until one is named."""

    def convert(
        self, value: "str | os.PathLike[str]", param: click.Parameter | None, ctx: click.Context | None
    ) -> "Path":
        from pathlib import Path

        return Path(os.fsdecode(super().convert(value, param, ctx)))


env_file = click.option(
    "--env-file", type=click.Path(exists=True, dir_okay=False), help="Read settings from this file first."
)


def load_env(path: str | None) -> None:
    """Read settings from a file; what the environment has already wins.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if path is not None:
        from headrace.cli.env_files import load_env as load_file

        load_file(path)


def read_uuid(text: str) -> str:
    """Return the uuid that a command was given.

    Raises:
        Malformed: it is none.
    """
    from headrace.errors import Malformed
    from headrace.protocol.partner import parse_uuid

    try:
        return parse_uuid(text)
    except Malformed:
        what = f"{text[:60]!r} is not a UUID; `headrace export resources` lists those of resources."
        raise Malformed(what, field="uuid") from None


def spell_json(value: object) -> str:
    """Return a line of JSON."""
    import json

    return json.dumps(value)


def require_form(file: BinaryIO, form: str | None) -> str:
    """Return what a file of resources is: what the command was told, or what its name says."""
    from pathlib import Path

    found = form or FORMATS.get(Path(file.name).suffix)
    if found is None:
        raise click.UsageError("Say what it is with --format csv, jsonl or heroku.")
    return found


def with_parts(env_file: str | None, use: Callable[["Parts"], Awaitable[T]], *, is_migrated: bool = True) -> T:
    """Put the parts of a service together, without its hooks, for as long as `use` takes; return what it returns.

    `is_migrated` says that `use` wants the tables of this release.

    Raises:
        ConfigurationError: settings are missing or wrong, the database cannot be used, or its tables are others.
    """
    import asyncio

    from headrace.assembly import assemble
    from headrace.clock import read_clock
    from headrace.hooks.registry import Hooks
    from headrace.running import close
    from headrace.settings import read_settings
    from headrace.store.sql.migrate import require_migrated
    from headrace.store.sql.usable import explained

    async def run() -> T:
        parts = assemble(read_settings(os.environ), Hooks(), clock=read_clock)
        try:
            with explained(parts.database):
                if is_migrated:
                    await parts.database.read(require_migrated)
                return await use(parts)
        finally:
            await close(parts)

    load_env(env_file)
    return asyncio.run(run())


@contextmanager
def opened_database(env_file: str | None) -> "Iterator[Database]":
    """Open the database, for which its own setting is enough.

    Raises:
        ConfigurationError: it cannot be used.
    """
    from headrace.settings import find_database
    from headrace.store.sql.database import Database
    from headrace.store.sql.usable import explained

    load_env(env_file)
    address = find_database(os.environ)
    database = Database(address.url, setting=address.setting, schema=address.schema)
    try:
        with explained(database):
            yield database
    finally:
        database.close()
