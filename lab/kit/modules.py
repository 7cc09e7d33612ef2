"""What commands of headrace import: our own modules, and those of others that are imported where they are used."""

import pkgutil

import headrace

# By us, by Starlette, uvicorn, aiohttp, SQLAlchemy and the engine.
LATE = (
    "alembic.command",
    "alembic.ddl.postgresql",
    "dbos._sys_db_postgres",
    "dbos._sys_db_sqlite",
    "encodings.idna",
    "pythonjsonlogger.json",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvloop",
)
# A test's plugin is no command's, and migrations run where they are imported.
UNWANTED = ("headrace.pytest_plugin", "headrace.__main__", "headrace.store.sql.migrations")


def find_ours() -> list[str]:
    """Return every module of headrace that can be imported."""
    found = (each.name for each in pkgutil.walk_packages(headrace.__path__, "headrace."))
    return [name for name in found if not name.startswith(UNWANTED)]
