"""What every way to the board shares: who may see what, the partner's panels, and the version of what is shown."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import ParamSpec, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headrace.clock import Clock
from headrace.errors import ResourceGone, UnknownResource
from headrace.hooks.panel import Panel
from headrace.inspector.board import Board, Card, PlacedResource, build_board
from headrace.inspector.board_folds import list_seen_first
from headrace.inspector.board_json import changes_as_json
from headrace.inspector.board_parts import Known, digest_card
from headrace.inspector.concurrency import gather_bounded
from headrace.inspector.inspector import Inspector
from headrace.inspector.visibility import Seen, Viewer, Visibility
from headrace.logs import LogName
from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.state.resources import find_resource
from headrace.web.customers.looking import read_known
from headrace.web.ground.openapi import JSON_TYPE
from headrace.web.ground.preferences import MINIMAL, asks_briefly

log = logging.getLogger(__name__)

# A placement is called stale once this many looks at it have failed to bring an answer.
MISSED_CHECKS = 3
PANEL_SECONDS = 2.0
# So many panels are asked for at a time, and for so long in all: a customer of thousands has the first of them.
PANELS_AT_ONCE = 16
PANELS_SECONDS = 5.0
LARGE_BOARD = 200
# The least time between two boards of which only the freshness and the partner's figures differ.
RENEWED_EVERY = timedelta(minutes=1)
NO_HEADERS: Mapping[str, str] = MappingProxyType({})

P = ParamSpec("P")
T = TypeVar("T")
FindPanel = Callable[[PlacedResource], Awaitable[Panel | None]]
# Whose panels are asked for.
Choose = Callable[[Board], list[Card]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Boards:
    """Makes the board of one person. `find_panel` is None when the partner has no panel hook.

    `find_silence` says since when Heroku has answered nobody.
    """

    database: Database
    visibility: Visibility
    inspector: Inspector
    clock: Clock
    find_panel: FindPanel | None = None
    find_silence: Callable[[], datetime | None] = lambda: None

    async def require_open(self, uuid: str) -> None:
        """Make sure that there is something to open.

        Raises:
            UnknownResource: it never was.
            ResourceGone: it was removed, or Heroku was told that it is.
        """
        row = await self.database.read(find_resource, uuid)
        if row is None:
            raise UnknownResource(uuid)
        if row.state in (State.DEPROVISIONING, State.DEPROVISIONED):
            raise ResourceGone(uuid)

    async def find_seen(self, viewer: Viewer) -> Seen | None:
        """Return what this person may see, or None; what somebody looks at is looked up again soon."""
        seen = await self.visibility.find_seen(viewer)
        if seen is not None:
            await self._renew(seen.resources)
        return seen

    async def answer(self, request: Request, viewer: Viewer, seen: Seen) -> Response:
        """Return the board for programs, or what has changed for one that says what it has; 304 where it has all.

        Raises:
            Rejected: the body says nothing of what a program has.
        """
        known = await read_known(request)
        version = self.find_version(viewer, seen)
        if brief := answer_briefly(request, version):
            return brief
        board = await self.build_whole(viewer, seen, choose=known.choose)
        body = await draw_aside(seen, _encode, board, known, self.find_period(viewer))
        return Response(body, headers=build_etag(version), media_type=JSON_TYPE)

    async def build_whole(self, viewer: Viewer, seen: Seen, *, choose: Choose = list_seen_first) -> Board:
        """Return the board with the partner's panels of the cards that are chosen, in that order.

        A hook that fails or dawdles costs only its own.
        """
        board = self._build(viewer, seen)
        if self.find_panel is None:
            return board
        chosen = {card.resource.uuid: card.resource for card in choose(board)}
        panels = await _find_panels(self.find_panel, [*chosen.values()])
        resources = [
            replace(each, panel=panels.get(each.uuid), is_asked=each.uuid in chosen) for each in seen.resources
        ]
        return self._build(viewer, replace(seen, resources=resources))

    def find_version(self, viewer: Viewer, seen: Seen, *, mark: str = "") -> str:
        """Return a digest of what is shown, but for its freshness, which alone makes a new version now and then.

        When a resource was last checked changes all the time, and whoever shows the board lets the ages grow by
        itself. It is found without the panels: a board that is only looked after does not cost the partner a call.
        `mark` is what else the answer holds.
        """
        board = self._build(viewer, seen)
        cards = [digest_card(card, is_line=False) for card in board.cards]
        silence = (board.heroku_silent_since is not None, board.is_confirmed)
        shown = (cards, mark, silence, self.find_period(viewer))
        return hashlib.sha256(msgspec.json.encode(shown)).hexdigest()[:32]

    def find_period(self, viewer: Viewer) -> int:
        """Return what goes up by one whenever a board is to be renewed; not everybody's at the same moment."""
        every = max(self.inspector.recheck_every, RENEWED_EVERY).total_seconds()
        return int(self.clock().timestamp() + viewer.digest % every) // int(every)

    def _build(self, viewer: Viewer, seen: Seen) -> Board:
        stale_after = MISSED_CHECKS * self.inspector.recheck_every
        board = build_board(seen.resources, opened=viewer.resource_uuid, now=self.clock(), stale_after=stale_after)
        return replace(board, heroku_silent_since=self.find_silence(), is_confirmed=seen.is_whole)

    async def _renew(self, visible: list[PlacedResource]) -> None:
        """What somebody looks at is to be fresh, however rarely it is looked up otherwise."""
        now, every = self.clock(), self.inspector.recheck_every
        old = [each for each in visible if each.checked_at is None or now - each.checked_at > every]
        if waiting := [each.uuid for each in old if each.next_check_at is None or each.next_check_at > now]:
            await self.inspector.make_due(waiting)


