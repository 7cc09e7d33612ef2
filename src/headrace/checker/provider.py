"""The provider under check, as Heroku reaches it: one request, and its answer or the reason why none came."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec

from headrace.checker.showing import cut, show_body
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
    body: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        words = [f"{self.method} {self.url}", *([f"({self.about})"] if self.about else [])]
        return "  ".join([*words, *([show_body(self.body)] if self.body else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the provider answered. `status` is None when no answer came, and `problem` says why.

    `shown` is the body as people may see it, without secrets and cut.
    """

    sent: Sent
    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    shown: str = ""
    seconds: float = 0.0
    problem: str = ""

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

    def __str__(self) -> str:
        if self.status is None:
            return self.problem
        return f"{self.status}  {self.shown}" if self.shown else f"{self.status} without a body"


class Provider:
    """Sends requests to `base_url` and `sso_url` of a manifest; `patience` is how many seconds each may take."""

    def __init__(self, manifest: Manifest, *, patience: float) -> None:
        self.manifest = manifest
        self.patience = patience
        self.credentials = Credentials(
            words="the manifest's credentials", header=build_basic_auth(manifest.id, manifest.password)
        )
        self._secrets = (manifest.password, manifest.sso_salt)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=patience), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def call(
        self,
        method: str,
        path: str = "",
        *,
        body: bytes = b"",
        content_type: str = "application/json",
        credentials: Credentials | None = None,
    ) -> Answer:
        """Call the Partner API as Heroku does; `path` follows `base_url`."""
        shown = credentials or self.credentials
        headers = {"Accept": ACCEPT, "Content-Type": content_type}
        if shown.header is not None:
            headers["Authorization"] = shown.header
        about = shown.words if credentials else ("" if content_type == "application/json" else content_type)
        sent = Sent(method=method, url=self.manifest.base_url.rstrip("/") + path, about=about, body=body)
        return await self._send(sent, headers)

    async def log_in(self, form: Mapping[str, str]) -> Answer:
        """Post a login form as the customer's browser does: without Basic credentials."""
        body = urlencode(form).encode()
        sent = Sent(method="POST", url=self.manifest.sso_url, body=body)
        return await self._send(sent, {"Content-Type": "application/x-www-form-urlencoded"})

    async def find_problem(self) -> str:
        """Tell why nobody answers at `base_url`, or nothing when somebody does, with whatever status."""
        answer = await self._send(Sent(method="GET", url=self.manifest.base_url), {})
        return answer.problem

    async def close(self) -> None:
        await self._session.close()

    async def _send(self, sent: Sent, headers: Mapping[str, str]) -> Answer:
        began = time.perf_counter()
        try:
            async with self._session.request(
                sent.method,
                sent.url,
                headers=headers,
                data=BytesIO(sent.body) if sent.body else None,
                allow_redirects=False,
            ) as response:
                body = await response.content.read(ANSWER_LIMIT)
                while not response.content.at_eof() and len(body) < ANSWER_LIMIT:
                    body += await response.content.read(ANSWER_LIMIT - len(body))
        except TimeoutError:
            return Answer(
                sent=sent, status=None, seconds=self.patience, problem=f"no answer within {self.patience:g} s"
            )
        except aiohttp.ClientError as error:
            return Answer(
                sent=sent, status=None, seconds=time.perf_counter() - began, problem=f"no answer: {cut(str(error))}"
            )
        return Answer(
            sent=sent,
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=body,
            shown=show_body(body, self._secrets),
            seconds=time.perf_counter() - began,
        )

    async def call_together(self, count: int, method: str, path: str = "", *, body: bytes = b"") -> list[Answer]:
        """Make the identical call several times at once."""
        return list(await asyncio.gather(*(self.call(method, path, body=body) for _ in range(count))))
