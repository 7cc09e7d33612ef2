from collections.abc import AsyncIterator

import aiohttp
import pytest

from headrace.emulator import BUILT_IN_WORLD, Emulator, load_world, run

from .acme import Acme, Wire, serve_acme


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def acme() -> AsyncIterator[Acme]:
    async with serve_acme() as partner:
        yield partner


@pytest.fixture
async def heroku(acme: Acme) -> AsyncIterator[Emulator]:
    world = load_world(BUILT_IN_WORLD.replace("http://127.0.0.1:5050", acme.url))
    async with run(world) as emulator:
        yield emulator


@pytest.fixture
async def wire(heroku: Emulator) -> AsyncIterator[Wire]:
    async with aiohttp.ClientSession() as session:
        yield Wire(heroku.url, session)
