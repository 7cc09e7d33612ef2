"""Bringing a database up to date: our tables by alembic, the workflow engine's by itself."""

import re
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from headrace.errors import ConfigurationError
from headrace.store.sql.database import Database
from headrace.store.sql.place import name_schema
from headrace.store.sql.schemas import make_schemas
from headrace.store.sql.tables import METADATA

ALEMBIC_VERSION = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.Text))
MIGRATIONS = Path(__file__).with_name("migrations")
VERSION = re.compile(r"[0-9]{4}")
# The build before 0.1 looks for its own number among the rows. Where it is missing, it answers `/ready` with 503
# in the middle of a deployment, and does not start again; beside a newer one it serves on, because what was added since
# it does without. Later ones compare numbers, and need no row.
BEFORE_COMPARING = "0004"


def migrate(database: Database) -> None:
    """Create or upgrade every table; a database that is up to date, or newer, is left alone, without alembic.

    Raises:
        ConfigurationError: what is there is another program's.
    """
    with database.engine.connect() as connection:
        if is_migrated(connection):
            return
        require_ours(database, connection)
    make_schemas(database)
    upgrade(database)


def upgrade(database: Database) -> None:
    """Run the migrations that are missing, of which there may be none, and make the views anew."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = database.engine
    command.upgrade(config, "head")


def is_migrated(connection: sa.Connection) -> bool:
    """Whether the database has the tables that this release was written for, or those of a newer one.

    What a newer one adds an older one does without; nothing goes before the release after the last that reads it.
    """
    version = _find_version(connection)
    return version is not None and version >= _find_head()


def require_migrated(connection: sa.Connection) -> None:
    """Refuse a database that has older tables, or none.

    Raises:
        ConfigurationError: the text says what to run.
    """
    if not is_migrated(connection):
        raise ConfigurationError(["The database is not up to date; run `headrace migrate`."])


def require_ours(database: Database, connection: sa.Connection) -> None:
    """Refuse what is another program's: by its own alembic's version, or by a table of a name of ours.

    On PostgreSQL only our own schema is looked at; an installation that is elsewhere is not left behind unasked.

    Raises:
        ConfigurationError: the text says whose it may be.
    """
    schema = name_schema(connection)
    where = "the database" if schema is None else f"the schema {schema}"
    own = f"name a database of headrace's own in {database.setting}."
    if schema is not None:
        own = "name a schema of headrace's own in HEADRACE_DATABASE_SCHEMA."
    left_out = database.whereabouts.left_out
    if left_out is not None:
        raise ConfigurationError([_explain_left_out(left_out, database.whereabouts.schema)])
    found = _read_versions(connection)
    foreign = {version for version in found if not VERSION.fullmatch(version)}
    if foreign:
        what = f"{where} is at version {min(foreign)[:40]} of another program's migrations"
        raise ConfigurationError([f"{what}; {own}"])
    names = sa.inspect(connection).get_table_names(schema=schema)
    taken = set() if found else METADATA.tables.keys() & set(names)
    if taken:
        raise ConfigurationError([f"another program has a table `{min(taken)}` in {where}; {own}"])


def _explain_left_out(old: str, schema: str) -> str:
    return (
        f"HEADRACE_DATABASE_SCHEMA: headrace's tables are in the schema {old}, and there are none in {schema}. "
        f"`headrace migrate --to-schema` moves them; unset, they are served where they are."
    )


def find_newer(connection: sa.Connection) -> str | None:
    """Say that a newer release has had the database, and what to do, or None when none has."""
    version, head = _find_version(connection), _find_head()
    if version is None or version <= head:
        return None
    return f"the database is a newer release's (version {version}, and this one knows {head}); run that release again"


def keep_newest(connection: sa.Connection) -> None:
    """Leave alembic the row that it goes by, of which it expects one."""
    if sa.inspect(connection).has_table(ALEMBIC_VERSION.name, schema=name_schema(connection)):
        newest = sa.select(sa.func.max(ALEMBIC_VERSION.c.version_num)).scalar_subquery()
        connection.execute(sa.delete(ALEMBIC_VERSION).where(ALEMBIC_VERSION.c.version_num != newest))


def keep_for_older(connection: sa.Connection) -> None:
    """Put the row of the build before 0.1 beside the newest."""
    version = _find_version(connection)
    if version is not None and version > BEFORE_COMPARING:
        connection.execute(sa.insert(ALEMBIC_VERSION).values(version_num=BEFORE_COMPARING))


def _find_version(connection: sa.Connection) -> str | None:
    """Return the number of our last migration, of four digits."""
    return max((version for version in _read_versions(connection) if VERSION.fullmatch(version)), default=None)


def _read_versions(connection: sa.Connection) -> set[str]:
    if not sa.inspect(connection).has_table(ALEMBIC_VERSION.name, schema=name_schema(connection)):
        return set()
    return set(connection.execute(sa.select(ALEMBIC_VERSION.c.version_num)).scalars())


@cache
def _find_head() -> str:
    """The newest version, which is what its file's name begins with."""
    return max(script.name for script in (MIGRATIONS / "versions").glob("[0-9]*.py")).split("_")[0]
