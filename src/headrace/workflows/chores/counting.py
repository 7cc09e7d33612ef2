"""What this process counts of the hour, until its heartbeat writes it down."""

from bisect import bisect_left
from collections import Counter
from threading import Lock

from headrace.protocol.wire import Request, Response
from headrace.store.state.hour_counts import Counts, HourFigure

# Seconds within which an answer came; the last bound takes the rest.
BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LATER = "later"
NONE = "none"
_WITHIN = (*map(str, BOUNDS), LATER)


class HourTally:
    """Counts Heroku's answers, on whatever thread they come."""

    def __init__(self) -> None:
        self._lock = Lock()
        # By status, None for no answer, and by the number of bounds that an answer took longer than.
        self._answers: Counter[tuple[int | None, int]] = Counter()
        self._put_back: Counter[tuple[HourFigure, str]] = Counter()

    def observe(self, _request: Request, response: Response | None, seconds: float) -> None:
        """Count one answer of Heroku's, or that none came."""
        answer = (response.status if response is not None else None, bisect_left(BOUNDS, seconds))
        with self._lock:
            self._answers[answer] += 1

    def take(self) -> Counts:
        """Return what was counted since the last time."""
        with self._lock:
            answers, self._answers = self._answers, Counter()
            taken, self._put_back = self._put_back, Counter()
        for (status, bound), count in answers.items():
            taken[HourFigure.ANSWERS, name_class(status)] += count
            if status is not None:
                taken[HourFigure.ANSWERED_WITHIN, _WITHIN[bound]] += count
        return taken

    def put_back(self, counts: Counts) -> None:
        """Keep for the next time what could not be written down."""
        with self._lock:
            for key, value in counts.items():
                self._put_back[key] += int(value)


def name_class(status: int | None) -> str:
    """Return the class of an answer; what means something of its own stands alone."""
    if status is None:
        return NONE
    return str(status) if status in (304, 429) else f"{status // 100}xx"
