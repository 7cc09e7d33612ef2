"""Providers that are right, each in a way of its own: the checker finds nothing at any of them."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import urlencode

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from checker.provider import CLIENT_SECRET, PAUSE_SECONDS, Provider, Refusal, Resource, SynchronousProvider

UNUSUAL: list[type[Provider]] = []
SESSION = "s3ss10n"


def unusual(kind: type[Provider]) -> type[Provider]:
    UNUSUAL.append(kind)
    return kind


@unusual
class HasIdsOfItsOwn(Provider):
    def make_id(self, resource: Resource) -> Any:
        return f"pipe-{list(self.resources).index(resource.uuid)}"


@unusual
class IsSlowerTheSecondTime(SynchronousProvider):
    """Removes in the background, the first at once and others not: asked again meanwhile, it answers as at first."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.busy_until: dict[str, float] = {}

    async def deprovision(self, uuid: str) -> Response:
        now = asyncio.get_running_loop().time()
        if now < self.busy_until.get(uuid, 0.0):
            return Response(status_code=204)
        answer = await super().deprovision(uuid)
        self.busy_until.setdefault(uuid, now + (0.2 if self.busy_until else 0.0))
        return answer


@unusual
class RemovesLater(Provider):
    """Answers a deprovision 202, which is a beta of Heroku's, and says when it is done."""

    async def deprovision(self, uuid: str) -> Response:
        resource = self.find(uuid)
        resource.is_removed = True
        self.keep(self.tell(resource))
        return JSONResponse({"message": "PipeScope is being removed."}, 202)

    async def tell(self, resource: Resource) -> None:
        if resource.access_token:
            async with aiohttp.ClientSession() as http:
                await self.ask(http, resource, "POST", f"/addons/{resource.uuid}/actions/deprovision")


@unusual
class AnswersCreated(SynchronousProvider):
    async def provision(self, body: dict[str, Any]) -> Response:
        answer = await super().provision(body)
        answer.status_code = 201
        answer.headers["content-type"] = "application/vnd.heroku-addons+json; version=3"
        return answer


@unusual
class ClosesEachConnection(Provider):
    """Closes each connection with its answer, as HTTP/1.0 did."""

    def asgi(self) -> Starlette:
        app = super().asgi()

        class Closing(Starlette):
            async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
                async def close(message: Message) -> None:
                    if message["type"] == "http.response.start":
                        message["headers"] = [*message["headers"], (b"connection", b"close")]
                    await send(message)

                await app(scope, receive, close)

        return Closing()


@unusual
class CallsOddCredentialsABadRequest(Provider):
    """As the usual library of Node.js does."""

    def authenticate(self, request: Request) -> None:
        header = request.headers.get("authorization", "")
        if header.endswith("%%%") or header.startswith("Bearer"):
            raise Refusal(400, "Bad request.")
        super().authenticate(request)


@unusual
class HasItsOwnWordsForTheUnknown(Provider):
    """Knows one status for a plan change that it cannot make, and one for what is not there."""

    async def on_put(self, request: Request) -> Response:
        self.authenticate(request)
        known = self.resources.get(request.path_params["uuid"])
        if known is None:
            raise Refusal(503, "No plans are changed at the moment.")
        if known.is_removed:
            raise Refusal(400, "Resource was not found.")
        return await super().on_put(request)


