"""A database that fails: told from a statement of ours that it would not take, and noted in a line a second at most."""

import logging
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

from sqlalchemy import exc

from headrace.logs import LogName

log = logging.getLogger(__name__)

# The last is of a pool whose connections are all in use.
DATABASE_ERRORS = (exc.DBAPIError, exc.TimeoutError)
# A statement of ours that the database understood and would not take: that is no outage.
_OURS = (exc.DataError, exc.IntegrityError, exc.ProgrammingError, exc.NotSupportedError)
PAUSE_SECONDS = 1.0
# What PostgreSQL calls them in every language.
INSUFFICIENT_PRIVILEGE = "42501"
# No such table, schema, or column.
UNDEFINED = ("42P01", "3F000", "42703")


def is_outage(error: BaseException | None) -> bool:
    """Whether it is the database that failed, and not what was asked of it."""
    return isinstance(error, DATABASE_ERRORS) and not isinstance(error, _OURS)


def is_away(error: BaseException) -> bool:
    """Whether there was no database to ask, or none any more: anything else that was asked would have met the same."""
    if isinstance(error, exc.DBAPIError):
        # A connection that could not be made was asked nothing.
        return is_outage(error) and (error.connection_invalidated or error.statement is None)
    return is_outage(error)


def is_forbidden(error: BaseException) -> bool:
    """Whether a PostgreSQL would not let this role do what was asked."""
    return _find_code(error) == INSUFFICIENT_PRIVILEGE


def is_brief(error: BaseException) -> bool:
    """Whether a line says all of it: an outage, or a PostgreSQL whose tables were moved while this process ran."""
    return is_outage(error) or _find_code(error) in UNDEFINED


def _find_code(error: BaseException) -> str | None:
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def read_said(error: BaseException) -> str:
    """Return what the database said, in a line and without the address, of which a password may be a part."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines() or [""]
    # Where several addresses were tried, each has a line below the first.
    said = lines[-1] if lines[0].endswith(":") else lines[0]
    return said.rpartition(": ")[2].strip()


class OutageLog:
    """Notes an outage in one line a second at the most, whoever in this process meets it, and however many do."""

    def __init__(self, read_seconds: Callable[[], float] = monotonic) -> None:
        self._read_seconds = read_seconds
        self._noted_at: float | None = None
        self._unsaid = 0

    def note(self, error: BaseException, **detail: Any) -> None:
        """Note what the database answered; `detail` says who met it."""
        if not is_brief(error):
            # A statement of ours was not taken: whoever mends it wants the traceback.
            log.error(LogName.DATABASE_FAILED, extra=detail, exc_info=error)
            return
        now = self._read_seconds()
        if self._noted_at is not None and now - self._noted_at < PAUSE_SECONDS:
            self._unsaid += 1
            return
        self._noted_at, unsaid, self._unsaid = now, self._unsaid, 0
        log.error(LogName.DATABASE_FAILED, extra={**detail, "said": read_said(error), "others": unsaid})

    def spare(self, record: logging.LogRecord) -> bool:
        """Note an outage in the place of a record about it: a filter, for the loggers of libraries."""
        error = record.exc_info[1] if record.exc_info else sys.exception()
        if error is None or not is_brief(error):
            return True
        self.note(error, by=record.name.partition(".")[0])
        return False
