"""A provider on a socket, and the checker let loose on it, in one process."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from headrace.checker import Limits, Order, Report, Result, Selection, Verdict, check_provider
from headrace.protocol.manifest import Manifest
from headrace.serving import serving

from .provider import CLIENT_SECRET, PLANS, Provider

# Long for a provider in the same process, and short for a test.
QUICK = Limits(soon=0.4, patience=3.0, wait=0.8)
# For a provider that never answers, where it is asked little.
IMPATIENT = replace(QUICK, patience=1.0)


@asynccontextmanager
async def listening(kind: type[Provider]) -> AsyncIterator[Provider]:
    with socket.socket(proto=socket.IPPROTO_TCP) as bound:
        bound.bind(("127.0.0.1", 0))
        provider = kind(f"http://127.0.0.1:{bound.getsockname()[1]}")
        async with serving(provider.asgi(), bound):
            yield provider
            await provider.stop()


async def judge(kind: type[Provider], *, selection: Selection | None = None, limits: Limits = QUICK) -> Report:
    """Return what the checker makes of a kind of provider."""
    async with listening(kind) as provider:

        def announce(url: str, _manifest: Manifest) -> None:
            provider.heroku_url = url

        order = Order(
            manifest_text=json.dumps(provider.manifest).encode(),
            plans=tuple(PLANS),
            client_secret=CLIENT_SECRET,
            port=0,
            limits=limits,
            selection=selection or Selection(),
        )
        return await check_provider(order, announce=announce, show=lambda _result: None)


def list_bad(report: Report) -> list[Result]:
    return [result for result in report.results if result.verdict in {Verdict.FAIL, Verdict.WARN}]
