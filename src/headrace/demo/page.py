"""The demo's own page: links to everything, and a button for each step of the tour."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from headrace.demo.past import WEEKS
from headrace.demo.steps import Places
from headrace.demo.tour import Tour
from headrace.errors import Rejected
from headrace.web.ground.app import SECURITY_HEADERS
from headrace.web.ground.bodies import read_own_form
from headrace.web.ground.csrf import make_csrf, mask_csrf

# Another name that is pointed at this machine is somebody else's page.
HOSTS = ("127.0.0.1", "localhost")
# A page on which a step is playing is loaded again, so that it tells how the step has ended.
LOOKS_EVERY_SECONDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TourPage:
    """The page, its tour, and what it says of the demo: how many resources are there, and how many came and went."""

    tour: Tour
    places: Places
    secret: str
    resources: int
    gone: int
    has_keys: bool
    csrf: str = field(default_factory=make_csrf)

    def asgi(self) -> Starlette:
        """Return the app; it is for this machine only."""
        routes: Sequence[Route | Mount] = (
            Route("/", self.show),
            Route("/steps/{key}", self.play, methods=["POST"]),
            Mount("/static", StaticFiles(packages=[("headrace", "static")])),
        )
        return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)])

    async def show(self, _request: Request) -> Response:
        html = _load_template().render(
            steps=self.tour.steps,
            told=self.tour.told,
            playing=self.tour.playing,
            places=self.places,
            secret=self.secret,
            resources=self.resources,
            gone=self.gone,
            weeks=WEEKS,
            has_keys=self.has_keys,
            csrf=mask_csrf(self.csrf),
        )
        again = {"Refresh": str(LOOKS_EVERY_SECONDS)} if self.tour.playing else {}
        return HTMLResponse(html, headers={**SECURITY_HEADERS, **again})

    async def play(self, request: Request) -> Response:
        """Begin a step, wait until it has told something, and show the page; a step that must wait is not begun."""
        key = request.path_params["key"]
        try:
            await read_own_form(request, csrf=self.csrf)
            await self.tour.begin(key)
        except Rejected as error:
            return PlainTextResponse(error.message, status_code=error.status, headers=SECURITY_HEADERS)
        except KeyError:
            return PlainTextResponse("There is no such step.", status_code=404, headers=SECURITY_HEADERS)
        return RedirectResponse(f"/#step-{key}", status_code=303, headers=SECURITY_HEADERS)


@cache
def _load_template() -> Template:
    pages = Environment(
        loader=PackageLoader("headrace.demo"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template("tour.html")
