"""A PostgreSQL that takes connections and answers nothing, as behind a network that has lost its way."""

import asyncio
import signal
from pathlib import Path

import aiohttp
import pytest

from headrace.process.ending import LEFT_AFTER_SECONDS
from headrace.testing import eventually
from lab.kit.processes import find_free_port
from relays import relaying
from workers import prepare_site, serve_process

# A machine that is busy with other tests.
SLACK_SECONDS = 10.0


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_sigterm_ends_a_process_whose_database_says_nothing_any_more(
    postgres_url: str, tmp_path: Path, command: str
) -> None:
    """Before the platform kills it, and in order: what it was doing goes on at the next start."""
    with relaying(postgres_url) as (url, is_silent):
        async with (
            prepare_site(url, tmp_path) as site,
            serve_process(tmp_path, site.environment, find_free_port(), command=command) as process,
            aiohttp.ClientSession() as http,
        ):
            is_silent.set()
            await eventually(lambda: _has_noticed(http, f"{process.url}/ready"))
            process.send_signal(signal.SIGTERM)
            status = await asyncio.to_thread(process.popen.wait, LEFT_AFTER_SECONDS + SLACK_SECONDS)

    assert 0 == status


async def _has_noticed(http: aiohttp.ClientSession, url: str) -> bool:
    async with http.get(url) as answer:
        return "the database does not answer" in await answer.text()
