"""The one clock that the checker measures by."""

import asyncio


def read_seconds() -> float:
    """Return the seconds of the event loop's clock, by which its waits and limits go too."""
    return asyncio.get_running_loop().time()
