"""Links by which a customer's colleagues see the board, and can do nothing: given and revoked on a page of their own.

A link shows what its giver sees by Heroku's answers of the last minutes, and nothing where Heroku says that they see
nothing, or does not say. It counts for no login: what let the giver in does not open it.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from headrace.encryption import KeyRing
from headrace.errors import Rejected
from headrace.inspector.visibility import Viewer
from headrace.logs import LogName
from headrace.protocol.wire import read_number
from headrace.store.state.people.share_links import (
    MOST_LINKS,
    Giver,
    ShareLinkRow,
    add_share_link,
    find_share_link,
    list_own_share_links,
    revoke_share_link,
)
from headrace.web.customers.boards import answer_briefly, build_etag, draw_aside
from headrace.web.customers.door import Door
from headrace.web.customers.looking import LOOK_ANSWERED, Look, read_wanted
from headrace.web.customers.share_tokens import make_key, read_key, sign
from headrace.web.ground.addresses import Page, Redirect, find_prefix
from headrace.web.ground.bodies import OwnForm
from headrace.web.ground.csrf import mask_csrf
from headrace.web.ground.openapi import (
    FORM_REJECTED,
    FORM_TYPE,
    JSON_TYPE,
    DescribedRoute,
    Operation,
    Reply,
    Scheme,
    show_page,
)
from headrace.web.ground.origin import is_secure
from headrace.web.ground.pages import BoardContext, Context, Face, render
from headrace.web.ground.sessions import Session

log = logging.getLogger(__name__)

LINKS, SHARED = "/board/links", "/shared"
# A link is nobody's to find by a search, nor to be told to whoever a page links to.
UNTOLD = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow, noarchive"}
_GUARDED: dict[int, Reply] = {
    401: show_page("There is no session, or it has ended."),
    403: show_page("The form is not the board's own, or this person has lost access to the app they came from."),
}

LIST_LINKS = Operation(
    id="list_share_links",
    summary="Show the links that this person gave to colleagues, of the resource they came from.",
    scheme=Scheme.CUSTOMER,
    replies={**_GUARDED, 200: show_page("The links that are good.")},
)
GIVE_LINK = Operation(
    id="give_share_link",
    summary="Make a link by which a colleague sees the board and can do nothing.",
    scheme=Scheme.CUSTOMER,
    body=(FORM_TYPE, OwnForm),
    replies=FORM_REJECTED
    | _GUARDED
    | {
        303: Reply("It is made: on to the links."),
        409: show_page("Heroku does not confirm this person by itself, or they have given as many as anybody may."),
    },
)
REVOKE_LINK = Operation(
    id="revoke_share_link",
    summary="Let a link of this person's show nothing from now on.",
    scheme=Scheme.CUSTOMER,
    body=(FORM_TYPE, OwnForm),
    replies=FORM_REJECTED | _GUARDED | {303: Reply("It shows nothing: back to the links.")},
)
SHOW_SHARED = Operation(
    id="show_shared_board",
    summary="Show the board of whoever gave a link, as they see it by Heroku's answers; nothing can be done there.",
    replies={
        200: show_page("The board, with its version as ETag."),
        204: Reply("There is another version, and Prefer says that this is all to be told."),
        304: Reply("The board is still of the version that If-None-Match names."),
        403: show_page("The link is none, has ended or was revoked, or its giver sees nothing any more."),
        503: show_page("Heroku does not tell now what the giver may see."),
    },
)
SHOW_SHARED_CHANGES = Operation(
    id="show_shared_board_changes",
    summary="Show what has changed on a shared board that a browser has, and panels of what was unfolded there.",
    body=(JSON_TYPE, Look),
    replies={
        **LOOK_ANSWERED,
        403: show_page("The link is none, has ended or was revoked, or its giver sees nothing any more."),
        503: show_page("Heroku does not tell now what the giver may see."),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLink:
    """A link as its giver sees it: `address` is where it leads, `whole` what they hand on."""

    row: ShareLinkRow
    address: str
    whole: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinksContext(Context):
    """The links that somebody gave; the `newest` one is marked where it was made just now."""

    template: ClassVar[str] = "share_links.html"

    links: Sequence[ShownLink]
    lasts: timedelta
    email: str
    csrf: str
    service_name: str
    is_new: bool
    face: Face = field(default_factory=Face)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """The routes of shared boards. A link is good for as long as it `lasts`; without any time there are none."""

    door: Door
    keys: KeyRing
    lasts: timedelta
    find_face: Callable[[], Face]

    @property
    def is_on(self) -> bool:
        return bool(self.lasts)

    def routes(self) -> list[DescribedRoute]:
        """There are none until it is switched on: then links that were given show nothing."""
        if not self.is_on:
            return []
        return [
            DescribedRoute(LINKS, self.show_links, "GET", LIST_LINKS),
            DescribedRoute(LINKS, self.give, "POST", GIVE_LINK),
            DescribedRoute(f"{LINKS}/{{id}}/revoke", self.revoke, "POST", REVOKE_LINK),
            DescribedRoute(f"{SHARED}/{{token}}", self.show_shared, "GET", SHOW_SHARED),
            DescribedRoute(f"{SHARED}/{{token}}", self.show_shared, "POST", SHOW_SHARED_CHANGES),
        ]

    async def show_links(self, request: Request) -> Response:
        found = await self.door.find_visible(request)
        if isinstance(found, Response):
            return found
        session, _ = found
        boards = self.door.boards
        rows = await boards.database.read(list_own_share_links, _find_giver(session), now=boards.clock())
        context = LinksContext(
            links=[self._show(request, row) for row in rows],
            lasts=self.lasts,
            email=session.email,
            csrf=mask_csrf(session.csrf),
            service_name=self.door.manifest.name,
            is_new="new" in request.query_params,
            face=self.find_face(),
        )
        return Page(render(context), headers=UNTOLD)

    async def give(self, request: Request) -> Response:
        """Make a link, where Heroku's answers alone show its giver something."""
        session = await self.door.find_sender(request)
        if isinstance(session, Response):
            return session
        giver, boards = _find_giver(session), self.door.boards
        if not session.is_proven or await boards.visibility.find_seen(_view(giver)) is None:
            return self._decline("Heroku does not list you among the people of this app, so a link would show nothing.")
        now = boards.clock()
        if not await boards.database.write(add_share_link, giver, make_key(), now=now, ends_at=now + self.lasts):
            return self._decline(f"You have given {MOST_LINKS} links of this board. Revoke one of them first.")
        log.info(LogName.LINK_GIVEN, extra={"resource": giver.resource_uuid})
        return Redirect(f"{LINKS}?new=1", status_code=303)

    async def revoke(self, request: Request) -> Response:
        session = await self.door.find_sender(request)
        if isinstance(session, Response):
            return session
        giver, id_ = _find_giver(session), read_number(request.path_params["id"])
        if id_ is not None and await self.door.boards.database.write(revoke_share_link, giver, id_):
            log.info(LogName.LINK_REVOKED, extra={"resource": giver.resource_uuid, "by": "customer"})
        return Redirect(LINKS, status_code=303)

    async def show_shared(self, request: Request) -> Response:
        """Show the giver's board to whoever has the link; no session is read, and none begun."""
        boards, token = self.door.boards, request.path_params["token"]
        link = await self._find_link(token)
        if link is None:
            return self._show_nothing()
        viewer = _view(Giver(resource_uuid=link.resource_uuid, user_id=link.user_id, email=link.email))
        seen = await boards.find_seen(viewer)
        if seen is None:
            is_told = await boards.visibility.is_told(link.resource_uuid)
            return self._show_nothing() if is_told else self._show_silence()
        try:
            wanted = await read_wanted(request)
        except Rejected as error:
            return self.door.show_error(error)
        version = boards.find_version(viewer, seen, mark=token + wanted.filter.address)
        if brief := answer_briefly(request, version):
            return brief
        context = BoardContext(
            board=await boards.build_whole(viewer, seen, choose=wanted.choose),
            service_name=self.door.manifest.name,
            slug=self.door.manifest.id,
            email="",
            back=None,
            csrf="",
            check_interval=boards.inspector.recheck_every,
            version=version,
            wanted=wanted.filter,
            known=wanted.known,
            period=boards.find_period(viewer),
            has_panels=boards.find_panel is not None,
            face=self.find_face(),
            shared_by=link.email or "a colleague",
        )
        return Page(await draw_aside(seen, render, context), headers={**build_etag(version), **UNTOLD})

    async def _find_link(self, token: str) -> ShareLinkRow | None:
        """Return the link that a token opens, if it is good and its resource is there."""
        boards, key = self.door.boards, read_key(self.keys, token)
        if key is None:
            return None
        link = await boards.database.read(find_share_link, key, now=boards.clock())
        try:
            if link is not None:
                await boards.require_open(link.resource_uuid)
        except Rejected:
            return None
        return link

    def _show(self, request: Request, row: ShareLinkRow) -> ShownLink:
        address = f"{SHARED}/{sign(self.keys, row.key)}"
        scheme = "https" if is_secure(request) else "http"
        return ShownLink(
            row=row, address=address, whole=f"{scheme}://{request.url.netloc}{find_prefix(request)}{address}"
        )

    def _decline(self, text: str) -> Response:
        return self.door.show_message("No link was made", text, hint=f"Your links: {LINKS}", status=409)

    def _show_nothing(self) -> Response:
        """Whatever is wrong with a link, the answer is the same."""
        text = "It has ended or was revoked, or whoever gave it sees nothing here any more."
        response = self.door.show_message("This link shows nothing", text, hint="Ask them for another.", status=403)
        response.headers.update(UNTOLD)
        return response

    def _show_silence(self) -> Response:
        text = "Heroku does not tell now what whoever gave this link may see, so nothing is shown."
        response = self.door.show_message("This board cannot be shown now", text, hint="Try again soon.", status=503)
        response.headers.update(UNTOLD)
        return response


def _find_giver(session: Session) -> Giver:
    return Giver(resource_uuid=session.resource_uuid, user_id=session.user_id, email=session.email)


def _view(giver: Giver) -> Viewer:
    """Return the giver as Heroku's answers alone let them in: a login of theirs counts for nothing."""
    return Viewer(resource_uuid=giver.resource_uuid, user_id=giver.user_id, email=giver.email, is_proven=True)
