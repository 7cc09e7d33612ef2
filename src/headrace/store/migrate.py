"""Bringing a database up to date: our tables by alembic, the workflow engine's by itself."""

from functools import cache
from pathlib import Path

import sqlalchemy as sa

from headrace.store.database import Database

MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(database: Database) -> None:
    """Create or upgrade every table; a database that is up to date is left as it is, and costs no import of alembic."""
    with database.engine.connect() as connection:
        is_up_to_date = is_migrated(connection)
    if is_up_to_date:
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = database.engine
    command.upgrade(config, "head")


def is_migrated(connection: sa.Connection) -> bool:
    """Whether the database has the tables that this release was written for."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return False
    versions = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars()
    return _find_head() in set(versions)


@cache
def _find_head() -> str:
    """The newest version, which is what its file's name begins with."""
    return max(script.name for script in (MIGRATIONS / "versions").glob("[0-9]*.py")).split("_")[0]
