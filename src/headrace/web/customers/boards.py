"""What every way to the board shares: who may see what, the partner's panels, and the version of what is shown."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zlib import crc32

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headrace.clock import Clock
from headrace.errors import ResourceGone, UnknownResource
from headrace.hooks.panel import Panel
from headrace.inspector.board import Board, PlacedResource, build_board
from headrace.inspector.board_json import board_as_json
from headrace.inspector.inspector import Inspector
from headrace.inspector.visibility import Viewer, Visibility
from headrace.logs import LogName
from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.state.resources import find_resource
from headrace.web.ground.openapi import JSON_TYPE

log = logging.getLogger(__name__)

# A placement is called stale once this many looks at it have failed to bring an answer.
MISSED_CHECKS = 3
PANEL_SECONDS = 2.0
# The least time between two boards of which only the freshness and the partner's figures differ.
RENEWED_EVERY = timedelta(minutes=1)

FindPanel = Callable[[PlacedResource], Awaitable[Panel | None]]


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

    async def list_visible(self, viewer: Viewer) -> list[PlacedResource] | None:
        """Return what this person may see, or None; what somebody looks at is looked up again soon."""
        visible = await self.visibility.list_visible(viewer)
        if visible is not None:
            await self._renew(visible)
        return visible

    async def answer(self, request: Request, viewer: Viewer, resources: list[PlacedResource]) -> Response:
        """Return the board for programs, or 304 where the caller has it."""
        version = self.find_version(viewer, resources)
        if is_known(request, version):
            return show_known(version)
        board = await self.build_whole(viewer, resources)
        return Response(msgspec.json.encode(board_as_json(board)), headers=build_etag(version), media_type=JSON_TYPE)

    async def build_whole(self, viewer: Viewer, resources: list[PlacedResource]) -> Board:
        """Return the board with the partner's panels: a hook that fails or dawdles costs only its own."""
        if self.find_panel is not None:
            panels = await asyncio.gather(*(self._find_panel(self.find_panel, resource) for resource in resources))
            resources = [replace(resource, panel=panel) for resource, panel in zip(resources, panels, strict=True)]
        return self._build(viewer, resources)

    def find_version(self, viewer: Viewer, resources: list[PlacedResource], *, mark: str = "") -> str:
        """Return a digest of what is shown, but for its freshness, which alone makes a new version now and then.

        When a resource was last checked changes all the time, and whoever shows the board lets the ages grow by
        itself. It is found without the panels: a board that is only looked after does not cost the partner a call.
        `mark` is what else the answer holds.
        """
        board = self._build(viewer, resources)
        cards = [
            replace(card, resource=replace(card.resource, checked_at=None, next_check_at=None, has_failed=False))
            for card in board.cards
        ]
        shown = (cards, mark, board.heroku_silent_since is not None, self._find_period(viewer))
        return hashlib.sha256(msgspec.json.encode(shown)).hexdigest()[:32]

    def _find_period(self, viewer: Viewer) -> int:
        """Return what goes up by one whenever a board is to be renewed; not everybody's at the same moment."""
        every = max(self.inspector.recheck_every, RENEWED_EVERY).total_seconds()
        person = crc32(f"{viewer.user_id} {viewer.email} {viewer.resource_uuid}".encode())
        return int(self.clock().timestamp() + person % every) // int(every)

    def _build(self, viewer: Viewer, resources: list[PlacedResource]) -> Board:
        stale_after = MISSED_CHECKS * self.inspector.recheck_every
        board = build_board(resources, opened=viewer.resource_uuid, now=self.clock(), stale_after=stale_after)
        return replace(board, heroku_silent_since=self.find_silence())

    async def _renew(self, visible: list[PlacedResource]) -> None:
        """What somebody looks at is to be fresh, however rarely it is looked up otherwise."""
        now, every = self.clock(), self.inspector.recheck_every
        old = [each for each in visible if each.checked_at is None or now - each.checked_at > every]
        if waiting := [each.uuid for each in old if each.next_check_at is None or each.next_check_at > now]:
            await self.inspector.make_due(waiting)

    async def _find_panel(self, find: FindPanel, resource: PlacedResource) -> Panel | None:
        try:
            return await asyncio.wait_for(find(resource), PANEL_SECONDS)
        except Exception:
            log.exception(LogName.PANEL_FAILED, extra={"resource": resource.uuid})
            return None


def is_known(request: Request, version: str) -> bool:
    return version in request.headers.get("If-None-Match", "")


def show_known(version: str) -> Response:
    return Response(status_code=304, headers=build_etag(version))


def build_etag(version: str) -> dict[str, str]:
    return {"ETag": f'"{version}"'}
