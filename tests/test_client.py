"""The client: the right token on each request, refreshed once, and every failure of the wire is Unreachable."""

import asyncio
import json
import traceback
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest

from headrace.client import HerokuClient
from headrace.errors import (
    ClientSecretRejected,
    Forbidden,
    GrantError,
    HeadraceError,
    NotFound,
    TokenRejected,
    UnexpectedAnswer,
    Unreachable,
)
from headrace.models import Grant, Secret, Token
from headrace.protocol.platform import build_addon_info
from headrace.protocol.wire import Host, Request, Response
from headrace.transport import AiohttpTransport

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
ONE, TWO = "01234567-89ab-cdef-0123-456789abcdef", "11234567-89ab-cdef-0123-456789abcdef"
CLIENT_SECRET = "the-client-secret"
GET_ADDON = build_addon_info(ONE)
OK = Response(status=200, body=b"{}")
UNAUTHORIZED = Response(status=401, body=b'{"id": "unauthorized", "message": "Invalid credentials provided."}')
SECRET_REFUSED = Response(status=401, body=b'{"id": "invalid_client", "message": "The client secret is wrong."}')
REFRESHED = Response(status=200, body=b'{"access_token": "new-access", "expires_in": 28799}')


@dataclass
class FakeTransport:
    """Answers from a list, or by a function; remembers what it was sent."""

    answers: list[Response | Exception] = field(default_factory=list)
    respond: Callable[[Request], Response] | None = None
    sent: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        self.sent.append(request)
        await asyncio.sleep(0)
        answer = self.respond(request) if self.respond else self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        pass

    @property
    def bearers(self) -> list[str | None]:
        return [request.headers.get("Authorization") for request in self.sent]

    @property
    def endpoints(self) -> list[str]:
        return [request.endpoint for request in self.sent]


@dataclass
class Tokens:
    """Tokens in memory."""

    kept: dict[str, Token] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)

    async def find_token(self, uuid: str) -> Token | None:
        await asyncio.sleep(0)
        return self.kept.get(uuid)

    async def save_token(self, uuid: str, token: Token) -> None:
        self.kept[uuid] = token

    async def claim_refresh(self, uuid: str, stale: Token) -> bool:
        if uuid in self.claimed or self.kept.get(uuid) != stale:
            return False
        self.claimed.add(uuid)
        return True

    async def release_refresh(self, uuid: str) -> None:
        self.claimed.discard(uuid)


def make_token(access: str = "old-access", *, lives: timedelta = timedelta(hours=8)) -> Token:
    return Token(access=Secret(access), refresh=Secret("the-refresh-token"), expires_at=NOON + lives)


def make_client(
    transport: Any, tokens: Tokens | None = None, *, secrets: Sequence[str] = (CLIENT_SECRET,), **options: Any
) -> HerokuClient:
    return HerokuClient(
        transport,
        tokens=tokens or Tokens({ONE: make_token()}),
        client_secrets=[Secret(text) for text in secrets],
        clock=lambda: NOON,
        **options,
    )


async def test_each_request_carries_the_token_of_its_resource() -> None:
    """One resource's token never opens another one's door."""
    transport = FakeTransport([OK, OK])
    client = make_client(transport, Tokens({ONE: make_token("first"), TWO: make_token("second")}))
    await client.send(TWO, GET_ADDON)
    await client.send(ONE, GET_ADDON)

    assert ["Bearer second", "Bearer first"] == transport.bearers


@pytest.mark.parametrize(
    ("lives", "endpoints"),
    [
        (timedelta(hours=8), ["/addons/{id}"]),
        (timedelta(minutes=5, seconds=1), ["/addons/{id}"]),
        (timedelta(minutes=5), ["/oauth/token", "/addons/{id}"]),
        (timedelta(hours=-1), ["/oauth/token", "/addons/{id}"]),
    ],
)
async def test_a_token_is_refreshed_ahead_of_its_end(lives: timedelta, endpoints: list[str]) -> None:
    """Five minutes before it dies, so that no request is sent with a token about to."""
    transport = FakeTransport([REFRESHED, OK] if len(endpoints) == 2 else [OK])
    await make_client(transport, Tokens({ONE: make_token(lives=lives)})).send(ONE, GET_ADDON)

    assert len(endpoints) == len(transport.sent)
    assert endpoints[0] == transport.endpoints[0] or GET_ADDON.endpoint == transport.endpoints[0]
    assert ("Bearer new-access" if len(endpoints) == 2 else "Bearer old-access") == transport.bearers[-1]


