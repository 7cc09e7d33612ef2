"""A provider that keeps Heroku's contract, written without headrace: what the checker is tried on."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import parse_qsl
from uuid import UUID

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Address
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

SLUG = "pipescope"
PASSWORD = "manifest-pass-manifest-pass-mani"
SALT = "s4lt-for-tests-s4lt-for-tests-s4"
CLIENT_SECRET = "pipescope-client-secret"
PLANS = {"basic": 10, "premium": 1000}
GOOD_FOR_SECONDS, SKEW_SECONDS = 300, 60
LARGEST_BODY = 1024 * 1024
# Real providers wait longer between two tries.
PAUSE_SECONDS = 0.02
TRIES = 20


class Refusal(Exception):
    """The provider says no: a status, and a message for whoever asked."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(message)


@dataclass
class Resource:
    uuid: str
    plan: str
    is_removed: bool = False
    access_token: str = ""
    refresh_token: str = ""


class Line:
    """How a provider is reached, for those that are to hang up: whoever serves it says how."""

    def __init__(self) -> None:
        self.server: uvicorn.Server | None = None

    def cut(self, request: Request) -> None:
        """Close the connection that a request came on, without an answer."""
        assert request.client is not None
        self._cut(request.client)

    def end(self) -> None:
        """Be gone, as a process that has ended: nobody listens, and every connection is closed."""
        assert self.server is not None
        for listener in self.server.servers:
            listener.close()
        self._cut()

    def _cut(self, client: Address | None = None) -> None:
        assert self.server is not None
        for connection in list(self.server.server_state.connections):
            if client is None or tuple(client) == getattr(connection, "client", None):
                connection.transport.abort()


