from collections.abc import AsyncIterator

import aiohttp
import pytest

from emulator.wire import Wire
from headrace.emulator import Emulator


@pytest.fixture
async def wire(heroku: Emulator) -> AsyncIterator[Wire]:
    async with aiohttp.ClientSession() as session:
        yield Wire(heroku.url, session)