async def test_a_refresh_is_stored_and_keeps_the_refresh_token_it_was_made_with() -> None:
    """Heroku returns none; the old one stays good (contract §2.2)."""
    tokens = Tokens({ONE: make_token(lives=timedelta(0))})
    await make_client(FakeTransport([REFRESHED, OK]), tokens).send(ONE, GET_ADDON)

    expected = Token(
        access=Secret("new-access"),
        refresh=Secret("the-refresh-token"),
        expires_at=NOON + timedelta(seconds=28799),
    )
    assert expected == tokens.kept[ONE]


async def test_a_refresh_that_does_not_say_how_long_its_token_lives_keeps_the_new_refresh_token() -> None:
    """Where refresh tokens are rotated the old one is dead by then: the next refresh goes out with the new one."""
    rotated = Response(status=200, body=b'{"access_token": "new-access", "refresh_token": "the-second"}')
    transport = FakeTransport([UNAUTHORIZED, rotated, OK, UNAUTHORIZED, REFRESHED, OK])
    tokens = Tokens({ONE: make_token()})
    client = make_client(transport, tokens)
    answers = [await client.send(ONE, GET_ADDON) for _ in range(2)]

    assert [200, 200] == [each.status for each in answers]
    assert b"refresh_token=the-second" in transport.sent[4].body
    assert Secret("the-second") == tokens.kept[ONE].refresh


async def test_a_refresh_without_an_access_token_keeps_what_it_brought() -> None:
    """That call fails, and the next one refreshes with the new refresh token."""
    half = Response(status=200, body=b'{"access_token": null, "refresh_token": "the-second", "expires_in": 28799}')
    transport, tokens = FakeTransport([UNAUTHORIZED, half, REFRESHED, OK]), Tokens({ONE: make_token()})
    client = make_client(transport, tokens)
    with pytest.raises(UnexpectedAnswer):
        await client.send(ONE, GET_ADDON)
    response = await client.send(ONE, GET_ADDON)

    assert 200 == response.status
    assert b"refresh_token=the-second" in transport.sent[2].body
    assert "Bearer new-access" == transport.bearers[-1]


async def test_without_a_refresh_token_nothing_is_refreshed() -> None:
    """The exchange brought none: the access token is good for as long as Heroku takes it, and then that is said."""
    token = Token(access=Secret("only-access"), refresh=Secret(""), expires_at=NOON + timedelta(hours=8))
    transport = FakeTransport([OK, UNAUTHORIZED])
    client = make_client(transport, Tokens({ONE: token}))
    assert 200 == (await client.send(ONE, GET_ADDON)).status
    with pytest.raises(TokenRejected, match="without a refresh token"):
        await client.send(ONE, GET_ADDON)

    assert [GET_ADDON.endpoint] * 2 == transport.endpoints


async def test_a_401_is_answered_with_one_refresh_and_one_more_try() -> None:
    """A token may die before its time."""
    transport = FakeTransport([UNAUTHORIZED, REFRESHED, OK])
    response = await make_client(transport).call(ONE, GET_ADDON)

    assert 200 == response.status
    assert ["Bearer old-access", None, "Bearer new-access"] == transport.bearers


async def test_a_second_401_is_an_error_and_not_a_loop() -> None:
    """One refresh; if that does not help, nothing here will."""
    transport = FakeTransport([UNAUTHORIZED, REFRESHED, UNAUTHORIZED])
    with pytest.raises(TokenRejected):
        await make_client(transport).call(ONE, GET_ADDON)

    assert 3 == len(transport.sent)


