"""The provider that is judged, as Heroku reaches it: one request, and its answer or the reason why none came."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp
import msgspec

from headrace.checker.kit.fact import NotJudged, Why
from headrace.checker.kit.presence import Presence
from headrace.checker.kit.redaction import FORM_TYPE, cut, show_body
from headrace.checker.kit.seconds import read_seconds
from headrace.emulator.kit.once import send_once
from headrace.protocol.manifest import Manifest
from headrace.protocol.partner import ACCEPT, build_basic_auth

# More than any answer of the contract; a provider that sends more is not read to its end.
ANSWER_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An Authorization header, and the words that name it where it must not be shown."""

    words: str
    header: str | None = field(repr=False)


NO_CREDENTIALS = Credentials(words="no Authorization header", header=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request to the provider. `about` says what cannot be shown of it, such as its credentials."""

    method: str
    url: str
    about: str = ""
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        words = [f"{self.method} {self.url}", *([f"({self.about})"] if self.about else [])]
        return "  ".join([*words, *([show_body(self.body, self.content_type)] if self.body else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAnswer:
    """What the provider answered. `status` is None when no answer came, and `problem` says why.

    `has_arrived` tells that the request reached somebody, `is_late` that the checker waited for the answer in vain.
    `shown` is the body as people may see it, without secrets and cut.
    """

    sent: Sent
    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    shown: str = ""
    seconds: float = 0.0
    problem: str = ""
    has_arrived: bool = True
    is_late: bool = False

    @property
    def json(self) -> dict[str, Any] | None:
        """The JSON object of the body; an empty body is an empty one, None says that it is something else."""
        try:
            value = msgspec.json.decode(self.body) if self.body else {}
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def location(self) -> str:
        """Where a redirect leads, as an absolute URL; empty for every other answer."""
        given = self.headers.get("location", "") if self.status is not None and 300 <= self.status < 400 else ""
        return urljoin(self.sent.url, given) if given else ""

    def __str__(self) -> str:
        if self.status is None:
            return self.problem
        status = f"{self.status} to {_show_address(self.location)}" if self.location else str(self.status)
        if self.shown:
            return f"{status}  {self.shown}"
        return status if self.location else f"{status} without a body"


class Provider:
    """Sends requests to `base_url` and `sso_url` of a manifest; `patience` is how many seconds each may take.

    A provider that has ended is asked nothing any more: whoever wants to, is told that it has.
    """

    def __init__(self, manifest: Manifest, *, patience: float, grace: float) -> None:
        """`grace` is how many seconds a provider may be away that is started again when it has ended."""
        self.manifest = manifest
        self.patience = patience
        self.presence = Presence(manifest.base_url, grace=grace)
        self.credentials = Credentials(
            words="the manifest's credentials", header=build_basic_auth(manifest.id, manifest.password)
        )
        self._secrets = (manifest.password, manifest.sso_salt)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=patience),
            cookie_jar=aiohttp.DummyCookieJar(),
            # A connection that the provider has let go meanwhile would look like a call without an answer.
            connector=aiohttp.TCPConnector(force_close=True),
        )

    async def call(
        self,
        method: str,
        path: str = "",
        *,
        body: bytes = b"",
        content_type: str = "application/json",
        credentials: Credentials | None = None,
    ) -> ProviderAnswer:
        """Call the Partner API as Heroku does; `path` follows `base_url`."""
        shown = credentials or self.credentials
        headers = {"Accept": ACCEPT}
        if shown.header is not None:
            headers["Authorization"] = shown.header
        about = shown.words if credentials else ("" if content_type == "application/json" else content_type)
        url = self.manifest.base_url + path
        sent = Sent(method=method, url=url, about=about, content_type=content_type, body=body)
        return await self._send(sent, headers)

    async def log_in(self, form: Mapping[str, str]) -> ProviderAnswer:
        """Post a login form as the customer's browser does: without Basic credentials."""
        body = urlencode(form).encode()
        sent = Sent(method="POST", url=self.manifest.sso_url, content_type=FORM_TYPE, body=body)
        return await self._send(sent, {})

    async def open(self, url: str, cookies: Mapping[str, str]) -> ProviderAnswer:
        """Open a page as the customer's browser does that was sent there."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
        return await self._send(Sent(method="GET", url=url, about="as the browser goes on"), headers)

    async def find_problem(self) -> str:
        """Tell why nobody answers at `base_url`, or nothing when somebody does, with whatever status."""
        return (await self._exchange(Sent(method="GET", url=self.manifest.base_url), {})).problem

    async def require_presence(self) -> None:
        """Knock, if only now it is to be known whether somebody is there.

        Raises:
            NotJudged: the provider has ended.

        """
        await self.presence.knock()
        self.presence_or_raise()

    def presence_or_raise(self) -> None:
        if self.presence.last_words:
            raise NotJudged(Why.ENDED, self.presence.last_words)

    async def close(self) -> None:
        await self._session.close()

    async def _send(self, sent: Sent, headers: Mapping[str, str]) -> ProviderAnswer:
        self.presence_or_raise()
        answer = await self._exchange(sent, headers)
        if answer.has_arrived:
            self.presence.note(sent)
        if answer.status is not None:
            return answer
        if answer.is_late:
            self.presence.give_up(await self.find_problem())
        await self.require_presence()
        # What never arrived, because the provider was being started again, is sent to the one that is there now.
        return answer if answer.has_arrived else await self._exchange(sent, headers)

    async def _exchange(self, sent: Sent, headers: Mapping[str, str]) -> ProviderAnswer:
        began = read_seconds()
        try:
            async with self._session.request(
                sent.method,
                sent.url,
                headers={**headers, **({"Content-Type": sent.content_type} if sent.content_type else {})},
                data=BytesIO(sent.body) if sent.body else None,
                allow_redirects=False,
                middlewares=send_once(),
            ) as response:
                body = await response.content.read(ANSWER_LIMIT)
                while not response.content.at_eof() and len(body) < ANSWER_LIMIT:
                    body += await response.content.read(ANSWER_LIMIT - len(body))
        except TimeoutError:
            return ProviderAnswer(
                sent=sent,
                status=None,
                seconds=self.patience,
                problem=f"no answer within {self.patience:g} s",
                is_late=True,
            )
        except (aiohttp.ClientError, ValueError) as error:
            return ProviderAnswer(
                sent=sent,
                status=None,
                seconds=read_seconds() - began,
                problem=_explain(error),
                has_arrived=not isinstance(error, aiohttp.ClientConnectorError),
            )
        return ProviderAnswer(
            sent=sent,
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            cookies={name: morsel.value for name, morsel in response.cookies.items()},
            body=body,
            shown=show_body(body, response.content_type, self._secrets),
            seconds=read_seconds() - began,
        )


def _explain(error: Exception) -> str:
    """Tell who ended a call that has no answer."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "no answer: the provider closed the connection"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "half of an answer: the provider closed the connection before it was through"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection: {cut(str(error))}"
    if isinstance(error, aiohttp.ClientOSError):
        return "no answer: the provider closed the connection before it had read the request"
    return f"no answer: {cut(str(error))}"


def _show_address(url: str) -> str:
    """A query may hold what logs somebody in."""
    parts = urlsplit(url)
    return parts._replace(query="…" if parts.query else "", fragment="…" if parts.fragment else "").geturl()
