"""All that commands of headrace import, for a process that others are forked out of: imported nowhere else.

What they import only once they run is in it too: after the fork each of them would do that anew. Python's collector is
to leave it alone: in each of them it would look at half a million objects anew.
"""

import gc
import importlib
import pkgutil

import headrace
import lab.kit.forked

__all__ = ["headrace", "lab"]

# Of others, what is imported where it is used: by us, by Starlette, uvicorn, aiohttp, SQLAlchemy and the engine.
LATE = (
    "aiohttp.web",
    "alembic.command",
    "alembic.ddl.postgresql",
    "dbos._sys_db_postgres",
    "dbos._sys_db_sqlite",
    "email.policy",
    "encodings.idna",
    "idna",
    "psycopg",
    "pythonjsonlogger.json",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvloop",
)
# A test's plugin is no command's, and migrations run where they are imported.
UNWANTED = ("headrace.pytest_plugin", "headrace.__main__", "headrace.store.sql.migrations")


def find_ours() -> list[str]:
    """Return every module of headrace that can be imported."""
    found = (each.name for each in pkgutil.walk_packages(headrace.__path__, "headrace."))
    return [name for name in found if not name.startswith(UNWANTED)]


for name in (*find_ours(), *LATE):
    importlib.import_module(name)

gc.collect()
gc.freeze()