async def test_a_refresh_that_is_not_accepted_says_what_may_be_wrong() -> None:
    """The operator reads about the client secret, and the stored token stays as it was."""
    tokens = Tokens({ONE: make_token()})
    with pytest.raises(TokenRejected) as caught:
        await make_client(FakeTransport([UNAUTHORIZED, UNAUTHORIZED]), tokens).send(ONE, GET_ADDON)

    assert "HEADRACE_CLIENT_SECRET" in str(caught.value)
    assert make_token() == tokens.kept[ONE]


@pytest.mark.parametrize("lives", [timedelta(0), timedelta(hours=8)], ids=["ahead of its end", "after a 401"])
async def test_ten_calls_at_once_refresh_once(lives: timedelta) -> None:
    """Whoever waited finds the new token stored; none of the ten fails."""

    def respond(request: Request) -> Response:
        if request.host is Host.ID:
            return REFRESHED
        return OK if request.headers["Authorization"] == "Bearer new-access" else UNAUTHORIZED

    transport = FakeTransport(respond=respond)
    client = make_client(transport, Tokens({ONE: make_token(lives=lives)}))
    responses = await asyncio.gather(*(client.send(ONE, GET_ADDON) for _ in range(10)))

    assert [200] * 10 == [response.status for response in responses]
    assert 1 == transport.endpoints.count("/oauth/token")


async def test_two_processes_refresh_once() -> None:
    """Clients that share nothing but the store: one of them asks Heroku, the other waits for what it stores."""
    tokens = Tokens({ONE: make_token(lives=timedelta(0))})
    transport = FakeTransport(respond=lambda request: REFRESHED if request.host is Host.ID else OK)
    one, other = make_client(transport, tokens), make_client(transport, tokens)
    responses = await asyncio.gather(*(client.send(ONE, GET_ADDON) for client in (one, other)))

    assert [200, 200] == [response.status for response in responses]
    assert 1 == transport.endpoints.count("/oauth/token")
    assert not tokens.claimed


async def test_a_failed_refresh_does_not_keep_others_waiting() -> None:
    """The lock is let go of on an error: the next call tries itself."""
    gone = Unreachable("no answer", request="POST /oauth/token")
    client = make_client(FakeTransport([gone, REFRESHED, OK]), Tokens({ONE: make_token(lives=timedelta(0))}))
    with pytest.raises(Unreachable):
        await client.send(ONE, GET_ADDON)

    assert OK == await client.send(ONE, GET_ADDON)


@pytest.mark.parametrize("refusal", [SECRET_REFUSED, UNAUTHORIZED], ids=["by its name", "without a word"])
async def test_where_the_new_client_secret_is_refused_the_old_one_is_tried(refusal: Response) -> None:
    """At an exchange and at a refresh; who asks is told which was right."""
    transport = FakeTransport([refusal, REFRESHED, refusal, REFRESHED, REFRESHED])
    client = make_client(transport, secrets=("the-new-one", "the-old-one"))
    grant = _make_grant(timedelta(minutes=5))
    exchanged, right, once_in_force = (
        await client.exchange(grant),
        await client.find_right_secret(ONE),
        await client.find_right_secret(ONE),
    )

    assert ("new-access", 1, 0) == (exchanged.access.reveal(), right, once_in_force)
    tried = [dict(parse_qsl(request.body.decode()))["client_secret"] for request in transport.sent]
    assert ["the-new-one", "the-old-one", "the-new-one", "the-old-one", "the-new-one"] == tried


async def test_while_a_password_is_rotated_a_fresh_grant_is_asked_for_with_both() -> None:
    """Heroku has the new one from the push on, and the service before that."""
    grant = Response(status=200, body=_json(code="fresh", expires_at="2026-11-02T12:05:00Z"))
    transport = FakeTransport([UNAUTHORIZED, grant])
    passwords = (Secret("the-new-one"), Secret("the-old-one"))
    found = await make_client(transport).ask_for_grant(ONE, slug="acme-search", passwords=passwords)

    assert found is not None
    assert "fresh" == found.code.reveal()
    used = [b64decode(each.headers["Authorization"].removeprefix("Basic ")) for each in transport.sent]
    assert [b"acme-search:the-new-one", b"acme-search:the-old-one"] == used


