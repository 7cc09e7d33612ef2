"""The customers' routes: single sign-on, the board, and its JSON twin."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import quote, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from headrace.client import Clock
from headrace.errors import Malformed, NotOurForm, Rejected, ResourceGone, SsoRejected, UnknownResource
from headrace.inspector.board import Board, BoardShape, PlacedResource, board_as_json, build_board
from headrace.inspector.panel import Panel
from headrace.inspector.placements import Inspector
from headrace.inspector.visibility import Visibility
from headrace.models import State
from headrace.protocol.manifest import Manifest
from headrace.protocol.partner import parse_uuid
from headrace.protocol.sso import SsoForm, verify_sso
from headrace.store.database import Database
from headrace.store.logins import claim_login
from headrace.store.resources import find_resource
from headrace.web.bodies import OwnForm, read_form, read_own_form
from headrace.web.openapi import FORM, FORM_REJECTED, DescribedRoute, Operation, Reply, Scheme, show_json, show_page
from headrace.web.pages import BackLink, render_board, render_message
from headrace.web.sessions import Session, Sessions, start_session

log = logging.getLogger(__name__)

# A placement is called stale once this many looks at it have failed to bring an answer.
MISSED_CHECKS = 3
PANEL_SECONDS = 2.0
# The least time between two pages of which only the freshness and the partner's figures differ.
RENEWED_EVERY = timedelta(minutes=1)
HEROKU_DASHBOARD = "https://dashboard.heroku.com/apps/"

LOG_IN = Operation(
    id="log_in",
    summary="Log a customer in with Heroku's signed form, which works once.",
    body=(FORM, SsoForm),
    replies=FORM_REJECTED
    | {
        303: Reply("The person is logged in: on to the board."),
        403: show_page("The form is not signed by Heroku, too old, or was used already."),
        404: show_page("There is no such resource."),
        410: show_page("The resource was deprovisioned."),
    },
)
SHOW_BOARD = Operation(
    id="show_board",
    summary="Show a customer's resources by pipeline and stage.",
    scheme=Scheme.CUSTOMER,
    replies={
        200: show_page("The board, with its version as ETag."),
        304: Reply("The board is still of the version that If-None-Match names."),
        401: show_page("There is no session, or it has ended."),
        403: show_page("This person has lost access to the app they came from."),
    },
)
SHOW_BOARD_JSON = Operation(
    id="show_board_json",
    summary="Return the same board for programs.",
    scheme=Scheme.CUSTOMER,
    replies={
        200: show_json("The board.", BoardShape),
        401: show_json("There is no session, or it has ended."),
        403: show_json("This person has lost access to the app they came from."),
    },
)
CHECK_NOW = Operation(
    id="check_now",
    summary="Ask Heroku again about everything on this person's board.",
    scheme=Scheme.CUSTOMER,
    body=(FORM, OwnForm),
    replies=FORM_REJECTED
    | {303: Reply("Heroku was asked: back to the board."), 401: show_page("There is no session, or it has ended.")},
)
GO_HOME = Operation(id="go_home", summary="Go to the board.", replies={307: Reply("The board is at /board.")})

FindPanel = Callable[[PlacedResource], Awaitable[Panel | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """What the customers' routes work with. `find_panel` is None when the partner has no panel hook."""

    database: Database
    visibility: Visibility
    inspector: Inspector
    sessions: Sessions[Session]
    manifest: Manifest
    clock: Clock
    find_panel: FindPanel | None = None

    def routes(self) -> list[BaseRoute]:
        sso_path = urlsplit(self.manifest.sso_url).path or "/sso/login"
        return [
            DescribedRoute(sso_path, self.log_in, "POST", LOG_IN),
            DescribedRoute("/board", self.show_board, "GET", SHOW_BOARD),
            DescribedRoute("/board.json", self.show_board_json, "GET", SHOW_BOARD_JSON),
            DescribedRoute("/board/check", self.check_now, "POST", CHECK_NOW),
            DescribedRoute("/", lambda _request: RedirectResponse("/board"), "GET", GO_HOME),
        ]

    async def log_in(self, request: Request) -> Response:
        """Turn Heroku's signed form, which works once, into a session for one resource, and show the board."""
        try:
            form = await read_form(request)
            login = verify_sso(form, salt=self.manifest.sso_salt, now=self.clock())
            uuid = await self._find_resource(login.resource_id)
            if not await self.database.write(claim_login, login.digests, expires_at=login.forgotten_at):
                raise SsoRejected(reason="replayed")
        except Rejected as error:
            log.warning("sso.rejected", extra={"status": error.status, "reason": error.reason})
            return _show_error(error, self.manifest)
        response = RedirectResponse("/board", status_code=303)
        self.sessions.save(request, response, start_session(login, resource_uuid=uuid))
        return response

    async def show_board(self, request: Request) -> Response:
        found = await self._find_visible(request)
        if isinstance(found, Response):
            return found
        session, resources = found
        bare = self._build(session, resources)
        version = find_version(bare, session=session, renewed_every=max(self.inspector.recheck_every, RENEWED_EVERY))
        # Before the panels: a board that is only looked after does not cost the partner a call.
        if version in request.headers.get("If-None-Match", ""):
            return Response(status_code=304, headers={"ETag": f'"{version}"'})
        page = render_board(
            self._build(session, await self._add_panels(resources)),
            service_name=self.manifest.name,
            slug=self.manifest.id,
            email=session.email,
            back=_link_back(session.app) if session.app else None,
            csrf=session.csrf,
            check_interval=self.inspector.recheck_every,
            version=version,
        )
        return HTMLResponse(page, headers={"ETag": f'"{version}"'})

    async def show_board_json(self, request: Request) -> Response:
        found = await self._find_visible(request)
        if not isinstance(found, Response):
            return JSONResponse(board_as_json(self._build(*found)))
        response = JSONResponse({"message": "Open the add-on from Heroku first."}, status_code=found.status_code)
        self.sessions.end(request, response)
        return response

    async def check_now(self, request: Request) -> Response:
        """Ask Heroku again about everything on this person's board."""
        session = self.sessions.find(request)
        if session is None:
            return self._show_no_session()
        try:
            await read_own_form(request, csrf=session.csrf)
        except Rejected as error:
            return _show_error(error, self.manifest)
        visible = await self.visibility.list_visible(session.viewer) or []
        await self.inspector.inspect_all(resource.uuid for resource in visible)
        return RedirectResponse("/board", status_code=303)

    async def _find_visible(self, request: Request) -> tuple[Session, list[PlacedResource]] | Response:
        session = self.sessions.find(request)
        if session is None:
            return self._show_no_session()
        visible = await self.visibility.list_visible(session.viewer)
        if visible is None:
            response = self._show_lost_access()
            self.sessions.end(request, response)
            return response
        await self._renew(visible)
        return session, visible

    async def _renew(self, visible: list[PlacedResource]) -> None:
        """What somebody looks at is to be fresh, however rarely it is looked up otherwise."""
        now, every = self.clock(), self.inspector.recheck_every
        old = [each for each in visible if each.checked_at is None or now - each.checked_at > every]
        if waiting := [each.uuid for each in old if each.next_check_at is None or each.next_check_at > now]:
            await self.inspector.renew(waiting)

    def _build(self, session: Session, resources: list[PlacedResource]) -> Board:
        stale_after = MISSED_CHECKS * self.inspector.recheck_every
        return build_board(resources, opened=session.resource_uuid, now=self.clock(), stale_after=stale_after)

    async def _add_panels(self, resources: list[PlacedResource]) -> list[PlacedResource]:
        """Ask the partner's hook what to show on each card; a hook that fails or dawdles costs only its panel."""
        if self.find_panel is None:
            return resources
        panels = await asyncio.gather(*(self._find_panel(self.find_panel, resource) for resource in resources))
        return [replace(resource, panel=panel) for resource, panel in zip(resources, panels, strict=True)]

    async def _find_panel(self, find: FindPanel, resource: PlacedResource) -> Panel | None:
        try:
            return await asyncio.wait_for(find(resource), PANEL_SECONDS)
        except Exception:
            log.exception("panel.failed", extra={"resource": resource.uuid})
            return None

    async def _find_resource(self, resource_id: str) -> str:
        try:
            uuid = parse_uuid(resource_id)
        except Malformed:
            raise UnknownResource(resource_id[:40]) from None
        row = await self.database.read(find_resource, uuid)
        if row is None:
            raise UnknownResource(uuid)
        if row.state in (State.DEPROVISIONING, State.DEPROVISIONED):
            raise ResourceGone(uuid)
        return uuid

    def _show_no_session(self) -> Response:
        page = render_message(
            "Open this add-on from Heroku",
            "You are not logged in, or were logged in too long ago.",
            hint=f"Open {self.manifest.name} again from the Resources tab of your app on Heroku, or with the CLI:",
            command=f"heroku addons:open {self.manifest.id} --app your-app",
            service_name=self.manifest.name,
            status=401,
        )
        return HTMLResponse(page, status_code=401)

    def _show_lost_access(self) -> Response:
        page = render_message(
            "You have no access to this app any more",
            "Heroku says that you are no longer a collaborator of the app you came from.",
            hint=f"Ask the app's owner, or open {self.manifest.name} from another app.",
            service_name=self.manifest.name,
            status=403,
        )
        return HTMLResponse(page, status_code=403)


def find_version(board: Board, *, session: Session, renewed_every: timedelta) -> str:
    """Return a digest of what a session's page shows, but for its freshness, which alone makes a new page now and then.

    When a resource was last checked changes all the time, and the page's script lets the shown ages grow by itself.
    """
    cards = [
        replace(card, resource=replace(card.resource, checked_at=None, next_check_at=None, has_failed=False))
        for card in board.cards
    ]
    period = board.built_at.timestamp() // renewed_every.total_seconds()
    return hashlib.sha256(msgspec.json.encode((cards, session.csrf, period))).hexdigest()[:32]


def _link_back(app: str) -> BackLink:
    return BackLink(app=app, href=HEROKU_DASHBOARD + quote(app, safe=""))


_TITLES: dict[type[Rejected], str] = {
    SsoRejected: "This login link does not work",
    NotOurForm: "This form does not work",
    UnknownResource: "There is no such resource",
    ResourceGone: "This resource was removed",
}


def _show_error(error: Rejected, manifest: Manifest) -> Response:
    page = render_message(
        _TITLES.get(type(error), "This request cannot be read"),
        error.message,
        service_name=manifest.name,
        status=error.status,
    )
    return HTMLResponse(page, status_code=error.status)
