"""Bringing a database up to date: our tables by alembic, the workflow engine's by itself."""

from pathlib import Path

from headrace.store.database import Database

MIGRATIONS = Path(__file__).with_name("migrations")


def migrate(database: Database) -> None:
    """Create or upgrade every table; a database that is up to date is left as it is."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = database.engine
    command.upgrade(config, "head")