async def test_of_two_client_secrets_the_right_ones_refusal_stands() -> None:
    """Heroku takes the old secret and not the token: the new secret is not what an operator has to look at."""
    dead = Response(status=401, body=b'{"id": "invalid_grant", "message": "This refresh token is no more."}')
    for first, then in ((SECRET_REFUSED, dead), (dead, SECRET_REFUSED)):
        client = make_client(FakeTransport([first, then]), secrets=("the-new-one", "the-old-one"))
        with pytest.raises(TokenRejected, match="This refresh token is no more") as caught:
            await client.find_right_secret(ONE)
        assert TokenRejected is type(caught.value)


async def test_neither_client_secret_is_in_an_error() -> None:
    echo = Response(status=401, body=b'{"id": "invalid_client", "message": "the-new-one the-old-one"}')
    client = make_client(FakeTransport([echo, echo]), secrets=("the-new-one", "the-old-one"))
    with pytest.raises(ClientSecretRejected) as caught:
        await client.find_right_secret(ONE)

    assert "the-new-one" not in str(caught.value)
    assert "the-old-one" not in str(caught.value)


async def test_a_grant_is_exchanged_for_a_token() -> None:
    """Code and client secret go to the id host, in the body."""
    transport = FakeTransport([Response(status=200, body=_json(access_token="a", refresh_token="r", expires_in=60))])
    token = await make_client(transport).exchange(_make_grant(timedelta(minutes=5)))

    assert Token(access=Secret("a"), refresh=Secret("r"), expires_at=NOON + timedelta(minutes=1)) == token
    assert Host.ID is transport.sent[0].host
    assert b"code=the-grant-code" in transport.sent[0].body


@pytest.mark.parametrize("left", [timedelta(0), timedelta(seconds=-1)])
async def test_a_grant_has_expired_when_heroku_says_so(left: timedelta) -> None:
    """Our clock only helps to name the reason."""
    with pytest.raises(GrantError) as caught:
        await make_client(FakeTransport([UNAUTHORIZED])).exchange(_make_grant(left))

    assert "expired" == caught.value.reason


async def test_a_clock_that_is_fast_loses_no_grant() -> None:
    """What looks expired here may be good at Heroku."""
    transport = FakeTransport([Response(status=200, body=_json(access_token="a", refresh_token="r", expires_in=60))])

    assert Secret("a") == (await make_client(transport).exchange(_make_grant(timedelta(hours=-1)))).access


async def test_a_resource_without_a_token_sends_nothing() -> None:
    """Its grant was never exchanged."""
    transport = FakeTransport()
    with pytest.raises(GrantError) as caught:
        await make_client(transport).send(TWO, GET_ADDON)

    assert "missing" == caught.value.reason
    assert [] == transport.sent


@pytest.mark.parametrize(("status", "error"), [(403, Forbidden), (404, NotFound)])
async def test_call_raises_what_the_status_means(status: int, error: type[Exception]) -> None:
    """`send` hands the response on, `call` judges it."""
    answer = Response(status=status, body=b"{}")

    assert status == (await make_client(FakeTransport([answer])).send(ONE, GET_ADDON)).status
    with pytest.raises(error):
        await make_client(FakeTransport([answer])).call(ONE, GET_ADDON)


async def test_the_observer_is_told_of_every_request_with_its_status() -> None:
    """None where no answer came; the path with placeholders, never with ids."""
    told: list[tuple[str, int | None]] = []
    gone = Unreachable("no answer", request="GET /")
    client = make_client(
        FakeTransport([UNAUTHORIZED, REFRESHED, OK, gone]),
        observe=lambda request, response, _seconds: told.append((request.endpoint, response and response.status)),
    )
    await client.send(ONE, GET_ADDON)
    with pytest.raises(Unreachable):
        await client.send(ONE, GET_ADDON)

    endpoint = GET_ADDON.endpoint
    assert [(endpoint, 401), ("/oauth/token", 200), (endpoint, 200), (endpoint, None)] == told
    assert ONE not in endpoint


