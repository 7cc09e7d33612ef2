"""Requests and responses as values; the client, the emulator and the tests all speak in these."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import quote


class Host(StrEnum):
    """Which of Heroku's hosts a request goes to (contract §0.3)."""

    API = "api"
    ID = "id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request of ours. `endpoint` is the path with its placeholders, for metrics.

    Neither `repr` nor `str` shows the body or the headers: an exchange carries the client secret.
    """

    method: str
    path: str
    endpoint: str
    host: Host = Host.API
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def with_headers(self, **headers: str) -> "Request":
        """Return the same request with more headers; `If_None_Match` stands for `If-None-Match`."""
        return replace(self, headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP response; header names are lower case. The body stays out of `repr`: it may hold tokens."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


def build_path(template: str, *parts: str) -> str:
    """Fill each `{}` of a path with a percent-encoded part, so that no name can leave its segment."""
    return template.format(*(quote(part, safe="") for part in parts))
