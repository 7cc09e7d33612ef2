"""The customers' routes: single sign-on, the board, and its JSON."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.clock import Clock
from headrace.errors import Malformed, Rejected, SsoRejected, UnknownResource
from headrace.inspector.board_filter import read_filter
from headrace.inspector.board_json import BoardShape
from headrace.inspector.inspector import Asked
from headrace.inspector.visibility import Seen
from headrace.logs import LogName
from headrace.protocol.manifest import Manifest
from headrace.protocol.partner import parse_uuid
from headrace.protocol.sso import SsoForm, verify_sso
from headrace.store.state.people.logins import claim_login
from headrace.telemetry.context import note
from headrace.web.customers.boards import Boards, answer_briefly, build_etag, draw_aside
from headrace.web.customers.comparing import Comparing
from headrace.web.customers.door import Door
from headrace.web.customers.faces import Faces
from headrace.web.customers.glances import Glances, Respond
from headrace.web.customers.looking import CHANGES_ANSWERED, LOOK_ANSWERED, OPEN, Look, Reading, read_wanted
from headrace.web.customers.sharing import Sharing
from headrace.web.ground.addresses import Page, Redirect, cut
from headrace.web.ground.bodies import OwnForm, read_form
from headrace.web.ground.csrf import mask_csrf
from headrace.web.ground.kept import Kept
from headrace.web.ground.openapi import (
    FORM_REJECTED,
    FORM_TYPE,
    JSON_TYPE,
    DescribedRoute,
    Operation,
    Reply,
    Scheme,
    show_json,
    show_page,
)
from headrace.web.ground.origin import is_secure
from headrace.web.ground.pages import BackLink, BoardContext, find_on_heroku, render
from headrace.web.ground.sessions import GOOD_FOR, start_session

log = logging.getLogger(__name__)

# What a login was for, as it is kept.
SSO = "sso"
# Base64url, and no longer than a cookie may be.
NAV_COOKIE, NAV_DATA = "heroku-nav-data", re.compile(r"[A-Za-z0-9_-]{1,3000}={0,2}", re.ASCII)

# What a check came to, by the word of the address that it leads to.
NEWS = {
    "moved": "Checked just now: what has moved is marked.",
    "same": "Checked just now: nothing has moved.",
    "partly": "Checked just now. Heroku did not answer about everything.",
    "silent": "Heroku did not answer. What is shown is as last read.",
    "recent": "Checked moments ago. Heroku can be asked again in a few seconds.",
}
# What is too long is cut, and what is no choice shows nothing: no address is refused.
_CHOICE = {"type": "string"}
FILTER = {
    "q": {**_CHOICE, "description": "Words that a card has to have, its stage and its pipeline's name counted in."},
    "stage": {**_CHOICE, "description": "The stage of an app."},
    "state": {**_CHOICE, "description": "The state of a resource."},
    "plan": {**_CHOICE, "description": "The plan of a resource."},
    "moved": {**_CHOICE, "description": "1: only what has moved within the last 24 hours."},
    "found": {**_CHOICE, "description": f"What a check came to, to be said: {', '.join(NEWS)}."},
}

LOG_IN = Operation(
    id="log_in",
    summary="Log a customer in with Heroku's signed form, which works once.",
    body=(FORM_TYPE, SsoForm),
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
    query=FILTER,
    replies={
        200: show_page("The board, with its version as ETag."),
        204: Reply("There is another version, and Prefer says that this is all to be told."),
        304: Reply("The board is still of the version that If-None-Match names, after the wait that Prefer asks for."),
        401: show_page("There is no session, or it has ended."),
        403: show_page("This person has lost access to the app they came from."),
    },
)
SHOW_CHANGES = Operation(
    id="show_board_changes",
    summary="Show what has changed on a board that a browser has, and panels of what was unfolded: its script asks.",
    scheme=Scheme.CUSTOMER,
    query=FILTER,
    body=(JSON_TYPE, Look),
    replies={
        **LOOK_ANSWERED,
        401: show_page("There is no session, or it has ended."),
        403: show_page("This person has lost access to the app they came from."),
    },
)
SHOW_BOARD_JSON = Operation(
    id="show_board_json",
    summary="Return the same board for programs.",
    scheme=Scheme.CUSTOMER,
    query=OPEN,
    replies={
        200: show_json("The board, with its version as ETag.", BoardShape),
        204: Reply("There is another version, and Prefer says that this is all to be told."),
        304: Reply("The board is still of the version that If-None-Match names, after the wait that Prefer asks for."),
        401: show_json("There is no session, or it has ended."),
        403: show_json("This person has lost access to the app they came from."),
    },
)
SHOW_CHANGES_JSON = Operation(
    id="show_board_changes_json",
    summary="Return the same board for a program that says what it has of it, which is left out.",
    scheme=Scheme.CUSTOMER,
    body=(JSON_TYPE, Reading),
    replies={
        **CHANGES_ANSWERED,
        401: show_json("There is no session, or it has ended."),
        403: show_json("This person has lost access to the app they came from."),
    },
)
COMPARE_STAGES = Operation(
    id="compare_stages",
    summary="Show the stages of one pipeline beside each other, of what this person may see.",
    scheme=Scheme.CUSTOMER,
    query={"on": {"type": "string", "description": "The day to show; any other text means now."}},
    replies={
        200: show_page("The comparison."),
        401: show_page("There is no session, or it has ended."),
        403: show_page("This person has lost access to the app they came from."),
        404: show_page("No app that this person may see has stood in such a pipeline."),
    },
)
CHECK_NOW = Operation(
    id="check_now",
    summary="Ask Heroku again about everything on this person's board that was not asked about moments ago.",
    scheme=Scheme.CUSTOMER,
    body=(FORM_TYPE, OwnForm),
    replies=FORM_REJECTED
    | {
        303: Reply("Heroku was asked, just now or moments ago: back to the board."),
        403: show_page("The form is not the board's own, or this person has lost access to the app they came from."),
        401: show_page("There is no session, or it has ended."),
    },
)
LOG_OUT = Operation(
    id="log_out",
    summary="End the customer's session.",
    scheme=Scheme.CUSTOMER,
    body=(FORM_TYPE, OwnForm),
    replies=FORM_REJECTED
    | {303: Reply("The session has ended."), 401: show_page("There is no session, or it has ended.")},
)
GO_HOME = Operation(id="go_home", summary="Go to the board.", replies={307: Reply("The board is at /board.")})


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """What the customers' routes work with, below a prefix."""

    door: Door
    prefix: str
    clock: Clock
    kept: Kept
    sharing: Sharing
    glances: Glances
    faces: Faces = field(default_factory=Faces)

    @property
    def boards(self) -> Boards:
        return self.door.boards

    @property
    def manifest(self) -> Manifest:
        return self.door.manifest

    def login_routes(self) -> list[DescribedRoute]:
        """The address of the manifest's `sso_url`, wherever that is; there is none without single sign-on."""
        path = self.manifest.sso_path
        if not path:
            return []
        return [DescribedRoute(cut(path, self.prefix), self.kept.of(SSO, path, self.log_in), "POST", LOG_IN)]

    def routes(self) -> list[DescribedRoute]:
        return [
            DescribedRoute("/board", self.show_board, "GET", SHOW_BOARD),
            DescribedRoute("/board", self.show_board, "POST", SHOW_CHANGES),
            DescribedRoute("/board.json", self.show_board_json, "GET", SHOW_BOARD_JSON),
            DescribedRoute("/board.json", self.show_board_json, "POST", SHOW_CHANGES_JSON),
            DescribedRoute("/board/pipelines/{id}", self.compare_stages, "GET", COMPARE_STAGES),
            DescribedRoute("/board/check", self.check_now, "POST", CHECK_NOW),
            DescribedRoute("/board/logout", self.log_out, "POST", LOG_OUT),
            *self.sharing.routes(),
            *self.faces.routes(),
            DescribedRoute("/", lambda _request: Redirect("/board"), "GET", GO_HOME),
        ]

    async def log_in(self, request: Request) -> Response:
        """Turn Heroku's signed form, which works once, into a session for one resource, and show the board."""
        try:
            form = await read_form(request)
            login = verify_sso(form, salt=self.manifest.sso_salt, now=self.clock())
            uuid = await self._find_resource(login.resource_id)
            note(resource=uuid)
            if not await self.boards.database.write(claim_login, login.digests, expires_at=login.forgotten_at):
                raise SsoRejected(reason="replayed")
        except Rejected as error:
            log.warning(LogName.SSO_REJECTED, extra={"status": error.status, "reason": error.reason})
            return self.door.show_error(error)
        response = Redirect(f"/board#resource-{uuid}", status_code=303)
        self.door.sessions.save(request, response, start_session(login, resource_uuid=uuid, now=self.clock()))
        _keep_nav_data(request, response, login.nav_data)
        return response

    async def show_board(self, request: Request) -> Response:
        """Show the board, or what has changed on the one that the page's script has."""
        return await self._glance(request, self._show_board)

    async def show_board_json(self, request: Request) -> Response:
        return await self._glance(request, self._show_board_json)

    async def _glance(self, request: Request, respond: Respond) -> Response:
        session = self.door.sessions.read(request)
        if session is None:
            return await respond(request, has_session=False)
        return await self.glances.answer(request, session.viewer, self.door.sessions.digest(session), respond)

    async def _show_board(self, request: Request, *, has_session: bool) -> Response:
        found = await self.door.find_visible(request, has_session=has_session)
        if isinstance(found, Response):
            return found
        session, seen = found
        try:
            wanted = await read_wanted(request)
        except Rejected as error:
            return self.door.show_error(error)
        version = self.boards.find_version(session.viewer, seen, mark=session.csrf + wanted.filter.address)
        if brief := answer_briefly(request, version):
            return brief
        context = BoardContext(
            board=await self.boards.build_whole(session.viewer, seen, choose=wanted.choose),
            service_name=self.manifest.name,
            slug=self.manifest.id,
            email=session.email,
            back=_link_back(session.app) if session.app else None,
            csrf=mask_csrf(session.csrf),
            check_interval=self.boards.inspector.recheck_every,
            version=version,
            wanted=wanted.filter,
            known=wanted.known,
            period=self.boards.find_period(session.viewer),
            has_panels=self.boards.find_panel is not None,
            face=self.faces.find_face(),
            may_share=self.sharing.is_on and session.is_proven,
            news=NEWS.get(request.query_params.get("found", ""), ""),
        )
        return Page(await draw_aside(seen, render, context), headers=build_etag(version))

    async def _show_board_json(self, request: Request, *, has_session: bool) -> Response:
        found = await self.door.find_visible(request, has_session=has_session)
        if not isinstance(found, Response):
            session, seen = found
            try:
                return await self.boards.answer(request, session.viewer, seen)
            except Rejected as error:
                return JSONResponse({"message": str(error)}, status_code=error.status)
        response = JSONResponse({"message": "Open the add-on from Heroku first."}, status_code=found.status_code)
        self.door.sessions.forget(request, response)
        return response

    async def compare_stages(self, request: Request) -> Response:
        """Show the stages of one pipeline beside each other, now or on a day."""
        found = await self.door.find_visible(request)
        if isinstance(found, Response):
            return found
        session, seen = found
        comparing = Comparing(boards=self.boards, service_name=self.manifest.name, find_face=self.faces.find_face)
        return await comparing.show(request, session, seen, _link_back(session.app) if session.app else None)

    async def check_now(self, request: Request) -> Response:
        """Ask Heroku again about everything on this person's board, and say what that came to."""
        session = await self.door.find_sender(request)
        if isinstance(session, Response):
            return session
        before = await self.boards.visibility.find_seen(session.viewer)
        if before is None:
            return await self.door.refuse(request, session)
        person = next(iter(session.viewer.people), None)
        asked = await self.boards.inspector.inspect_for(person, [resource.uuid for resource in before.resources])
        after = await self.boards.visibility.find_seen(session.viewer)
        wanted = read_filter(request.query_params).address
        found = f"found={_compare(asked, before, after)}"
        return Redirect(f"/board{wanted}{'&' if wanted != '?' else ''}{found}", status_code=303)

    async def log_out(self, request: Request) -> Response:
        session = await self.door.find_sender(request)
        if isinstance(session, Response):
            return session
        response = Redirect("/board", status_code=303)
        await self.door.sessions.end(request, response, session)
        return response

    async def _find_resource(self, resource_id: str) -> str:
        try:
            uuid = parse_uuid(resource_id)
        except Malformed:
            raise UnknownResource(resource_id[:40]) from None
        await self.boards.require_open(uuid)
        return uuid


