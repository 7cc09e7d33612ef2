"""The partner that an emulator calls in these tests: any bytes with any status, as it is told."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headrace.emulator import Emulator
from headrace.emulator.kit.listening import listening


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def is_delivery(self) -> bool:
        return self.path.startswith("/webhooks")

    @property
    def body(self) -> dict[str, Any]:
        value: dict[str, Any] = msgspec.json.decode(self.raw) if self.raw else {}
        return value


Reaction = Callable[[Received], Awaitable[Response]]


def answer(status: int, body: object = None, *, raw: bytes | None = None) -> Reaction:
    async def react(_received: Received) -> Response:
        return Response(msgspec.json.encode(body) if raw is None else raw, status, media_type="application/json")

    return react


async def provision_at_once(received: Received) -> Response:
    uuid = received.body["uuid"]
    return JSONResponse({"id": uuid, "message": "Welcome", "config": {"ACME_SEARCH_URL": f"https://in.acme/{uuid}"}})


async def accept_for_later(received: Received) -> Response:
    return JSONResponse({"id": received.body["uuid"], "message": "Soon"}, 202)


@dataclass(slots=True)
class RawPartner:
    """A partner that keeps what it was sent and answers as it is told to; its webhooks stand below `/webhooks`."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    reactions: dict[str, Reaction] = field(
        default_factory=lambda: {
            "POST": provision_at_once,
            "PUT": answer(200, {}),
            "DELETE": answer(204, raw=b""),
            "webhook": answer(204, raw=b""),
        }
    )

    @property
    def delivered(self) -> list[Received]:
        """The webhook deliveries among what was received."""
        return [received for received in self.received if received.is_delivery]

    async def handle(self, request: Request) -> Response:
        received = Received(
            method=request.method, path=request.url.path, headers=request.headers, raw=await request.body()
        )
        self.received.append(received)
        return await self.reactions["webhook" if received.is_delivery else request.method](received)

    def asgi(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.handle, methods=["POST", "PUT", "DELETE"])])


@asynccontextmanager
async def serve_partner() -> AsyncIterator[RawPartner]:
    # asyncio sends small answers at once only on sockets that say they are TCP.
    with socket.socket(proto=socket.IPPROTO_TCP) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        partner = RawPartner(f"http://127.0.0.1:{bound.getsockname()[1]}")
        config = uvicorn.Config(partner.asgi(), log_config=None, access_log=False, timeout_graceful_shutdown=1)
        async with listening(config, bound):
            yield partner


def change_manifest(heroku: Emulator, **members: Any) -> None:
    """Have the add-on service declare something else from now on."""
    service = heroku.state.addon_services["acme-search"]
    service.manifest = replace(service.manifest, **members)