class Provider:
    """Answers 202 and finishes in the background; a subclass may do otherwise, and one thing wrong."""

    is_asynchronous = True
    accept = "application/vnd.heroku+json; version=3"
    exchange_tries = TRIES
    base_path = "/heroku/resources"
    sso_path = "/sso/login"
    slug = SLUG
    password = PASSWORD
    # Members of the manifest's `api` that are not as usual.
    api: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def __init__(self, url: str) -> None:
        self.url = url
        self.heroku_url = ""
        self.line = Line()
        self.resources: dict[str, Resource] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def manifest(self) -> dict[str, Any]:
        urls = {"base_url": f"{self.url}{self.base_path}", "sso_url": f"{self.url}{self.sso_path}"}
        api = {
            "version": "3",
            "config_vars": ["PIPESCOPE_URL", "PIPESCOPE_TOKEN"],
            "password": self.password,
            "sso_salt": SALT,
            "regions": ["us", "eu"],
            "requires": [],
            "production": {
                name: url.replace("http://127.0.0.1", "https://pipescope.example") for name, url in urls.items()
            },
            "test": urls,
            **self.build_api(),
        }
        return {"id": self.slug, "name": "PipeScope", "api": api}

    def build_api(self) -> Mapping[str, Any]:
        """Return the unusual members again, where they hang on where the provider is."""
        return self.api

    def asgi(self) -> Starlette:
        return Starlette(
            routes=[
                Route(self.base_path, self.on_post, methods=["POST"]),
                Route(f"{self.base_path}/{{uuid}}", self.on_put, methods=["PUT"]),
                Route(f"{self.base_path}/{{uuid}}", self.on_delete, methods=["DELETE"]),
                Route(self.sso_path, self.on_login, methods=["POST"]),
                Route("/{page:path}", self.on_page, methods=["GET"]),
            ],
            exception_handlers={Refusal: self.on_refusal},
        )

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def on_post(self, request: Request) -> Response:
        self.authenticate(request)
        return await self.provision(self.parse(await self.read(request)))

    async def on_put(self, request: Request) -> Response:
        self.authenticate(request)
        resource = self.find(request.path_params["uuid"])
        return await self.change_plan(resource, self.parse(await self.read(request)))

    async def on_delete(self, request: Request) -> Response:
        self.authenticate(request)
        return await self.deprovision(request.path_params["uuid"])

    async def on_login(self, request: Request) -> Response:
        form = dict(parse_qsl((await self.read(request)).decode()))
        self.verify(form)
        resource = self.find(form.get("resource_id") or form.get("id", ""))
        return RedirectResponse(f"/resources/{resource.uuid}", 303)

    async def on_page(self, request: Request) -> Response:
        """Show a page of the dashboard, which the checker does not judge, but for where it says who may see it."""
        return Response("Your pipes.", media_type="text/plain")

    async def on_refusal(self, _request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return JSONResponse({"message": error.message}, error.status)

    def authenticate(self, request: Request) -> None:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            given = b""
        if scheme.lower() != "basic" or not hmac.compare_digest(given, f"{self.slug}:{self.password}".encode()):
            raise Refusal(401, "Who are you?")

    async def read(self, request: Request) -> bytes:
        body = await request.body()
        if len(body) > LARGEST_BODY:
            raise Refusal(413, "Too much.")
        return body

    def parse(self, body: bytes) -> dict[str, Any]:
        try:
            value = json.loads(body)
        except ValueError:
            raise Refusal(400, "Not JSON.") from None
        if not isinstance(value, dict):
            raise Refusal(400, "Not an object.")
        return value

    def find(self, uuid: str) -> Resource:
        resource = self.resources.get(uuid)
        if resource is None:
            raise Refusal(404, "There is no such resource.")
        if resource.is_removed:
            raise Refusal(410, "It is gone.")
        return resource

    async def provision(self, body: dict[str, Any]) -> Response:
        uuid, plan, grant = self.read_uuid(body.get("uuid")), self.read_plan(body.get("plan")), body.get("oauth_grant")
        is_new = uuid not in self.resources
        if is_new:
            self.resources[uuid] = Resource(uuid=uuid, plan=plan)
        resource = self.find(uuid)
        if not self.is_asynchronous or grant is None:
            return JSONResponse(self.render(resource) | {"config": self.make_config(resource)})
        if is_new:
            self.start(resource, grant["code"])
        return JSONResponse(self.render(resource), 202)

    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        resource.plan = self.read_plan(body.get("plan"))
        return JSONResponse({"message": f"The plan is {resource.plan}."})

    async def deprovision(self, uuid: str) -> Response:
        self.find(uuid).is_removed = True
        return Response(status_code=204)

    def read_uuid(self, value: Any) -> str:
        with suppress(ValueError, AttributeError, TypeError):
            return str(UUID(value))
        raise Refusal(422, "That is no uuid.")

    def read_plan(self, value: Any) -> str:
        if not isinstance(value, str) or value not in PLANS:
            raise Refusal(422, "There is no such plan.")
        return value

    def render(self, resource: Resource) -> dict[str, Any]:
        return {"id": self.make_id(resource), "message": "PipeScope is being set up."}

    def make_id(self, resource: Resource) -> Any:
        return resource.uuid

    def make_config(self, resource: Resource) -> dict[str, Any]:
        return {"PIPESCOPE_URL": f"https://in.pipescope.example/{resource.uuid}", "PIPESCOPE_TOKEN": "t0ken"}

    def start(self, resource: Resource, code: str) -> None:
        self.keep(self.finish(resource, code))

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done in the background, at the latest until the provider is stopped."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self, resource: Resource, code: str) -> None:
        """Exchange the grant, set the config vars, mark the add-on; give up when it is removed meanwhile."""
        async with aiohttp.ClientSession() as http:
            if not await self.exchange(http, resource, grant_type="authorization_code", code=code):
                return
            await self.set_config(http, resource)
            await self.mark(http, resource)

    async def set_config(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        config = [{"name": name, "value": value} for name, value in self.make_config(resource).items()]
        await self.ask(http, resource, "PATCH", f"/addons/{resource.uuid}/config", {"config": config})

    async def mark(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        await self.ask(http, resource, "POST", f"/addons/{resource.uuid}/actions/provision")

    async def ask(
        self, http: aiohttp.ClientSession, resource: Resource, method: str, path: str, body: object = None
    ) -> None:
        """Ask Heroku, again where it is busy or away, and with a fresh token where the old one is dead."""
        for _ in range(TRIES):
            headers = {
                "Authorization": f"Bearer {resource.access_token}",
                "Accept": self.accept,
            }
            status = None
            with suppress(aiohttp.ClientError):
                async with http.request(method, self.heroku_url + path, json=body, headers=headers) as answer:
                    status = answer.status
            if not await self.is_worth_repeating(http, resource, status):
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def is_worth_repeating(self, http: aiohttp.ClientSession, resource: Resource, status: int | None) -> bool:
        if status == 401:
            return await self.refresh(http, resource)
        return status is None or status == 429 or status >= 500

    async def refresh(self, http: aiohttp.ClientSession, resource: Resource) -> bool:
        return await self.exchange(http, resource, grant_type="refresh_token", refresh_token=resource.refresh_token)

    async def exchange(self, http: aiohttp.ClientSession, resource: Resource, **form: str) -> bool:
        """Get a token, again while Heroku is away, and tell whether there is one."""
        for _ in range(self.exchange_tries):
            with suppress(aiohttp.ClientError):
                async with http.post(
                    f"{self.heroku_url}/oauth/token", data={**form, "client_secret": CLIENT_SECRET}
                ) as answer:
                    if answer.status == 200:
                        self.keep_token(resource, await answer.json())
                        return True
                    if answer.status < 500 and answer.status != 429:
                        return False
            await asyncio.sleep(PAUSE_SECONDS)
        return False

    def keep_token(self, resource: Resource, token: dict[str, Any]) -> None:
        resource.access_token = token["access_token"]
        resource.refresh_token = token["refresh_token"]

    def verify(self, form: dict[str, str]) -> None:
        """Let in with any of Heroku's tokens; every one that is there has to be right."""
        uuid, at = form.get("resource_id") or form.get("id", ""), form.get("timestamp", "")
        expected = {
            "resource_token": hash_with("sha1", uuid, SALT, at),
            "token": hash_with("sha1", form.get("id", ""), SALT, at),
            "user_scoped_resource_token": hash_with(
                "sha256", uuid, SALT, at, form.get("user_id", ""), form.get("email", "")
            ),
        }
        given = {name: form[name] for name in expected if name in form}
        if not given or not all(hmac.compare_digest(given[name], expected[name]) for name in given):
            raise Refusal(403, "This login cannot be trusted.")
        self.verify_time(at)

    def verify_time(self, at: str) -> None:
        if not at.isdecimal():
            raise Refusal(400, "When was this signed?")
        if not -SKEW_SECONDS <= time.time() - int(at) <= GOOD_FOR_SECONDS:
            raise Refusal(403, "This login is too old or too new.")


class SynchronousProvider(Provider):
    """Answers 200 with the config vars, and never calls Heroku."""

    is_asynchronous = False


def hash_with(algorithm: str, *parts: str) -> str:
    return hashlib.new(algorithm, ":".join(parts).encode()).hexdigest()