@unusual
class ChangesPlansLater(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        answer = await super().change_plan(resource, body)
        answer.status_code = 202
        return answer


@unusual
class SaysNotFoundOfTheGone(Provider):
    """Answers 200 with an object to a deprovision, and 404 to whatever comes afterwards but a provision."""

    async def deprovision(self, uuid: str) -> Response:
        await super().deprovision(uuid)
        return JSONResponse({})

    def find(self, uuid: str) -> Resource:
        try:
            return super().find(uuid)
        except Refusal as refusal:
            raise Refusal(404, refusal.message) from None

    async def provision(self, body: dict[str, Any]) -> Response:
        known = self.resources.get(str(body.get("uuid")))
        if known is not None and known.is_removed:
            raise Refusal(410, "It is gone.")
        return await super().provision(body)


class RedirectsLogins(Provider):
    """Sends everybody on after a login: those who are let in to one page, the others to another."""

    inside, outside = "/pipes", "/login"
    has_cookie = True

    async def on_login(self, request: Request) -> Response:
        try:
            await super().on_login(request)
        except Refusal:
            return RedirectResponse(self.outside, 302)
        answer = RedirectResponse(self.inside, 302)
        if self.has_cookie:
            answer.set_cookie("session", SESSION)
        return answer

    async def on_page(self, request: Request) -> Response:
        if request.cookies.get("session") == SESSION:
            return Response("Your pipes.", media_type="text/plain")
        return Response('<form><input type="password"></form>', media_type="text/html")


@unusual
class SendsStrangersToTheDoor(RedirectsLogins):
    """Turns nobody away with a 4xx: who cannot be let in may log in otherwise."""


@unusual
class SendsEverybodyHome(RedirectsLogins):
    """To one page, which greets those who have a session."""

    inside = outside = "/"


@unusual
class LogsInOnAnotherHost(RedirectsLogins):
    inside, outside = "https://dashboard.pipescope.example/pipes", "https://dashboard.pipescope.example/login"
    has_cookie = False


@unusual
class LogsInWithATicket(RedirectsLogins):
    """Hands out a ticket in the address, which the page behind it takes for a session."""

    inside = "/login/complete?ticket=t1ck3t"
    has_cookie = False

    async def on_page(self, request: Request) -> Response:
        if request.query_params.get("ticket") == "t1ck3t":
            answer = RedirectResponse("/", 303)
            answer.set_cookie("session", SESSION)
            return answer
        return await super().on_page(request)


@unusual
class HasAFieldForAPasswordInside(RedirectsLogins):
    """Its first page is that of the settings, where a password can be changed."""

    async def on_page(self, request: Request) -> Response:
        if request.cookies.get("session") == SESSION:
            return Response('<h1>Settings</h1><input type="password">', media_type="text/html")
        return Response("Who are you?", 401)


@unusual
class ShowsItsPageAtOnce(Provider):
    async def on_login(self, request: Request) -> Response:
        await super().on_login(request)
        return Response("<h1>Your pipes</h1>", media_type="text/html")


@unusual
class LogsInBelowItsBaseUrl(Provider):
    sso_path = "/heroku/resources/sso"


@unusual
class HasNoSingleSignOn(Provider):
    def build_api(self) -> Mapping[str, Any]:
        urls = {"base_url": f"{self.url}{self.base_path}"}
        return {"sso_salt": None, "production": {"base_url": "https://pipescope.example"}, "test": urls}

    async def on_login(self, request: Request) -> Response:
        return Response(status_code=404)


@unusual
class HasARootAddress(Provider):
    """As the oldest generator wrote it, under a slug with an underscore."""

    slug = "pipe_scope"

    def build_api(self) -> Mapping[str, Any]:
        return {"config_vars_prefix": "PIPESCOPE", "production": "https://pipescope.example/", "test": f"{self.url}/"}


@unusual
class HasASlashAtTheEnd(Provider):
    def build_api(self) -> Mapping[str, Any]:
        urls = {"base_url": f"{self.url}{self.base_path}/", "sso_url": f"{self.url}{self.sso_path}"}
        return {"test": urls}


@unusual
class IsThereInPrivateSpacesOnly(Provider):
    api: ClassVar = {"regions": ["tokyo", "virginia"]}


@unusual
class NamesItsDrainLater(Provider):
    """A service for logs that provisions in the background, and says only then where they go."""

    api: ClassVar = {"requires": ["syslog_drain", "many_per_app"]}

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.drains: dict[str, str] = {}

    async def provision(self, body: dict[str, Any]) -> Response:
        self.drains[self.read_uuid(body.get("uuid"))] = str(body.get("log_drain_token"))
        return await super().provision(body)

    async def set_config(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        path = f"/addons/{resource.uuid}/log-drains/{self.drains[resource.uuid]}"
        url = f"https://in.pipescope.example/{resource.uuid}"
        await self.ask(http, resource, "PUT", path, {"url": url})
        await super().set_config(http, resource)


@unusual
class NamesItsDrainAtOnce(SynchronousProvider):
    api: ClassVar = {"requires": ["syslog_drain"]}

    def render(self, resource: Resource) -> dict[str, Any]:
        return super().render(resource) | {"log_drain_url": f"syslog://in.pipescope.example:{len(resource.uuid)}"}


@unusual
class WorksBeforeItAnswers(SynchronousProvider):
    """Exchanges the grant and sets nothing: all is in its answer."""

    async def provision(self, body: dict[str, Any]) -> Response:
        is_known = body.get("uuid") in self.resources
        answer = await super().provision(body)
        if not is_known and body.get("oauth_grant"):
            async with aiohttp.ClientSession() as http:
                resource, code = self.find(body["uuid"]), body["oauth_grant"]["code"]
                await self.exchange(http, resource, grant_type="authorization_code", code=code)
                await self.ask(http, resource, "GET", f"/addons/{resource.uuid}")
        return answer


class AsksInItsOwnWay(Provider):
    """Asks for tokens otherwise than with a form."""

    def build_token_request(self, form: dict[str, str]) -> tuple[str, dict[str, Any]]:
        raise NotImplementedError

    def read_token(self, answer: dict[str, Any]) -> dict[str, Any]:
        return answer

    async def exchange(self, http: aiohttp.ClientSession, resource: Resource, **form: str) -> bool:
        path, options = self.build_token_request({**form, "client_secret": CLIENT_SECRET})

        for _ in range(self.exchange_tries):
            with suppress(aiohttp.ClientError):
                async with http.post(self.heroku_url + path, **options) as answer:
                    if answer.ok:
                        self.keep_token(resource, self.read_token(await answer.json()))
                    if answer.status < 500 and answer.status != 429:
                        return answer.ok
            await asyncio.sleep(PAUSE_SECONDS)
        return False


@unusual
class AsksForTokensInTheQuery(AsksInItsOwnWay):
    def build_token_request(self, form: dict[str, str]) -> tuple[str, dict[str, Any]]:
        return f"/oauth/token?{urlencode(form)}", {}


@unusual
class AsksForTokensAtTheOtherHost(AsksInItsOwnWay):
    """Of the API itself, in JSON."""

    def build_token_request(self, form: dict[str, str]) -> tuple[str, dict[str, Any]]:
        body = {
            "client": {"secret": form["client_secret"]},
            "grant": {"code": form.get("code"), "type": form["grant_type"]},
            "refresh_token": {"token": form.get("refresh_token")},
        }
        return "/oauth/tokens", {"data": json.dumps(body), "headers": {"Content-Type": "application/json"}}

    def read_token(self, answer: dict[str, Any]) -> dict[str, Any]:
        return {name: answer[name]["token"] for name in ("access_token", "refresh_token")}


@unusual
class RefreshesBeforeEachCall(Provider):
    async def ask(
        self, http: aiohttp.ClientSession, resource: Resource, method: str, path: str, body: object = None
    ) -> None:
        await self.refresh(http, resource)
        await super().ask(http, resource, method, path, body)


@unusual
class LooksBeforeItMarks(Provider):
    """Reads the add-on and its app first, by name."""

    async def set_config(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        await self.ask(http, resource, "GET", f"/addons/{resource.uuid}")
        await super().set_config(http, resource)
        await super().set_config(http, resource)
