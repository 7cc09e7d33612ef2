"""The file of SQLite's that a process has open, and whether it is still what its path names.

Whoever moves, replaces or deletes it under a running process leaves the process with a file that nobody will open
again: what was acknowledged into it would be lost at the next start.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

MOVED = "its file was moved, replaced or deleted while it was open; put it back, or start again on the new one"


class OpenFile:
    """Remembers which file was opened first, and holds its path against it."""

    def __init__(self, url: str) -> None:
        self._path = Path(sa.make_url(url).database or "")
        self._first: tuple[int, int] | None = None

    def prepare(self, path: str) -> str:
        """Return by what SQLite is to open it: made for its owner's eyes only at first, and never made anew.

        It may go at this very moment, and SQLite would make one. Of the first, `-wal` and `-shm` get the same mode. One
        that is there is not opened here: to close it would give up the locks that SQLite holds on it in this process.
        """
        if self._first is not None:
            return f"{Path(path).absolute().as_uri()}?mode=rw"
        if path != ":memory:" and not path.startswith("file:"):
            with suppress(OSError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        return path

    def remember(self) -> None:
        """Remember which file it is that was just opened."""
        if self._first is None:
            self._first = self._identify()

    def require_same(self) -> None:
        """Look whether it is still the same file, once one was opened.

        Raises:
            OperationalError: it is not, as if SQLite itself had said so.
        """
        if self._first is not None and self._identify() != self._first:
            raise sa.exc.OperationalError("", None, sqlite3.OperationalError(MOVED))

    def _identify(self) -> tuple[int, int] | None:
        """Return what tells a file from any other; nothing where there is none, as of a database in memory."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return (found.st_dev, found.st_ino)
