"""What comes in is bounded, in size and in time; what leads on leads nowhere else."""

import asyncio
import io
from typing import Any

import pytest
from starlette.requests import HTTPConnection, Request
from starlette.types import Message

from browsing import COOKIE, provision, visit
from headrace.errors import Malformed, TooLarge, TooSlow
from headrace.models import Secret
from headrace.protocol.partner import build_basic_auth
from headrace.testing import eventually
from headrace.web import origin
from headrace.web.bodies import FORM_LIMIT, MOST_FIELDS, read_body, read_form
from headrace.web.heads import BoundedHttp
from pair import ADA, PASSWORD, SLUG, Pair, play_pair

UUID = "01234567-89ab-cdef-0123-456789abcdef"


def make_request(*messages: Message) -> Request:
    """A request whose body comes as these messages, and then no further."""
    waiting = list(messages)

    async def receive() -> Message:
        return waiting.pop(0) if waiting else await asyncio.get_running_loop().create_future()

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def talk(pair: Pair, *parts: bytes) -> bytes:
    """Send bytes over a connection of their own, and return what came until its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(pair.url.rpartition(":")[2]))
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_body_that_does_not_end_is_not_waited_for() -> None:
    """Its sender is told within the time, whatever came before."""
    with pytest.raises(TooSlow) as caught:
        await read_body(make_request(chunk(b"a=", more=True)), limit=10, within=0.05)

    assert (408, "The body did not arrive within 0.05 seconds.") == (caught.value.status, caught.value.message)


async def test_a_body_is_held_up_to_its_limit() -> None:
    """The limit itself is allowed; one byte more is not, and what follows is not read."""
    assert b"1234567890" == await read_body(make_request(chunk(b"12345", more=True), chunk(b"67890")), limit=10)
    with pytest.raises(TooLarge):
        await read_body(make_request(chunk(b"12345", more=True), chunk(b"678901", more=True)), limit=10)


async def test_a_sender_who_goes_away_is_no_failure_of_ours() -> None:
    """It is a bad request that nobody reads the answer to."""
    with pytest.raises(Malformed):
        await read_body(make_request(chunk(b"12345", more=True), {"type": "http.disconnect"}), limit=10)


async def test_a_form_has_a_bounded_number_of_fields() -> None:
    """A hundred are more than Heroku's form has; with the next one it is no form of ours."""
    fields = [f"f{number}=1" for number in range(MOST_FIELDS + 1)]

    assert MOST_FIELDS == len(await read_form(make_request(chunk("&".join(fields[1:]).encode()))))
    with pytest.raises(Malformed):
        await read_form(make_request(chunk("&".join(fields).encode())))


async def test_after_a_body_that_is_too_large_the_connection_ends(sqlite_url: str) -> None:
    """What is left of the body is never taken for another request."""
    async with play_pair(sqlite_url) as pair:
        smuggled = b"GET /board HTTP/1.1\r\nHost: x\r\n\r\n"
        head = f"POST /sso/login HTTP/1.1\r\nHost: x\r\nContent-Length: {FORM_LIMIT * 3}\r\n\r\n".encode()
        answer = await talk(pair, head, b"x" * (FORM_LIMIT + 1), smuggled)

        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer.lower()
        assert 1 == answer.count(b"HTTP/1.1")


@pytest.mark.parametrize("head", [b"X-Long: " + b"x" * 300_000, b"X-Many: x\r\n" * 30_000], ids=["one", "many"])
async def test_a_head_that_does_not_end_is_cut_off(sqlite_url: str, head: bytes) -> None:
    """However it grows, in one field or in many: 400, and the end of the connection."""
    async with play_pair(sqlite_url) as pair:
        parts = [head[at : at + 10_000] for at in range(0, len(head), 10_000)]
        answer = await talk(pair, b"GET /board HTTP/1.1\r\nHost: x\r\n", *parts)

        assert answer.startswith(b"HTTP/1.1 400 ") or not answer
        assert 401 == (await visit(pair, "/board")).status


