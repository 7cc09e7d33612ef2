"""The async client of the Platform API: sends what `protocol` builds, with the token of the resource it is about.

The transport is the one seam: a test swaps it and patches nothing. The usual one is in `headrace.transport`.
"""

import asyncio
from collections.abc import Callable, Generator, Iterable, Sequence
from datetime import datetime, timedelta
from time import perf_counter
from typing import Protocol, TypeVar
from urllib.parse import quote
from weakref import WeakValueDictionary

import msgspec

from headrace.clock import Clock
from headrace.errors import GrantError, RateLimited, UnexpectedAnswer
from headrace.models import Grant, Secret, Token
from headrace.protocol.oauth import TokenChain, build_backfill, exchange, read_backfill, refresh
from headrace.protocol.platform import raise_for_status, read_date, read_rate_remaining
from headrace.protocol.wire import Request, Response
from headrace.telemetry.context import about
from headrace.telemetry.tracing import span

T = TypeVar("T")

# A token is refreshed this long before it dies, so that no request is sent with one about to.
REFRESH_MARGIN = timedelta(minutes=5)
# How often somebody who waits for another process to refresh a token looks whether it has.
CLAIM_POLL_SECONDS = 0.05
# Who was not asked within this long is not known to be silent.
ASKED_LATELY = timedelta(minutes=2)
MASK = str(Secret("")).encode()
# The last requests of a token's pool of 4,500 are kept for asking who may see an app: nobody may use a pool up and so
# have that question not answered.
KEPT_FOR_ACCESS = 50
# Then whatever else would be sent is held off for so long, in which 75 come back (contract §9).
HELD_OFF = timedelta(minutes=1)

Observe = Callable[[Request, Response | None, float], None]


class Transport(Protocol):
    """Sends one request and returns its response, or raises Unreachable."""

    async def send(self, request: Request) -> Response: ...

    async def close(self) -> None: ...


class TokenKeeper(Protocol):
    """Where tokens live between requests: the store, for a running service."""

    async def find_token(self, uuid: str) -> Token | None: ...

    async def save_token(self, uuid: str, token: Token) -> None: ...

    async def claim_refresh(self, uuid: str, stale: Token) -> bool:
        """Claim the right to refresh this very token, for as long as a refresh may take."""
        ...

    async def release_refresh(self, uuid: str) -> None: ...


