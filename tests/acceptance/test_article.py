"""Heroku's article "Inspecting Heroku Pipelines as an Add-on Partner", word for word and over real sockets."""

import json
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from article import ADDON, COUPLINGS, PIPELINE
from headrace.clock import read_clock
from headrace.models import Outcome, Secret, Stage, Token
from headrace.process.ports import bind
from headrace.protocol.partner import build_basic_auth
from headrace.protocol.sso import sign_resource, sign_user
from headrace.service import AddonService, find_assembly
from headrace.serving import serving
from headrace.settings import read_settings
from pair import PASSWORD, SLUG, Acme

pytestmark = pytest.mark.acceptance

UUID = "01234567-89ab-cdef-0123-456789abcdef"
ACCEPT = "application/vnd.heroku+json; version=3"
ACCESS_TOKEN = "HRKU-01234567-89ab-cdef-0123-456789abcdef"
SALT = Secret("article-salt")

PROVISION = """{
  "heroku_id": "app1234@heroku.com",
  "plan": "basic",
  "region": "amazon-web-services::us-east-1",
  "callback_url": "https://api.heroku.com/vendor/apps/app1234@heroku.com",
  "options": {},
  "uuid": "01234567-89ab-cdef-0123-456789abcdef"
}"""

ANSWERS = {f"/addons/{UUID}": ADDON, f"/apps/{UUID}/pipeline-couplings": COUPLINGS, f"/pipelines/{UUID}": PIPELINE}


@dataclass
class Article:
    """A Heroku that knows the article's three requests and nothing else."""

    asked: list[str] = field(default_factory=list)

    def build_app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.answer)])

    async def answer(self, request: Request) -> Response:
        self.asked.append(f"{request.method} {request.url.path}")
        sent = (request.headers.get("accept"), request.headers.get("authorization"))
        if sent != (ACCEPT, f"Bearer {ACCESS_TOKEN}"):
            return JSONResponse({"id": "bad_request", "message": f"The article sends other headers: {sent}"}, 400)
        body = ANSWERS.get(request.url.path) if request.method == "GET" else None
        if body is None:
            return JSONResponse({"id": "not_found", "message": "The article has no such request."}, 404)
        return Response(body, media_type="application/json")


@asynccontextmanager
async def listen() -> AsyncIterator[tuple[socket.socket, str]]:
    with bind("127.0.0.1", 0) as bound:
        yield bound, f"http://127.0.0.1:{bound.getsockname()[1]}"


def make_service(*, database_url: str, heroku_url: str, url: str) -> AddonService:
    """Make an add-on service for the article's Heroku, with hooks that work."""
    urls = {"base_url": f"{url}/heroku/resources", "sso_url": f"{url}/sso/login"}
    secrets = {"password": PASSWORD, "sso_salt": SALT.reveal()}
    api = {
        "version": "3",
        "config_vars": ["ACME_SEARCH_URL"],
        "regions": ["us"],
        **secrets,
        "production": urls,
        "test": urls,
    }
    environment = {
        "HEADRACE_MANIFEST": json.dumps({"id": SLUG, "name": "Acme Search", "api": api}),
        "HEADRACE_CLIENT_SECRET": "client-secret",
        "HEROKU_API_URL": heroku_url,
        "HEROKU_ID_URL": heroku_url,
        "DATABASE_URL": database_url,
    }
    service = AddonService(read_settings(environment))
    Acme().register(service)
    return service


def build_login() -> dict[str, str]:
    """Return the form that Heroku posts for a person who opens the article's add-on."""
    timestamp, email = str(int(time.time())), "ada@lumen.example"
    return {
        "resource_id": UUID,
        "resource_token": sign_resource(UUID, salt=SALT, timestamp=timestamp),
        "user_scoped_resource_token": sign_user(UUID, salt=SALT, timestamp=timestamp, user_id="ada", email=email),
        "timestamp": timestamp,
        "user_id": "ada",
        "email": email,
        "app": "example",
    }


async def test_the_articles_own_bodies_lead_to_the_board(sqlite_url: str) -> None:
    """From the article's provision request over its three steps to a card under pipeline and stage."""
    article = Article()
    async with listen() as (heroku, heroku_url), listen() as (own, url), aiohttp.ClientSession() as http:
        service = make_service(database_url=sqlite_url, heroku_url=heroku_url, url=url)
        async with serving(article.build_app(), heroku), serving(service.asgi(), own):
            parts = find_assembly(service).assemble()
            headers = {"Authorization": build_basic_auth(SLUG, Secret(PASSWORD)), "Content-Type": "application/json"}
            async with http.post(f"{url}/heroku/resources", data=PROVISION, headers=headers) as answer:
                status, provisioned = answer.status, await answer.json(content_type=None)
            expires_at = read_clock() + timedelta(hours=8)
            token = Token(access=Secret(ACCESS_TOKEN), refresh=Secret("refresh"), expires_at=expires_at)
            await parts.database.write(parts.secrets.save_token, UUID, token)

            inspection = await parts.inspector.inspect(UUID)

            asked = list(article.asked)
            # Cookies of an address rather than a name are kept only when asked for.
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
                async with browser.post(f"{url}/sso/login", data=build_login()) as page:
                    html = await page.text()
                async with browser.get(f"{url}/board.json") as page:
                    board = await page.json()

    assert (200, UUID) == (status, provisioned["id"])
    assert {"ACME_SEARCH_URL": f"https://search.acme.example/{UUID}"} == provisioned["config"]
    assert [f"GET {path}" for path in ANSWERS] == asked
    assert (Outcome.PLACED, "example") == (inspection.outcome, inspection.app.name)
    assert inspection.placement is not None
    assert (Stage.PRODUCTION, UUID, "example") == (
        inspection.placement.stage,
        inspection.placement.pipeline.id,
        inspection.placement.pipeline.name,
    )
    assert ([(UUID, "example")], [], []) == (
        [(pipeline["id"], pipeline["name"]) for pipeline in board["pipelines"]],
        board["uncoupled"],
        board["unknown"],
    )
    assert ["production"] == list(board["pipelines"][0]["stages"])
    assert ["example"] == [card["app"] for card in board["pipelines"][0]["stages"]["production"]]
    assert re.search(r"<h2[^>]*><bdi>example</bdi></h2>", html)
    columns = dict(re.findall(r'<section [^>]*data-stage="(\w+)">(.*?)</section>', html, re.DOTALL))
    assert ["production"] == [stage for stage, column in columns.items() if f'id="resource-{UUID}"' in column]
    assert re.search(r"<h4>.*<bdi>example</bdi>", columns["production"])
    # The article has no request that tells who has access, so nothing is confirmed and nothing counted.
    assert ('id="groups"' in html, "data-incomplete" in html, "counted" in html) == (True, True, False)
