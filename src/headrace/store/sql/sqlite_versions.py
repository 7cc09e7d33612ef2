"""What differs between the SQLites that Pythons carry: too old a one is refused, and what others lack is supplied.

Tried were 3.34.0, which does not work, and 3.35.2 to 3.53.4, which do.
"""

import sqlite3
from time import time

from headrace.errors import ConfigurationError

# The first that gives back what it has written.
OLDEST = (3, 35, 0)
# The first whose `unixepoch` knows fractions of a second.
WITH_FRACTIONS = (3, 42, 0)

Version = tuple[int, ...]


def require_sqlite(found: Version = sqlite3.sqlite_version_info) -> None:
    """Refuse a SQLite that is too old.

    Raises:
        ConfigurationError: it is; the text says what to do.
    """
    if found < OLDEST:
        needed = f"SQLite {_spell(OLDEST)} or newer is needed, and this Python has {_spell(found)}"
        raise ConfigurationError([f"{needed}; use another Python, or PostgreSQL."])


def supply_fractions(connection: sqlite3.Connection, found: Version = sqlite3.sqlite_version_info) -> None:
    """Have `unixepoch('subsec')` give the time where SQLite's own gives NULL or does not exist.

    On Python 3.12 and later the workflow engine's tables and statements take every moment from it.
    """
    if found < WITH_FRACTIONS:
        connection.create_function("unixepoch", 1, _read_time)


def _read_time(modifier: object) -> float:
    if modifier not in ("subsec", "subsecond"):
        raise ValueError("This stands for unixepoch('subsec') alone.")
    return round(time(), 3)


def _spell(version: Version) -> str:
    return ".".join(str(number) for number in version)