def _keep_nav_data(request: Request, response: Response, nav_data: str) -> None:
    """Keep what Heroku's old header reads from its cookie, where a page of the partner's on this host still shows it.

    It is not signed and nothing of ours reads it. Heroku's script does, so it cannot be hidden from scripts.
    """
    if NAV_DATA.fullmatch(nav_data):
        age = int(GOOD_FOR.total_seconds())
        response.set_cookie(NAV_COOKIE, nav_data, max_age=age, secure=is_secure(request), samesite="lax")


def _link_back(app: str) -> BackLink:
    return BackLink(app=app, href=find_on_heroku("apps", app))


def _compare(asked: Asked, before: Seen, after: Seen | None) -> str:
    """Return the word of `NEWS` for what a check came to."""
    if not asked.asked:
        return "recent"
    if not asked.answered:
        return "silent"
    places = _list_places(before)
    if after and any(places.get(uuid, place) != place for uuid, place in _list_places(after).items()):
        return "moved"
    return "same" if asked.answered == asked.asked else "partly"


def _list_places(seen: Seen) -> Mapping[str, tuple[str | None, str | None]]:
    """Return the pipeline and the stage of each resource."""
    return {each.uuid: (each.pipeline.id if each.pipeline else None, each.stage) for each in seen.resources}
