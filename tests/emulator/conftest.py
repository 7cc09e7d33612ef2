from collections.abc import AsyncIterator

import aiohttp
import pytest

from headrace.emulator import Emulator

from .acme import Wire


@pytest.fixture
async def wire(heroku: Emulator) -> AsyncIterator[Wire]:
    async with aiohttp.ClientSession() as session:
        yield Wire(heroku.url, session)
