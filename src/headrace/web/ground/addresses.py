"""Where a service is on its host, and how answers name its addresses there.

Handlers and templates write addresses as if the service had its host to itself, `/board` say. What stands before them
on a host that is shared, the prefix, is put there when an answer is sent: by then the request tells it.
"""

import re

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import Receive, Scope, Send

# Of letters that mean nothing in HTML, in a cookie or in an address, and with no slash at its end.
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")
# What is escaped has no quotation mark, so that a person's own text is never taken for an attribute.
_LINKED = re.compile(rb'(\s(?:href|src|action)=")(/(?!/))')


class Page(HTMLResponse):
    """A page whose links lead to where the service is."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if root := scope.get("root_path", ""):
            self.body = _LINKED.sub(rb"\g<1>" + root.encode() + rb"\2", bytes(self.body))
            self.headers["content-length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


class Redirect(RedirectResponse):
    """A redirect to an address of the service."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers["location"] = scope.get("root_path", "") + self.headers["location"]
        await super().__call__(scope, receive, send)


def find_prefix(request: Request) -> str:
    """Return where the service is on its host: `/addon`, or nothing where it has its host to itself."""
    return str(request.scope.get("root_path", ""))


def find_path(request: Request) -> str:
    """Return the address that was asked for, as a handler writes it."""
    return cut(request.scope["path"], find_prefix(request))


def find_inside(scope: Scope, prefix: str) -> str | None:
    """Return what was asked for of a service that is at a prefix; None where its host says that it is elsewhere.

    A host may leave the prefix in the path and name it, as ASGI has it; leave it there and not name it; or cut it off,
    wholly or in part, as a proxy does.
    """
    root, path = scope.get("root_path", "").rstrip("/"), scope["path"]
    if not (prefix.startswith(root) or prefix.endswith(root)):
        return None
    whole = path if is_below(path, root) else root + path
    return cut(whole, prefix) if is_below(whole, prefix) else cut(path, root)


def is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def cut(path: str, prefix: str) -> str:
    """Return a path without the prefix that it may have; `/` is what is left of the prefix alone."""
    return (path[len(prefix) :] or "/") if is_below(path, prefix) else path
