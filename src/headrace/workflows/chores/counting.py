"""What this process counts of the hour, until its heartbeat writes it down."""

from collections import Counter
from threading import Lock

from headrace.protocol.wire import Request, Response
from headrace.store.state.hour_counts import Counts, HourFigure

# Seconds within which an answer came; the last bound takes the rest.
BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LATER = "later"
NONE = "none"


class HourTally:
    """Counts Heroku's answers, on whatever thread they come."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[tuple[HourFigure, str]] = Counter()

    def observe(self, _request: Request, response: Response | None, seconds: float) -> None:
        """Count one answer of Heroku's, or that none came."""
        within = next((str(bound) for bound in BOUNDS if seconds <= bound), LATER)
        with self._lock:
            self._counts[HourFigure.ANSWERS, name_class(response.status if response else None)] += 1
            if response is not None:
                self._counts[HourFigure.ANSWERED_WITHIN, within] += 1

    def take(self) -> Counts:
        """Return what was counted since the last time."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return taken

    def put_back(self, counts: Counts) -> None:
        """Keep for the next time what could not be written down."""
        with self._lock:
            for key, value in counts.items():
                self._counts[key] += int(value)


def name_class(status: int | None) -> str:
    """Return the class of an answer; what means something of its own stands alone."""
    if status is None:
        return NONE
    return str(status) if status in (304, 429) else f"{status // 100}xx"
