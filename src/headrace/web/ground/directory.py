"""The routes with a plain path, found by it at once: a router tries one route after the other."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from headrace.web.ground.addresses import cut

# Where a scope has the route that was found, as Starlette has it.
FOUND = "route"


class Directory(BaseRoute):
    """Finds what a router would find; what has parameters in its path it leaves to the router."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._found: dict[tuple[str, str], Route] = {}
        varied: list[Route] = []
        for route in routes:
            if not isinstance(route, Route):
                continue
            if route.param_convertors:
                varied.append(route)
            elif not any(other.path_regex.match(route.path) for other in varied):
                for method in route.methods or ():
                    self._found.setdefault((route.path, method), route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http":
            path = cut(scope["path"], scope.get("root_path", ""))
            if route := self._found.get((path, scope["method"])):
                outer = dict(scope.get("path_params", {}))
                return Match.FULL, {"endpoint": route.endpoint, "path_params": outer, FOUND: route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope[FOUND].handle(scope, receive, send)
