"""The commands about databases as a whole: an installation that moves to another one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from headrace.cli.parts import Commands, env_file, load_env
from headrace.wording import spell_count

if TYPE_CHECKING:
    from headrace.store.sql.database import Database

commands = Commands()


@commands.group()
def db() -> None:
    """Take a whole installation to another database."""


@db.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@env_file
def copy(source: str, target: str, env_file: str | None) -> None:
    """Copy everything from one database to another that is empty: SQLite or PostgreSQL, either way, work under way too.

    FROM and TO are addresses as DATABASE_URL has them, or names of variables that hold one: what is typed is seen by
    others on this machine. No process of the service may run. All of it is copied and compared, or nothing.
    """
    from headrace.cli.progress import Progress
    from headrace.copying.installation import copy_installation

    load_env(env_file)
    with (
        _opened("FROM", source) as old,
        _opened("TO", target) as new,
        Progress(0, is_shown=True, what="copying") as bar,
    ):
        copied = copy_installation(old, new, bar.show_asked)
    click.echo(f"Copied {spell_count(copied.rows, 'row')} of {copied.tables} tables; each was compared by its content.")
    if copied.under_way:
        under_way = spell_count(copied.under_way, "workflow")
        click.echo(f"{under_way} under way came along: a worker on {new.setting} goes on with them.")
    click.echo(f"Serve {new.setting} from now on, with the same HEADRACE_KEYS, and look with `headrace doctor`.")
    click.echo(f"Start nothing on {old.setting} again: what is done there and here would be done twice.")


@contextmanager
def _opened(place: str, text: str) -> "Iterator[Database]":
    """Open a database that was named on the command line; errors call it by the name of its variable, or its place.

    Raises:
        ConfigurationError: the text is neither an address nor the name of a variable that holds one.
    """
    from headrace.database_urls import read_database_url
    from headrace.errors import ConfigurationError
    from headrace.settings import find_database
    from headrace.store.sql.database import Database

    schema = find_database(os.environ).schema
    setting = text if text in os.environ else place
    try:
        url = read_database_url(os.environ.get(text, text))
    except ConfigurationError as error:
        hint = "" if text in os.environ else " It may also be the name of a variable that holds an address."
        raise ConfigurationError([f"{setting}: {problem}{hint}" for problem in error.problems]) from None
    database = Database(url, setting=setting, schema=schema)
    try:
        yield database
    finally:
        database.close()
