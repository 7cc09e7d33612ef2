"""What went over the wire in both directions, with every secret masked."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from headrace.emulator.kit.faults import Direction

RawHeaders = Sequence[tuple[bytes, bytes]]

MASK = "•••"
# Credentials in a URL, and what names a log drain: its token or its URL.
USER_INFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
# What stands behind the question mark of an address that somebody is called at.
URL_QUERY = re.compile(r"(?<=\?)[^#\s]+")
DRAIN_KEY = re.compile(r"(?<=/log-drains/)(?![0-9a-f-]{36}$).+")
KEPT_COUNT = 1000
# A form of more is no form of Heroku's or a partner's.
MOST_FIELDS = 100
SECRET_MEMBERS = frozenset(
    {
        "access_token",
        "authorization",
        "client_secret",
        "code",
        "log_drain_token",
        "log_input_url",
        "password",
        "refresh_token",
        "resource_token",
        "secret",
        "sso_salt",
        "token",
        "user_scoped_resource_token",
    }
)


class _Refusal(msgspec.Struct, frozen=True):
    detail: str = ""


class Exchange(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One request and its answer. `status` is None when no answer came, `path` carries no query.

    `request` and `response` are masked text; what is raw is for those in this process who verify it.
    `fault` says what went wrong on purpose. `addon_id` names the add-on whose grant or token Heroku was shown.
    """

    direction: Direction
    method: str
    path: str
    status: int | None
    at: datetime
    ms: float
    fault: str = ""
    addon_id: str = ""
    raw_request: bytes = b""
    raw_response: bytes = b""
    raw_request_headers: RawHeaders = ()
    raw_response_headers: RawHeaders = ()

    @cached_property
    def request(self) -> str:
        return mask_body(self.raw_request, is_config=self._is_config)

    @cached_property
    def response(self) -> str:
        return mask_body(self.raw_response, is_config=self._is_config and (self.status or 0) < 400)

    @property
    def _is_config(self) -> bool:
        return self.path.endswith("/config-vars")

    @property
    def has_failed(self) -> bool:
        """Whether it got an error, or no answer at all."""
        return self.status is None or self.status >= 400

    @property
    def detail(self) -> str:
        """Why Heroku took a provider's answer for none, where this is the answer to the customer about it."""
        if not self.has_failed or b'"detail"' not in self.raw_response:
            return ""
        try:
            return msgspec.json.decode(self.raw_response, type=_Refusal).detail
        except msgspec.MsgspecError:
            return ""

    def __str__(self) -> str:
        line = f"{self.direction:10}  {self.method:6} {self.path}  {self.status or 'no answer'}  {self.ms:.0f} ms"
        return "  ".join([line, *(f"({why})" for why in (self.fault, self.detail) if why)])

    def __repr__(self) -> str:
        """Without what is raw, in which secrets are."""
        return f"Exchange({self})"


class Traffic(deque[Exchange]):
    """The latest exchanges, oldest first; each of the `listeners` is called with each."""

    def __init__(self, listen: Callable[[Exchange], None] | None = None) -> None:
        super().__init__(maxlen=KEPT_COUNT)
        self.listeners = [listen] if listen else []
        self.recorded_count = 0

    def record(self, exchange: Exchange) -> None:
        """Keep an exchange and tell the listeners of it."""
        self.append(exchange)
        self.recorded_count += 1
        for listener in self.listeners:
            listener(exchange)

    def numbered(self) -> Iterable[tuple[int, Exchange]]:
        """Return what is kept with its number: the first exchange ever was number 1."""
        return enumerate(self, start=self.recorded_count - len(self) + 1)


def mask_path(path: str) -> str:
    """Return a path without the token or the URL that may name a log drain."""
    return DRAIN_KEY.sub(MASK, path) if "/log-drains/" in path else path


def mask_body(body: bytes, *, is_config: bool) -> str:
    """Return a body as text without its secrets; one that is neither JSON nor a form is only counted.

    Of config vars every value counts as a secret.
    """
    if not body:
        return ""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _mask_form(body)
    if is_config and isinstance(value, dict):
        value = dict.fromkeys(value, MASK)
    return msgspec.json.encode(_mask(value)).decode()


def _mask_form(body: bytes) -> str:
    try:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        pairs = []
    if not pairs or b"<" in body:
        return f"({len(body)} bytes)"
    masked = urlencode([(name, _mask_member(name, value)) for name, value in pairs])
    return masked.replace(quote(MASK), MASK)


def _mask(value: Any) -> Any:
    if isinstance(value, str):
        return USER_INFO.sub(MASK, value)
    if isinstance(value, list):
        return [_mask(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _mask_member(name, member) for name, member in value.items()}


def _mask_member(name: str, member: Any) -> Any:
    """A `config` object is all secrets, as are the values of a list of config vars."""
    if name == "config" and isinstance(member, dict):
        return dict.fromkeys(member, MASK)
    if (name in SECRET_MEMBERS or name == "value") and isinstance(member, str):
        return MASK
    if name == "url" and isinstance(member, str):
        # Of a webhook or a drain: its receiver's token or key may stand there.
        return _mask(URL_QUERY.sub(MASK, member))
    return _mask(member)
