"""Waiting as Heroku does: again and again, and not for ever."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from headrace.emulator import Declined

PATIENCE_SECONDS = 180.0


async def until_acknowledged(ask: Callable[[], Awaitable[object]]) -> None:
    """Ask as Heroku does: again, until there is an answer. A refusal is one."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await ask()
            except Declined as declined:
                if declined.status in (404, 422) and "try again" not in declined.message.lower():
                    return
                await asyncio.sleep(0.1)
            else:
                return


async def until(condition: Callable[[], bool], *, within: float = PATIENCE_SECONDS) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True
