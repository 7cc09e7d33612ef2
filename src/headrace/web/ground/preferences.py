"""What a request prefers of its answer (RFC 7240): that it is brief, or waits for news."""

from collections.abc import Mapping
from functools import lru_cache

from starlette.requests import Request

MINIMAL = "return=minimal"


def asks_briefly(request: Request) -> bool:
    """Whether somebody wants to be told first only that there is something new (4.2)."""
    return _read(request).get("return") == "minimal"


def read_wait(request: Request) -> int:
    """Return for how many seconds somebody wants to wait for something new (4.3); what is no number is none."""
    wait = _read(request).get("wait", "")
    return int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 10 else 0


def _read(request: Request) -> Mapping[str, str]:
    return _parse(", ".join(request.headers.getlist("prefer")))


# Nearly all requests have one of a few.
@lru_cache(maxsize=256)
def _parse(text: str) -> Mapping[str, str]:
    """Return the value of each preference, without its parameters; of two of a name the first counts."""
    preferences: dict[str, str] = {}
    for part in text.split(","):
        name, _, value = part.split(";")[0].partition("=")
        preferences.setdefault(name.strip().lower(), value.strip().strip('"'))
    return preferences
