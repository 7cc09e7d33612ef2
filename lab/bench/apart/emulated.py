"""The emulator and its floor, each a server: run as `python -m lab.bench.apart.emulated emulator APPS` or `… floor`."""

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send
from uvicorn.loops.auto import auto_loop_factory

from headrace.emulator import Emulator, load_world, run
from headrace.emulator.world.records import App
from headrace.process.collector import spare_collector
from headrace.serving import serving
from lab.kit.worlds import build_world

# How many of the add-ons are asked for, in turn.
ASKED_COUNT = 100


class AskedAddon(msgspec.Struct, frozen=True, kw_only=True):
    """An add-on that is asked for; `grant` is the code that its partner got for it."""

    id: str
    app_id: str
    pipeline_id: str
    grant: str


class Emulated(msgspec.Struct, frozen=True, kw_only=True):
    """What the client has to know about the served emulator."""

    port: int
    addons: tuple[AskedAddon, ...]


async def _serve_emulator(app_count: int) -> None:
    """Serve a world in which every app has an add-on, and the partner has been called for those that are asked for."""
    async with _serve_partner() as partner, run(load_world(build_world(app_count, partner=partner))) as emulator:
        apps = list(emulator.state.apps)
        asked = [await _provision(emulator, app) for app in apps[:: max(1, app_count // ASKED_COUNT)]]
        plan = emulator.state.addon_services["acme-search"].plans["basic"]
        for app in apps:
            if not app.addons:
                addon = emulator.state.add_addon(app, plan, name=f"acme-search-on-{app.name}")
                emulator.state.mark_provisioned(addon)
        served = Emulated(port=int(emulator.url.rpartition(":")[2]), addons=tuple(asked))
        # As `headrace emulate` does when it has started.
        spare_collector()
        print(msgspec.json.encode(served).decode(), flush=True)
        await asyncio.Event().wait()


async def _provision(emulator: Emulator, app: App) -> AskedAddon:
    addon = await emulator.create_addon(app, "acme-search:basic", name=f"acme-search-on-{app.name}")
    assert app.coupling is not None
    grant = msgspec.json.decode(emulator.traffic[-1].raw_request)["oauth_grant"]["code"]
    return AskedAddon(id=addon.id, app_id=app.id, pipeline_id=app.coupling.pipeline.id, grant=grant)


@asynccontextmanager
async def _serve_partner() -> AsyncIterator[str]:
    async def provision(request: Request) -> Response:
        return JSONResponse({"id": (await request.json())["uuid"]})

    with socket.socket(proto=socket.IPPROTO_TCP) as bound:
        bound.bind(("127.0.0.1", 0))
        async with serving(Starlette(routes=[Route("/heroku/resources", provision, methods=["POST"])]), bound):
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"


async def _serve_floor() -> None:
    """Answer every request with as many bytes as its path says, by the same server and with the same primitives."""

    @cache
    def build_body(path: str) -> bytes:
        return b"x" * int(path[1:])

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await request.body()
        await Response(build_body(scope["path"]), media_type="application/json")(scope, receive, send)

    app = Router(default=answer)
    with socket.socket(proto=socket.IPPROTO_TCP) as bound:
        bound.bind(("127.0.0.1", 0))
        print(bound.getsockname()[1], flush=True)
        await uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, proxy_headers=False)).serve([bound])


def main() -> None:
    kind, *size = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    # The loop that `headrace emulate` and uvicorn choose.
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(_serve_floor() if kind == "floor" else _serve_emulator(int(size[0])))


if __name__ == "__main__":
    main()
