"""Where a request comes from, as far as a browser and the way here tell."""

from functools import lru_cache

from starlette.requests import HTTPConnection

from headrace.protocol.manifest import is_loopback


def is_secure(request: HTTPConnection) -> bool:
    """Whether the browser is on https. Any address but this machine's counts as such, whatever the proxy says."""
    return request.scope["scheme"] == "https" or not _is_on_this_machine(request.headers.get("host"))


@lru_cache(maxsize=64)  # every answer asks, and hosts are few
def _is_on_this_machine(host: str | None) -> bool:
    return host is not None and is_loopback(f"http://{host}")


def is_same_origin(request: HTTPConnection) -> bool:
    """Whether a form was sent from a page of ours; a client that says neither is no browser."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host")
