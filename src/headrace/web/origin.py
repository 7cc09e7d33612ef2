"""Where a request comes from, as far as a browser and the way here tell."""

from starlette.requests import HTTPConnection

from headrace.protocol.manifest import is_loopback


def is_secure(request: HTTPConnection) -> bool:
    """Whether the browser is on https. Any address but this machine's counts as such, whatever the proxy says."""
    return request.url.scheme == "https" or not is_loopback(str(request.url))


def is_same_origin(request: HTTPConnection) -> bool:
    """Whether a form was sent from a page of ours; a client that says neither is no browser."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host")
