"""How long reads and writes of this process have waited: a database that hangs raises no error that would tell."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic


class Waits:
    """What is under way, on whichever thread: for a connection, for a lock, or for an answer that never comes."""

    def __init__(self) -> None:
        self._since: dict[object, float] = {}

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Count what is done meanwhile."""
        key = object()
        self._since[key] = monotonic()
        try:
            yield
        finally:
            del self._since[key]

    def measure(self) -> float:
        """Return for how many seconds that has been under way which has longest; 0 when nothing is."""
        # Other threads go on meanwhile: a copy is made at once.
        begun = list(self._since.values())
        return monotonic() - min(begun) if begun else 0.0
