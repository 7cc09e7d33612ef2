"""Bringing a database up to date: our tables by alembic, the workflow engine's by itself."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from headrace.store.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(database: Database) -> None:
    """Create or upgrade every table; a database that is up to date is left as it is."""
    from alembic import command

    config = _build_config()
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
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_build_config()).get_current_head() or ""


def _build_config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
