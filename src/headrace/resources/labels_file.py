"""A file of where each provisioned resource is, for programs that look things up by a key: a CSV, kept current.

The collector's lookup processor and others of its kind read such a file again every so often; so that they never read
half of one, a new one is written beside it and takes its place.
"""

import csv
import logging
import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import sqlalchemy as sa

from headrace.logs import LogName
from headrace.store.reports.figures.placed import find_latest_write, load_placed
from headrace.store.sql.database import Database

log = logging.getLogger(__name__)

COLUMNS = ("uuid", "app_name", "pipeline_id", "pipeline_name", "stage", "plan")
# So many lines at the most, some 20 MB: whoever looks things up has all of them in memory.
MOST_LINES = 100_000
# A new name is no event, and a write may be seen after a later one: so often the file is written anyway.
OLDEST_SECONDS = 60.0
# Writing takes a twentieth of the time at the most, as counting does.
REST = 19.0


class LabelsFile:
    """Keeps the file, in a worker; any number of workers may, each where it runs."""

    def __init__(
        self, database: Database, path: Path, *, most: int = MOST_LINES, stopwatch: Callable[[], float] = monotonic
    ) -> None:
        self._database = database
        self._path = path
        self._most = most
        self._stopwatch = stopwatch
        self._written: tuple[int, int] | None = None
        self._good_until = 0.0
        self._rests_until = 0.0
        self._problem = ""
        self._unlisted = 0

    async def run_once(self) -> None:
        """Write the file if something happened since it was written, or it is old."""
        began = self._stopwatch()
        if began < self._rests_until:
            return
        latest = await self._database.read(find_latest_write)
        if latest == self._written and began < self._good_until:
            return
        try:
            unlisted = await self._database.read(self._write)
        except OSError as error:
            self._tell_problem(error.strerror or str(error))
            return
        self._problem, self._written = "", latest
        self._good_until = began + OLDEST_SECONDS
        ended = self._stopwatch()
        self._rests_until = ended + REST * (ended - began)
        self._tell_unlisted(unlisted)

    def _write(self, connection: sa.Connection) -> int:
        """Write the file on the thread that reads; return how many resources are not in it."""
        found, unlisted = load_placed(connection, limit=self._most)
        partial = self._path.with_name(f"{self._path.name}.{os.getpid()}.partial")
        try:
            with partial.open("w", encoding="utf-8", newline="") as out:
                lines = csv.writer(out, lineterminator="\n")
                lines.writerow(COLUMNS)
                lines.writerows(each[: len(COLUMNS)] for each in found)
            partial.replace(self._path)
        finally:
            partial.unlink(missing_ok=True)
        return unlisted

    def _tell_problem(self, problem: str) -> None:
        if problem != self._problem:
            log.error(LogName.LABELS_FILE_FAILED, extra={"path": str(self._path), "problem": problem})
        self._problem = problem

    def _tell_unlisted(self, unlisted: int) -> None:
        if unlisted and not self._unlisted:
            log.warning(LogName.LABELS_FILE_CUT, extra={"path": str(self._path), "unlisted": unlisted})
        self._unlisted = unlisted
