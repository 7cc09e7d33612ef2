"""The other end of the emulator in these tests: a small partner, and a client that speaks as a customer or partner."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headrace.emulator import Emulator

ADA = "ada-token"
CLIENT_SECRET = "acme-client-secret"


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
class Acme:
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
async def serve_acme() -> AsyncIterator[Acme]:
    # asyncio sends small answers at once only on sockets that say they are TCP.
    with socket.socket(proto=socket.IPPROTO_TCP) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        acme = Acme(f"http://127.0.0.1:{bound.getsockname()[1]}")
        server = QuietServer(
            uvicorn.Config(acme.asgi(), log_config=None, access_log=False, timeout_graceful_shutdown=1)
        )
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            yield acme
        finally:
            server.should_exit = True
            await serving


class QuietServer(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def change_manifest(heroku: Emulator, **members: Any) -> None:
    """Have the add-on service declare something else from now on."""
    service = heroku.state.addon_services["acme-search"]
    service.manifest = replace(service.manifest, **members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.body["id"]


@dataclass(frozen=True, slots=True)
class Wire:
    """Requests to an emulator under any token."""

    url: str
    session: aiohttp.ClientSession

    async def send(
        self, method: str, path: str, *, token: str | None = ADA, json: object = None, data: Any = None, **headers: str
    ) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token}")
        body = msgspec.json.encode(json) if json is not None else data
        async with self.session.request(method, self.url + path, data=body, headers=sent) as response:
            return Reply(status=response.status, headers=response.headers, raw=await response.read())

    async def get(self, path: str, *, token: str | None = ADA, **headers: str) -> Reply:
        return await self.send("GET", path, token=token, **headers)

    async def exchange(self, code: str, /, **form: str) -> Reply:
        fields = {"grant_type": "authorization_code", "code": code, "client_secret": CLIENT_SECRET} | form
        return await self.send("POST", "/oauth/token", token=None, data=fields)

    async def refresh(self, refresh_token: str, /, **form: str) -> Reply:
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_secret": CLIENT_SECRET} | form
        return await self.send("POST", "/oauth/token", token=None, data=fields)

    async def authorize(self, received: Received) -> str:
        """Exchange the grant of a provision request for the add-on's access token."""
        token: str = (await self.exchange(received.body["oauth_grant"]["code"])).body["access_token"]
        return token
