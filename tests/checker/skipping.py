"""An event loop whose clock only counts what is waited for, and that does not wait it out."""

import asyncio
import selectors
import time

# How long nothing may come over any socket until the loop takes it that nothing will: what both ends of a connection
# in one process send is there at once, so this is for other threads.
QUIET_SECONDS = 0.02


class SkippingSelector(selectors.DefaultSelector):
    """Finds nothing after a moment, where it would have waited for long, and has its clock show what it was to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = time.monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        events = super().select(min(timeout, QUIET_SECONDS))
        if not events:
            self.now += timeout
        return events


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop for tests that have both ends of every connection in this process.

    Time that a busy machine takes for the work does not count, so a limit is exceeded by who waits too long, and by
    nobody else; and a test that waits for a limit goes on at once.
    """

    def __init__(self) -> None:
        self._skipping = SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now
