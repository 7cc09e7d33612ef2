"""A provider on a socket, and the checker let loose on it, in one process."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from checker.provider import CLIENT_SECRET, PLANS, Provider
from headrace.checker import Assignment, Limits, Report, Result, Selection, Verdict, check_provider
from headrace.process.guest import GuestServer
from headrace.protocol.manifest import Manifest
from headrace.testing import eventually

# By a clock that skips what is waited for (`checker.skipping`).
QUICK = Limits(soon=1.0, patience=4.0, wait=0.8)


@asynccontextmanager
async def listening(kind: type[Provider]) -> AsyncIterator[Provider]:
    with socket.socket(proto=socket.IPPROTO_TCP) as bound:
        bound.bind(("127.0.0.1", 0))
        provider = kind(f"http://127.0.0.1:{bound.getsockname()[1]}")
        config = uvicorn.Config(provider.asgi(), log_config=None, access_log=False, lifespan="off")
        # Some hang, and none is waited for.
        config.timeout_graceful_shutdown = 1
        server = GuestServer(config)
        provider.line.server = server
        running = asyncio.create_task(server.serve(sockets=[bound]))
        await eventually(lambda: server.started)
        try:
            yield provider
            await provider.stop()
        finally:
            server.end()
            await running


async def judge(kind: type[Provider], *, selection: Selection | None = None, limits: Limits = QUICK) -> Report:
    """Return what the checker makes of a kind of provider."""
    async with listening(kind) as provider:
        return await judge_there(provider, selection=selection, limits=limits)


async def judge_there(provider: Provider, *, selection: Selection | None = None, limits: Limits = QUICK) -> Report:
    """Return what the checker makes of a provider that runs."""

    def announce(url: str, _manifest: Manifest) -> None:
        provider.heroku_url = url

    assignment = Assignment(
        manifest_text=json.dumps(provider.manifest).encode(),
        plans=tuple(PLANS),
        client_secret=CLIENT_SECRET,
        port=0,
        limits=limits,
        selection=selection or Selection(),
    )
    return await check_provider(assignment, announce=announce, show=lambda _result: None)


def list_bad(report: Report) -> list[Result]:
    return [result for result in report.results if result.verdict in {Verdict.FAIL, Verdict.WARN}]
