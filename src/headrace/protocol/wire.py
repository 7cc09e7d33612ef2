"""Requests and responses as values; the client, the emulator and the tests all speak in these."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from headrace.errors import HeadraceError, Malformed

T = TypeVar("T")

# More digits than any count, size or time of Heroku's has; so many fit into every database's integers.
MOST_DIGITS = 9
# Many times what Heroku's names have; so long ones still fit into PostgreSQL's indexes, whatever their letters.
LONGEST_NAME = 255
# Moments outside cannot be moved to another time zone, or make a fleet's history of thousands of years.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
# What stands in a path as it is: ids do, and most names.
PLAIN = re.compile(r"[A-Za-z0-9_~-]+", re.ASCII)


class Host(StrEnum):
    """Which of Heroku's hosts a request goes to (contract §0.3)."""

    API = "api"
    ID = "id"


# Structs, because every request makes several of them: a frozen dataclass takes ten times as long to make.
class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request of ours. `endpoint` is the path with its placeholders, for metrics.

    Neither `repr` nor `str` shows the body or the headers: an exchange carries the client secret.
    """

    method: str
    path: str
    endpoint: str
    host: Host = Host.API
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def __repr__(self) -> str:
        return f"Request({self})"

    def with_header(self, name: str, value: str) -> "Request":
        """Return the same request with one more header, or with another value of it."""
        return msgspec.structs.replace(self, headers={**self.headers, name: value})


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP response; header names are lower case. Only the status shows: the rest may hold secrets."""

    status: int
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Response(status={self.status})"


class Unreadable(HeadraceError, ValueError):
    """A text is not JSON of the wanted shape; says where it is wrong, never what it says."""


def decode_json(text: bytes | str, shape: type[T]) -> T:
    """Return JSON as a value of a shape, or raise Unreadable, whatever the text is."""
    try:
        value: T = _DECODERS[shape].decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Unreadable(str(error)) from None
    return value


class _Decoders(dict[Any, msgspec.json.Decoder[Any]]):
    """By shape, each made once: to make one takes as long as to read an answer."""

    def __missing__(self, shape: Any) -> msgspec.json.Decoder[Any]:
        return self.setdefault(shape, msgspec.json.Decoder(shape))


_DECODERS = _Decoders()


def read_number(text: str | None, *, most_digits: int = MOST_DIGITS) -> int | None:
    """Return the whole number that a header or a query holds, or None when it holds none that makes sense."""
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > most_digits:
        return None
    return int(text)


def find_flaw(text: str, *, longest: int | None = None) -> str:
    """Say why a text cannot be stored; nothing, when it can. PostgreSQL stores no NUL."""
    if "\0" in text:
        return "holds a NUL character"
    return f"is longer than {longest} characters" if longest is not None and len(text) > longest else ""


def is_storable(moment: datetime) -> bool:
    """Whether a moment with a time zone is one that a database, and arithmetic, can deal with."""
    return EARLIEST <= moment < LATEST


def build_path(template: str, *parts: str) -> str:
    """Fill each `{}` of a path with a percent-encoded part, so that no name can leave its segment.

    Raises:
        Malformed: a part is `.` or `..`, which stays a step up or down however it is encoded.
    """
    return template.format(*map(_spell_part, parts))


def _spell_part(part: str) -> str:
    if PLAIN.fullmatch(part):
        return part
    if part in (".", ".."):
        raise Malformed(f"{part} is no name or id.", field="path")
    return quote(part, safe="")
