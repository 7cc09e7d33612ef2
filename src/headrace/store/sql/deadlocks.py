"""Transactions that PostgreSQL undoes because they waited for each other in a circle: they are run once more."""

from collections.abc import Callable
from time import sleep
from typing import TypeVar

import sqlalchemy as sa

T = TypeVar("T")

MOST_RUNS = 4
# For the others of the circle to go on: whoever comes back at once takes what they wait for before they do.
PAUSE_SECONDS = 0.1
# PostgreSQL's documentation, appendix A.
DEADLOCK_DETECTED = "40P01"


def is_undone_for_others(error: BaseException) -> bool:
    """Whether this is what PostgreSQL says to the one of a circle that it has chosen."""
    return isinstance(error, sa.exc.DBAPIError) and getattr(error.orig, "sqlstate", None) == DEADLOCK_DETECTED


def run_transaction(run: Callable[[], T]) -> T:
    """Run a transaction, and again where it was undone for others; nothing of it was written then."""
    for _ in range(MOST_RUNS - 1):
        try:
            return run()
        except sa.exc.DBAPIError as error:
            if not is_undone_for_others(error):
                raise
        sleep(PAUSE_SECONDS)
    return run()
