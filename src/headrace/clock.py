"""The clock as an argument: whoever needs the time is handed one, so that a test can say what time it is."""

from collections.abc import Callable
from datetime import UTC, datetime

# Returns the moment, aware, in UTC.
Clock = Callable[[], datetime]


def read_clock() -> datetime:
    """Return the machine's time."""
    return datetime.now(UTC)
