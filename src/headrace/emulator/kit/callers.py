"""Where a request comes from, as far as its connection and a browser's headers tell."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from headrace.emulator.kit.whole_request import WholeRequest


def comes_under_foreign_name(request: WholeRequest, url: str) -> bool:
    """Whether a name that is none of this machine's leads to its loopback, as when somebody points theirs here.

    `url` is where the emulator says that it is; a proxy in front of it hands that name on.
    """
    server, host = request.scope.get("server"), request.headers.get("host", "")
    if server is None or not is_loopback(server[0]):
        return False
    return not is_loopback(read_hostname(host)) and host != urlsplit(url).netloc


def comes_from_foreign_page(request: WholeRequest, url: str) -> bool:
    """Whether a browser makes the request for a page that is not the emulator's; programs send no such headers."""
    origin = request.headers.get("origin")
    if origin is not None and origin not in {url, f"http://{request.headers.get('host', '')}"}:
        return True
    return request.headers.get("sec-fetch-site") == "cross-site"


def follows_a_link(request: WholeRequest) -> bool:
    """Whether a browser opens the answer as a page, which the page that led here cannot read."""
    return request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate"


# Every request is asked about: the same few names again and again.
@lru_cache
def read_hostname(netloc: str) -> str:
    """Return the host of a Host header, without its port; nothing if it cannot be read."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


@lru_cache
def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
