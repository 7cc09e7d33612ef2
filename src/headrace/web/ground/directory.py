"""The routes with a plain path, found by it at once: a router tries one route after the other."""

from collections import defaultdict
from collections.abc import Sequence

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from headrace.web.ground.addresses import cut

# Where a scope has the route that was found, as Starlette has it.
FOUND = "route"


class Directory(BaseRoute):
    """Finds what a router would find; what has parameters in its path it leaves to the router."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._by_path = defaultdict[str, list[Route]](list)
        varied: list[Route] = []
        for route in routes:
            if not isinstance(route, Route):
                continue
            if route.param_convertors:
                varied.append(route)
            elif not any(other.path_regex.match(route.path) for other in varied):
                self._by_path[route.path].append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http":
            for route in self._by_path.get(cut(scope["path"], scope.get("root_path", "")), ()):
                match, found = route.matches(scope)
                if match is Match.FULL:
                    return match, {**found, FOUND: route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope[FOUND].handle(scope, receive, send)
