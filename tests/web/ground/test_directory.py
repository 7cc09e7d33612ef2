"""Routes that are found at once are those that a router would find."""

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import Scope

from headrace.web.ground.directory import Directory


async def answer(_request: Request) -> Response:
    return PlainTextResponse("")


def build_route(path: str, method: str) -> Route:
    return Route(path, answer, methods=[method], name=f"{method} {path}")


ROUTES = [
    build_route("/board", "GET"),
    build_route("/board", "POST"),
    build_route("/board/{id}", "GET"),
    build_route("/board/links", "GET"),
    build_route("/board/links/new", "GET"),
]


async def find(routes: list[BaseRoute], method: str, path: str) -> str:
    """Return the name of the route that a router finds, or the status that it answers."""
    scope: Scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    statuses = []

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await Router(routes)(scope, receive, send)  # type: ignore[arg-type]
    return scope["route"].name if [200] == statuses else str(statuses[0])


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE"])
@pytest.mark.parametrize("path", ["/board", "/board/links", "/board/links/new", "/board/7", "/", "/nothing", ""])
async def test_a_directory_changes_nothing_of_what_is_found(method: str, path: str) -> None:
    """Neither which route it is, where one with parameters comes before, nor what is told where there is none."""
    assert await find([*ROUTES], method, path) == await find([Directory(ROUTES), *ROUTES], method, path)


def test_what_has_a_plain_path_is_found_in_the_directory() -> None:
    """Whatever else there is; what a route with parameters takes first is left to the router."""
    directory = Directory(ROUTES)
    paths = ("/board", "/board/links", "/board/links/new", "/board/7")
    scopes = [{"type": "http", "method": "GET", "path": path} for path in paths]

    assert [Match.FULL, Match.NONE, Match.FULL, Match.NONE] == [directory.matches(scope)[0] for scope in scopes]