class HerokuClient:
    """Speaks to Heroku for many resources, each with its own token.

    `observe` is told of every request: its answer (None when none came) and how many seconds it took.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        tokens: TokenKeeper,
        client_secrets: Sequence[Secret],
        clock: Clock,
        observe: Observe = lambda _request, _response, _seconds: None,
    ) -> None:
        self._transport = transport
        self._tokens = tokens
        self._client_secrets = client_secrets
        # The place of the one that Heroku last took.
        self._right_secret: int | None = None
        self._clock = clock
        self._observe = observe
        # By resource, until when its token is kept for asking who may see its app.
        self._kept_until: dict[str, datetime] = {}
        # Heroku's last answer that could tell the time, and our clock then.
        self._last_answer: tuple[Response, datetime] | None = None
        # When Heroku first failed to answer since then, and when it last did.
        self._failures: tuple[datetime, datetime] | None = None
        self._answered_at: datetime | None = None
        self._refreshing: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

    async def exchange(self, grant: Grant) -> Token:
        """Exchange a grant for a token. Whether the grant is still good is for Heroku to say: our clock may be wrong.

        Raises:
            GrantError: Heroku does not take the grant.
            ClientSecretRejected: it does not take the client secret, or may not.
            PlatformError: Heroku could not be asked.
        """
        chain = exchange(grant, client_secrets=self._client_secrets, now=self._clock())
        return await self._ask_for_token(chain, grant.code)

    async def find_right_secret(self, uuid: str) -> int | None:
        """Refresh a resource's token, and return the place of the client secret that Heroku took for it.

        None: another process has refreshed it meanwhile.

        Raises:
            GrantError: the resource has no token.
            TokenRejected: Heroku takes the token with none of the client secrets.
            PlatformError: it could not be asked.
        """
        self._right_secret = None
        await self._refresh(uuid, await self._find_token(uuid))
        return self._right_secret

    async def ask_for_grant(self, uuid: str, *, slug: str, passwords: Sequence[Secret]) -> Grant | None:
        """Ask for a fresh grant in place of one that was lost; None when Heroku gives none (contract §2.4).

        While a password is rotated, Heroku has one of two.

        Raises:
            PlatformError: Heroku could not be asked.
        """
        for password in passwords:
            request = build_backfill(uuid, slug=slug, password=password)
            if grant := read_backfill(await self._send(request, password), request):
                return grant
        return None

    async def drive(
        self,
        uuid: str,
        chain: Generator[Request, Response, T],
        *,
        token: Token | None = None,
        may_use_kept: bool = False,
    ) -> T:
        """Run a chain of requests to its end with the token of one resource, as `send` does; return what it found.

        `may_use_kept` is for asking who may see an app, for which the last of the token's pool is kept.
        """
        try:
            request = next(chain)
            while True:
                response, token = await self._send_with(uuid, request, token, may_use_kept=may_use_kept)
                request = chain.send(response)
        except StopIteration as end:
            value: T = end.value
            return value

    async def call(self, uuid: str, request: Request, *, token: Token | None = None) -> Response:
        """Send one request with the token of a resource, as `send` does; raise the error that its status means."""
        response = await self.send(uuid, request, token=token)
        raise_for_status(response, request)
        return response

    async def send(
        self, uuid: str, request: Request, *, token: Token | None = None, may_use_kept: bool = False
    ) -> Response:
        """Send one request with the token of a resource, refreshed ahead of its end or once on a 401.

        `token` is the one that is stored, from a caller who has read it already.

        Raises:
            GrantError: the resource has no token.
            RateLimited: what is left of its pool is kept for asking who may see its app.
            TokenRejected: Heroku accepts neither the token nor a refresh.
            PlatformError: no answer came, or none that had an access token.
        """
        response, _ = await self._send_with(uuid, request, token, may_use_kept=may_use_kept)
        return response

    async def _send_with(
        self, uuid: str, request: Request, token: Token | None, *, may_use_kept: bool
    ) -> tuple[Response, Token]:
        """Do the same, and return the token with which it was answered: of a chain it is read once."""
        if not may_use_kept:
            self._require_pool(uuid, request)
        token = token or await self._find_token(uuid)
        with about(resource=uuid):
            if token.expires_within(REFRESH_MARGIN, now=self._clock()):
                token = await self._refresh(uuid, token)
            response = await self._send(_authorize(request, token), token.access, token.refresh)
            if response.status == 401:
                token = await self._refresh(uuid, token)
                response = await self._send(_authorize(request, token), token.access, token.refresh)
        self._note_pool(uuid, response)
        return response, token

    async def ask(self, request: Request) -> Response:
        """Send one request as nobody.

        Raises:
            Unreachable: no answer came.
        """
        return await self._send(request)

    def measure_ahead(self) -> float | None:
        """Return by how many seconds our clock was ahead of Heroku's at its last answer; None where it did not tell."""
        if self._last_answer is None:
            return None
        response, at = self._last_answer
        date = read_date(response)
        return None if date is None else (at - date).total_seconds()

    def measure_last_answer(self) -> timedelta | None:
        """Return how long ago Heroku last answered; None where it never did. 5xx is no answer."""
        return None if self._answered_at is None else self._clock() - self._answered_at

    def measure_silence(self) -> timedelta | None:
        """Return for how long Heroku has answered none of our requests; None where it answers, or was not asked lately.

        A refusal is an answer; 5xx is none.
        """
        if self._failures is None:
            return None
        first, last = self._failures
        now = self._clock()
        return now - first if now - last < ASKED_LATELY else None

    async def close(self) -> None:
        await self._transport.close()

    def _require_pool(self, uuid: str, request: Request) -> None:
        until = self._kept_until.get(uuid)
        if until is None:
            return
        if until > (now := self._clock()):
            message = "not sent: the rest of the token's rate pool is kept for asking who may see the app"
            raise RateLimited(message, request=str(request), retry_after=until - now)
        del self._kept_until[uuid]

    def _note_pool(self, uuid: str, response: Response) -> None:
        # Of an empty pool Heroku itself says when to come again.
        remaining = read_rate_remaining(response)
        if remaining is not None and remaining < KEPT_FOR_ACCESS and response.status != 429:
            self._kept_until[uuid] = self._clock() + HELD_OFF

    async def _find_token(self, uuid: str) -> Token:
        if (token := await self._tokens.find_token(uuid)) is None:
            raise GrantError(f"Resource {uuid} has no token: its grant was never exchanged.", reason="missing")
        return token

    async def _refresh(self, uuid: str, stale: Token) -> Token:
        """Refresh a token once, however many ask: whoever waited finds the new one stored."""
        async with self._lock(uuid):
            # The lock holds off this event loop, the claim every other one and every other process.
            while not await self._tokens.claim_refresh(uuid, stale):
                token = await self._find_token(uuid)
                if token != stale:
                    return token
                await asyncio.sleep(CLAIM_POLL_SECONDS)
            try:
                chain = refresh(stale, client_secrets=self._client_secrets, now=self._clock())
                fresh = await self._ask_for_token(chain, stale.access, stale.refresh)
                await self._tokens.save_token(uuid, fresh)
            finally:
                await self._tokens.release_refresh(uuid)
            if not fresh.access.reveal():
                message = "the answer had a refresh token and no access token; the next request refreshes with it"
                raise UnexpectedAnswer(message, request="POST /oauth/token", status=200)
            return fresh

    async def _ask_for_token(self, chain: TokenChain, *secrets: Secret) -> Token:
        try:
            request = next(chain)
            while True:
                request = chain.send(await self._send(request, *secrets))
        except StopIteration as end:
            found: tuple[Token, int] = end.value
            token, self._right_secret = found
            return token

    def _lock(self, uuid: str) -> asyncio.Lock:
        # A lock belongs to one event loop; the worker and the web server each have their own.
        key = (id(asyncio.get_running_loop()), uuid)
        return self._refreshing.setdefault(key, asyncio.Lock())

    async def _send(self, request: Request, *secrets: Secret) -> Response:
        """Send one request. An answer that becomes an error's text holds none of the secrets that it was sent with."""
        started = perf_counter()
        response: Response | None = None
        try:
            name = f"{request.method} {request.endpoint}"
            with span(name, kind="CLIENT", http_request_method=request.method) as traced:
                response = await self._transport.send(request)
                traced.tell({"http.response.status_code": response.status})
            return (response := _redact(response, self._client_secrets, secrets))
        finally:
            self._note_answer(response)
            self._observe(request, response, perf_counter() - started)

    def _note_answer(self, response: Response | None) -> None:
        now = self._clock()
        if response is not None:
            self._last_answer = (response, now)
        if response is not None and response.status < 500:
            self._failures, self._answered_at = None, now
        else:
            self._failures = (self._failures[0] if self._failures else now, now)


def _redact(response: Response, *secrets: Iterable[Secret]) -> Response:
    """Mask secrets that an error repeats: its message is logged and printed. A success may hold a token that is new."""
    if 200 <= response.status < 300 or not response.body:
        return response
    body = response.body
    for text in filter(None, (secret.reveal() for some in secrets for secret in some)):
        for spelt in (text, quote(text, safe="")):
            body = body.replace(spelt.encode(), MASK)
    return msgspec.structs.replace(response, body=body)


def _authorize(request: Request, token: Token) -> Request:
    return request.with_header("Authorization", f"Bearer {token.access.reveal()}")