@pytest.mark.parametrize(
    "answers",
    [
        [UNAUTHORIZED, UNAUTHORIZED],
        [UNAUTHORIZED, REFRESHED, UNAUTHORIZED],
        [UNAUTHORIZED, Response(status=200, body=b'{"access_token": 1, "refresh_token": "new-access"}')],
        [UNAUTHORIZED, Response(status=500, body=b"the-refresh-token")],
        [Response(status=403, body=b"old-access")],
    ],
)
async def test_no_error_shows_a_secret(answers: list[Response | Exception]) -> None:
    """Not its text, its repr or its traceback, whatever Heroku answers."""
    with pytest.raises(HeadraceError) as caught:
        await make_client(FakeTransport(answers)).call(ONE, GET_ADDON)

    _assert_shows_no_secret(caught.value)


async def test_the_bearer_and_the_body_reach_the_server_as_they_are() -> None:
    """Over a real socket: method, path, headers and body; a name of ours as the user agent."""
    async with serving(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: "e"\r\n\r\n{}') as server:
        transport = AiohttpTransport(api_url=server.url, id_url=server.url)
        request = Request(method="PATCH", path="/addons/x/config", endpoint="/addons/{id}/config", body=b'{"a": 1}')
        response = await make_client(transport).send(ONE, request)
        await transport.close()

    assert (200, b"{}", '"e"') == (response.status, response.body, response.headers["etag"])
    head = server.heard[0].decode()
    assert head.startswith("PATCH /addons/x/config HTTP/1.1")
    assert "Authorization: Bearer old-access" in head
    assert "User-Agent: headrace" in head
    assert head.endswith('{"a": 1}')


async def test_a_request_goes_to_the_host_it_names() -> None:
    """Tokens come from the id host, everything else from the API."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    async with serving(ok) as api, serving(ok) as identity:
        transport = AiohttpTransport(api_url=api.url, id_url=identity.url)
        await transport.send(Request(method="POST", host=Host.ID, path="/oauth/token", endpoint="/oauth/token"))
        await transport.close()

    assert (0, 1) == (len(api.heard), len(identity.heard))


async def test_a_redirect_is_not_followed() -> None:
    """A bearer goes where it was meant to go and nowhere else."""
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as elsewhere:
        moved = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.url}/x\r\nContent-Length: 0\r\n\r\n".encode()
        async with serving(moved) as server:
            transport = AiohttpTransport(api_url=server.url, id_url=server.url)
            response = await transport.send(GET_ADDON)
            await transport.close()

    assert 302 == response.status
    assert [] == elsewhere.heard


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
    ids=["dropped", "half a head", "truncated", "half a chunk", "bad chunk", "bad gzip", "not http", "huge header"],
)
async def test_an_answer_that_is_none_is_unreachable(answer: bytes) -> None:
    """A connection that breaks off or speaks nonsense: no complete answer came."""
    async with serving(answer) as server:
        transport = AiohttpTransport(api_url=server.url, id_url=server.url)
        with pytest.raises(Unreachable) as caught:
            await make_client(transport).send(ONE, GET_ADDON)
        await transport.close()

    assert str(GET_ADDON) == caught.value.request
    _assert_shows_no_secret(caught.value)


async def test_a_refused_connection_is_unreachable() -> None:
    """Nobody listens there."""
    async with serving(b"") as server:
        pass
    transport = AiohttpTransport(api_url=server.url, id_url=server.url)
    with pytest.raises(Unreachable, match=r"no answer \(Client") as caught:
        await make_client(transport).send(ONE, GET_ADDON)
    await transport.close()

    _assert_shows_no_secret(caught.value)


def _every_wire_error() -> list[type[BaseException]]:
    kinds: list[type[BaseException]] = [aiohttp.ClientError, asyncio.TimeoutError, OSError, ConnectionResetError]
    for kind in kinds:
        if issubclass(kind, aiohttp.ClientError):
            kinds += [child for child in kind.__subclasses__() if child not in kinds]
    return kinds


@pytest.mark.parametrize("kind", _every_wire_error(), ids=lambda kind: kind.__name__)
async def test_every_error_of_aiohttp_is_translated(kind: type[BaseException]) -> None:
    """Whatever aiohttp raises on its way to the server becomes Unreachable, and none of its text is kept."""
    error = kind.__new__(kind)
    if isinstance(error, aiohttp.ClientResponseError):
        error.request_info, error.history, error.status, error.message = None, (), 0, "old-access"  # type: ignore[assignment]
    trace = aiohttp.TraceConfig()

    async def fail(*_: object) -> None:
        raise error

    trace.on_request_start.append(fail)
    open_session = partial(aiohttp.ClientSession, trace_configs=[trace])
    transport = AiohttpTransport(api_url="http://127.0.0.1:9", id_url="http://127.0.0.1:9", open_session=open_session)
    with pytest.raises(Unreachable, match=rf"no answer \({kind.__name__}\)") as caught:
        await transport.send(GET_ADDON)
    await transport.close()

    assert error is caught.value.__cause__


async def test_after_close_nothing_is_sent() -> None:
    """The service is stopping: the step that asked is tried again after the restart."""
    transport = AiohttpTransport(api_url="http://127.0.0.1:9", id_url="http://127.0.0.1:9")
    client = make_client(transport)
    await client.close()
    await client.close()

    with pytest.raises(Unreachable, match="the service is stopping"):
        await client.send(ONE, GET_ADDON)


async def test_first_requests_that_come_together_share_a_session() -> None:
    """Each waits for what all of them need, and none opens what would not be closed."""
    sessions: list[aiohttp.ClientSession] = []

    def open_session(**options: Any) -> aiohttp.ClientSession:
        sessions.append(aiohttp.ClientSession(**options))
        return sessions[-1]

    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as server:
        transport = AiohttpTransport(api_url=server.url, id_url=server.url, open_session=open_session)
        answers = await asyncio.gather(*(transport.send(GET_ADDON) for _ in range(3)))
        await transport.close()

    assert [200, 200, 200] == [answer.status for answer in answers]
    assert [True] == [session.closed for session in sessions]


async def test_one_transport_serves_two_event_loops() -> None:
    """The web server and the worker each have a loop; closing closes the sessions of both."""
    sessions: list[aiohttp.ClientSession] = []

    def open_session(**options: Any) -> aiohttp.ClientSession:
        sessions.append(aiohttp.ClientSession(**options))
        return sessions[-1]

    other = asyncio.new_event_loop()
    thread = Thread(target=other.run_forever)
    thread.start()
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as server:
        transport = AiohttpTransport(api_url=server.url, id_url=server.url, open_session=open_session)
        here = await transport.send(GET_ADDON)
        there = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(transport.send(GET_ADDON), other))
        await transport.close()

    other.call_soon_threadsafe(other.stop)
    await asyncio.to_thread(thread.join)
    other.close()
    assert (200, 200) == (here.status, there.status)
    assert [True, True] == [session.closed for session in sessions]


@dataclass
class Server:
    """What a tiny server was sent, and where it listens."""

    url: str
    heard: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[Server]:
    """Answer every connection's first request with these bytes, and hang up."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
        body = await reader.readexactly(int(length.partition(b":")[2]))
        server.heard.append(head + body)
        writer.write(answer)
        writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    server = Server(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    async with listener:
        yield server


def _make_grant(left: timedelta) -> Grant:
    return Grant(code=Secret("the-grant-code"), expires_at=NOON + left)


def _json(**body: object) -> bytes:
    return json.dumps(body).encode()


def _assert_shows_no_secret(error: BaseException) -> None:
    shown = "".join([str(error), repr(error), *traceback.format_exception(error)])
    for secret in ("old-access", "new-access", "the-refresh-token", CLIENT_SECRET):
        assert secret not in shown