@pytest.mark.parametrize("sent", [b"", b"GET /board HTT", b"GET /board HTTP/1.1\r\nHost: x\r\nX-"])
async def test_a_head_that_does_not_come_is_not_waited_for(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """A connection that says nothing, or half a head, is closed; the test's bound is shorter than the real one."""
    monkeypatch.setattr(BoundedHttp, "WITHIN_SECONDS", 0.2)
    async with play_pair(sqlite_url) as pair:
        assert b"" == await talk(pair, sent)


async def test_a_slow_answer_is_no_slow_head(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its head is there, a request may take as long as its answer needs; the next one on the line may wait."""
    monkeypatch.setattr(BoundedHttp, "WITHIN_SECONDS", 0.2)
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        pair.acme.may_go_on.clear()
        change = asyncio.create_task(pair.call("PUT", f"/{addon.id}", json={"plan": "free"}))
        await eventually(lambda: bool(pair.acme.changed))
        # Another connection, which says nothing, is closed when the time is over.
        await talk(pair)
        pair.acme.may_go_on.set()

        assert 200 == (await change)[0]


# Methods and addresses under base_url that Heroku never asks for.
STRANGE = [
    ("GET", ""),
    ("PATCH", ""),
    ("TRACE", ""),
    ("GET", f"/{UUID}"),
    ("POST", f"/{UUID}"),
    ("GET", "/"),
    ("GET", f"/{UUID}/config"),
    ("DELETE", f"/{UUID}/"),
    ("PUT", "/a/b/c"),
]


async def test_under_base_url_everything_asks_for_the_password_first(sqlite_url: str) -> None:
    """Who does not know it learns neither addresses nor methods; who does is told what is wrong."""
    async with play_pair(sqlite_url) as pair:
        strangers = [await _ask(pair, method, path, password="wrong") for method, path in STRANGE]
        herokus = [await _ask(pair, method, path, password=PASSWORD) for method, path in STRANGE]

        assert [(401, '{"message":"Authentication failed."}')] * len(STRANGE) == strangers
        assert [405, 405, 405, 405, 405, 404, 404, 404, 404] == [status for status, _ in herokus]


async def _ask(pair: Pair, method: str, path: str, *, password: str) -> tuple[int, str]:
    headers = {"Authorization": build_basic_auth(SLUG, Secret(password))}
    # A body that would be refused, if anybody looked at it.
    body = io.BytesIO(b"x" * 200_000)
    async with pair.http.request(method, f"{pair.url}/heroku/resources{path}", headers=headers, data=body) as answer:
        return answer.status, await answer.text()


# How the browser reached the service, by what the router says and the host that was asked for; is it https?
WAYS: list[tuple[dict[str, str], bool]] = [
    ({}, False),
    ({"X-Forwarded-Proto": "https"}, True),
    ({"Host": "search.acme.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}, True),
    ({"Host": "search.acme.example", "X-Forwarded-Proto": "http"}, True),
    ({"Host": "search.acme.example"}, True),
    ({"Host": "localhost:5050"}, False),
]


@pytest.mark.parametrize(("headers", "is_secure"), WAYS)
async def test_behind_herokus_router_cookies_and_headers_are_those_of_https(
    sqlite_url: str,
    headers: dict[str, str],
    is_secure: bool,  # noqa: FBT001
) -> None:
    """Only a browser on this machine, on http, gets a cookie that may travel by http."""
    async with play_pair(sqlite_url) as pair:
        form = pair.heroku.sso_form(await provision(pair), ADA)[1]
        name = f"__Host-{COOKIE}" if is_secure else COOKIE
        page = await visit(pair, "/sso/login", form=form, headers=headers, name=name)
        assert page.cookie is not None
        board = await visit(pair, "/board", cookie=page.cookie.value, headers=headers, name=name)
        unnamed = await visit(pair, "/board", cookie=page.cookie.value, headers=headers, name="headrace_sessio")

        assert is_secure == bool(page.cookie["secure"])
        assert ("/", "") == (page.cookie["path"], page.cookie["domain"])
        assert [200, 401] == [board.status, unnamed.status]
        assert is_secure == ("Strict-Transport-Security" in board.headers)


def test_who_names_no_host_is_taken_to_be_on_https() -> None:
    """Nothing says that it is this machine."""
    assert origin.is_secure(HTTPConnection({"type": "http", "scheme": "http", "headers": []}))


# What might name another place to go to, in a query or in the login form.
ELSEWHERE = ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)")
NAMES = ("to", "next", "url", "return_to", "redirect", "redirect_uri", "continue", "nav-data", "app", "context_app")


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
async def test_no_parameter_leads_elsewhere(sqlite_url: str, elsewhere: str) -> None:
    """Every redirect goes to an address of ours that is written in the code; no path or host makes another one."""
    extra: dict[str, Any] = dict.fromkeys(NAMES, elsewhere)
    async with play_pair(sqlite_url, HEADRACE_OPERATOR_SECRET="o" * 40) as pair:
        form = {**pair.heroku.sso_form(await provision(pair), ADA)[1], **extra}
        query = "?" + "&".join(f"{name}={elsewhere}" for name in NAMES)
        evil = {"Host": "evil.example"}
        login = await visit(pair, "/sso/login" + query, form=form)
        assert login.cookie is not None
        pages = [
            login,
            await visit(pair, "/board" + query, cookie=login.cookie.value),
            await visit(pair, "/" + query),
            await visit(pair, "/operators" + query),
            await visit(pair, "/operators/login" + query, form={"secret": "o" * 40, **extra}),
            await visit(pair, "/board/", headers=evil),
            await visit(pair, "//evil.example/"),
            await visit(pair, "/static//evil.example/", headers=evil),
            await visit(pair, "/operators/", headers=evil),
        ]

        locations = {page.headers["Location"] for page in pages if "Location" in page.headers}
        assert {"/board", "/operators", "/operators/login"} == locations
        assert 'href="https://dashboard.heroku.com/apps/' in pages[1].text
        assert not any(f'="{start}' in pages[1].text for start in ("https://evil", "//evil", "/\\evil", "javascript"))
