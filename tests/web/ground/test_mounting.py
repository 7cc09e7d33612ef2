"""A service below a prefix of a host that it shares: everything leads there, and nothing is answered before it runs."""

import re
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from browsing import OPERATOR_COOKIE, Page, read_csrf, visit
from headrace.errors import ConfigurationError, MisuseError
from headrace.models import State
from headrace.service import AddonService
from headrace.settings import read_settings
from headrace.web.ground.mounting import Application
from pair import ADA, Acme, Pair, play_pair
from settings.test_settings import GOOD, LOCAL

PREFIX = "/addon"
SECRET = "operators-secret-of-36-letters-0a1b2c"
ADDRESS = re.compile(r'\s(?:href|src|action)="([^"#]+)')


async def show_home(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("The partner's own page.")


def mount(addon: Application) -> ASGIApp:
    return Starlette(routes=[Mount(PREFIX, addon), Route("/board", show_home)], lifespan=addon.running)


def forget_lifespan(addon: Application) -> ASGIApp:
    return Starlette(routes=[Mount(PREFIX, addon)])


def forget_prefix(addon: Application) -> ASGIApp:
    return Starlette(routes=[Mount("/elsewhere", addon), Mount(PREFIX, addon)], lifespan=addon.running)


async def test_heroku_and_a_customer_find_a_mounted_service(database_url: str) -> None:
    """A provision, a plan change, a webhook, a login, the board and its forms, all below the prefix."""
    async with play_pair(database_url, prefix=PREFIX, mount=mount) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        await pair.heroku.change_plan(addon, "free")
        await pair.settle()
        login, form = pair.heroku.sso_form(addon, ADA)
        logged_in = await visit(pair, login.removeprefix(pair.url), form=form)
        cookie = logged_in.cookie
        assert cookie is not None
        board = await visit(pair, f"{PREFIX}/board", cookie=cookie.value)
        home = await visit(pair, f"{PREFIX}/", cookie=cookie.value)
        sent = {"csrf": read_csrf(board)}
        checked = await visit(pair, f"{PREFIX}/board/check", cookie=cookie.value, form=sent)

        assert [State.PROVISIONED, "free"] == [(await pair.find(addon.id)).state, (await pair.find(addon.id)).plan]
        assert (303, f"{PREFIX}/board#resource-{addon.id}", f"{PREFIX}/") == (
            logged_in.status,
            find_location(logged_in),
            cookie["path"],
        )
        assert (200, True) == (board.status, "shop" in board.text)
        assert [(307, f"{PREFIX}/board"), (303, f"{PREFIX}/board")] == [
            (page.status, find_location(page).partition("?")[0]) for page in (home, checked)
        ]
        assert "The partner's own page." == (await visit(pair, "/board")).text
        assert {call.path for call in pair.heroku.traffic if call.direction == "to partner"} >= {
            f"{PREFIX}/heroku/resources",
            f"{PREFIX}/heroku/resources/{addon.id}",
        }


async def test_every_link_of_every_page_leads_below_the_prefix(sqlite_url: str) -> None:
    """Those of the operators too, their filters and files; each leads to something."""
    async with play_pair(sqlite_url, prefix=PREFIX, mount=mount, HEADRACE_OPERATOR_SECRET=SECRET) as pair:
        await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        entered = await visit(pair, f"{PREFIX}/operators/login", form={"secret": SECRET}, name=OPERATOR_COOKIE)
        assert (f"{PREFIX}/operators", f"{PREFIX}/") == (find_location(entered), find_path(entered))
        seen = await crawl(pair, f"{PREFIX}/operators", cookie=entered.cookie.value if entered.cookie else "")

    assert {200} == set(seen.values())
    assert len(seen) > 30


async def crawl(pair: Pair, start: str, *, cookie: str) -> dict[str, int]:
    """Follow every link of the service's own, one query of each address; return the status that each led to."""
    seen: dict[str, int] = {}
    asked: set[str] = set()
    waiting = [start]
    while waiting:
        address = waiting.pop()
        path, has_query, _ = address.partition("?")
        if address in seen or (has_query and f"{path}?" in asked):
            continue
        asked.add(path + has_query)
        page = await visit(pair, address, cookie=cookie, name=OPERATOR_COOKIE)
        seen[address] = page.status
        if "text/html" in page.headers["Content-Type"]:
            found = [each.replace("&amp;", "&") for each in ADDRESS.findall(page.text)]
            own = [each for each in found if not each.startswith(("https://", "http://", "data:"))]
            assert [] == [each for each in own if not each.startswith(f"{PREFIX}/") and each != PREFIX]
            links = [each.replace("&amp;", "&") for each in re.findall(r'<(?:a|link) [^>]*?href="([^"#]+)', page.text)]
            waiting += [each for each in links if each in own]
    return seen


async def test_the_description_says_where_the_service_is(sqlite_url: str) -> None:
    """Its paths follow the server's; the cookie has the name that a browser takes there."""
    async with play_pair(sqlite_url, prefix=PREFIX, mount=mount) as pair:
        described = await describe(pair)
        seen_from_outside = await describe(pair, host="acme.example")

    assert ([{"url": PREFIX}], True) == (described["servers"], "/heroku/resources" in described["paths"])
    schemes = [each["components"]["securitySchemes"]["customer"]["name"] for each in (described, seen_from_outside)]
    assert ["headrace_session", "__Secure-headrace_session"] == schemes


async def describe(pair: Pair, *, host: str = "") -> Any:
    headers = {"Host": host} if host else {}
    async with pair.http.get(f"{pair.url}{PREFIX}/openapi.json", headers=headers) as answer:
        return await answer.json()


async def test_nothing_is_acknowledged_by_a_service_that_nobody_started(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Many a host mounts without running the lifespan. The answer and the log say which line to add."""
    async with play_pair(sqlite_url, prefix=PREFIX, mount=forget_lifespan) as pair:
        status, _ = await call(pair, f"{PREFIX}/heroku/resources")
        pages = [await visit(pair, f"{PREFIX}{path}") for path in ("/health", "/ready", "/board", "/nowhere")]

    assert (503, [503] * 4) == (status, [page.status for page in pages])
    assert all("lifespan=addon.running" in page.text for page in pages)
    (line,) = [record for record in caplog.records if record.msg == "service.not_served"]
    assert "async with addon.running()" in line.__dict__["problem"]


async def test_a_service_that_is_mounted_elsewhere_says_so(sqlite_url: str) -> None:
    """Every link of it would be wrong."""
    async with play_pair(sqlite_url, prefix=PREFIX, mount=forget_prefix) as pair:
        there, elsewhere = await visit(pair, f"{PREFIX}/health"), await visit(pair, "/elsewhere/health")

    assert [200, 503] == [there.status, elsewhere.status]
    assert 'Say `service.asgi(prefix="/elsewhere")`.' in elsewhere.text


async def test_a_service_below_a_prefix_may_be_served_alone(sqlite_url: str) -> None:
    """Whether a proxy in front cuts the prefix off or leaves it; what is answered names it."""
    async with play_pair(sqlite_url, prefix=PREFIX) as pair:
        left, cut_off = await visit(pair, f"{PREFIX}/"), await visit(pair, "/")

    assert [f"{PREFIX}/board"] * 2 == [find_location(left), find_location(cut_off)]


@pytest.mark.parametrize("prefix", ["addon", "/addon/", "/", "/a b", '/"', "/a//b"])
def test_what_is_no_prefix_is_refused(prefix: str) -> None:
    """It stands in links, in cookies and in addresses."""
    service = AddonService(read_settings({**GOOD, **LOCAL}))
    Acme().register(service)
    with pytest.raises(MisuseError, match='Give a path without a slash at its end, such as "/addon"'):
        service.asgi(prefix=prefix)


def test_a_manifest_with_other_addresses_is_refused_at_once() -> None:
    """Heroku would call what is not there."""
    service = AddonService(read_settings({**GOOD, **LOCAL}))
    Acme().register(service)
    with pytest.raises(ConfigurationError, match=r"base_url: .*/heroku/resources is not below /addon/") as caught:
        service.asgi(prefix=PREFIX)

    assert ["base_url", "sso_url"] == [each.split(": ")[1] for each in caught.value.problems]


async def call(pair: Pair, path: str) -> tuple[int, str]:
    async with pair.http.post(pair.url + path, data=b"{}") as answer:
        return answer.status, await answer.text()


def find_location(page: Page) -> str:
    return page.headers["Location"]


def find_path(page: Page) -> str:
    assert page.cookie is not None
    return str(page.cookie["path"])