@dataclass(slots=True, kw_only=True)
class _Asking:
    """The panels of one board: those that came, and of those that did not, which came first to that, and how many."""

    find: FindPanel
    until: float
    panels: dict[str, Panel | None] = field(default_factory=dict)
    failed: int = 0
    first: tuple[PlacedResource, Exception] | None = None

    async def ask(self, resource: PlacedResource) -> None:
        left = self.until - asyncio.get_running_loop().time()
        try:
            # The time of what is asked last ends before it begins: then the hook is not called.
            self.panels[resource.uuid] = await _within(self.find, resource, min(left, PANEL_SECONDS))
        except Exception as error:  # noqa: BLE001 - the hook is the partner's
            self.failed += 1
            self.first = self.first or (resource, error)


async def _find_panels(find: FindPanel, resources: list[PlacedResource]) -> dict[str, Panel | None]:
    """Ask for panels, the first ones first; however many fail, that is one line of the log."""
    asking = _Asking(find=find, until=asyncio.get_running_loop().time() + PANELS_SECONDS)
    await gather_bounded(asking.ask, resources, limit=PANELS_AT_ONCE)
    if asking.first:
        resource, error = asking.first
        log.error(LogName.PANEL_FAILED, extra={"resource": resource.uuid, "count": asking.failed}, exc_info=error)
    return asking.panels


async def _within(find: FindPanel, resource: PlacedResource, seconds: float) -> Panel | None:
    if seconds <= 0:
        raise TimeoutError
    return await asyncio.wait_for(find(resource), seconds)


def _encode(board: Board, known: Known, period: int) -> bytes:
    return msgspec.json.encode(changes_as_json(board, known, period=period))


async def draw_aside(seen: Seen, draw: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Draw in a thread what takes its time, in which others are to be answered; a small board is not worth one."""
    if len(seen.resources) > LARGE_BOARD:
        return await asyncio.to_thread(draw, *args, **kwargs)
    return draw(*args, **kwargs)


def answer_briefly(request: Request, version: str) -> Response | None:
    """Return the answer to whoever has this version, or is first to be told only that there is another; or None."""
    headers = build_etag(version)
    if version in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    return tell_briefly(headers) if asks_briefly(request) else None


def tell_briefly(headers: Mapping[str, str] = NO_HEADERS) -> Response:
    """Return the answer that there is another version, which the headers may name."""
    return Response(status_code=204, headers={**headers, "Preference-Applied": MINIMAL})


def build_etag(version: str) -> dict[str, str]:
    return {"ETag": f'"{version}"'}
