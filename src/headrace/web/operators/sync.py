"""The operators' sync: how current the placements are, which looks are in trouble, and orders to look again."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import sqlalchemy as sa
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from headrace.clock import Clock
from headrace.inspector.freshness import PACES, SLOWEST_PACE
from headrace.logs import LogName
from headrace.store.reports.figures.insights import find_latest_day, load_figure
from headrace.store.reports.figures.roll_up import FleetFigure
from headrace.store.reports.paging import MOST_COUNTED, Page, Place, read_page
from headrace.store.reports.sync import (
    SyncState,
    TroubledRow,
    list_troubled,
    load_sync_state,
)
from headrace.store.sql.database import Database
from headrace.store.state.due import make_due_after
from headrace.store.state.placements import LIVE, want_inspection
from headrace.web.ground.addresses import Redirect
from headrace.web.ground.bodies import OwnForm
from headrace.web.ground.openapi import (
    FORM_REJECTED,
    FORM_TYPE,
    NOT_FOUND,
    DescribedRoute,
    Operation,
    Scheme,
    show_page,
)
from headrace.web.ground.sessions import OperatorSession
from headrace.web.operators.drawing.channels import sort_stages
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.lists import Address, Chip, only_chips, read_address, read_place, tell_pages
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import DONE_OR_LOG_IN, Question, View, require_resource

log = logging.getLogger(__name__)

# So many at a time are made due in one transaction, so that a provision never waits long for it.
BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a place is looked at that changed no longer ago than `changed_within_seconds`; None: any other."""

    changed_within_seconds: float | None
    every_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """The state of the sync.

    `places` counts live resources by stage, as they were counted last; `lag_seconds` is how long the look that waits
    longest has been due; `troubled` is a page of the resources with one `kind` of trouble.
    """

    state: SyncState
    lag_seconds: float
    places: Mapping[str, int]
    counted_at: datetime | None
    paces: Sequence[Pace]
    kind: str | None
    troubled: Sequence[TroubledRow]
    previous: str | None
    next: str | None


_QUERY = {
    "kind": {"type": "string", "description": "Which looks to list: a kind of error, forbidden, app_hidden or never."},
    "after": {"type": "string", "description": "Where the page of them begins, as `next` says it."},
    "back_after": {"type": "string", "description": "Where the page of them ends, as `previous` says it."},
}
SYNC = View(
    path=f"{HOME}/sync",
    id="show_sync",
    summary="Show how current the placements are.",
    tells="The state of the sync.",
    shape=Sync,
    query=_QUERY,
)
CHECK_EVERYTHING = Question(
    path=f"{SYNC.path}/look",
    ids=("ask_look_at_everything", "look_at_everything"),
    summaries=("Ask whether everything is to be looked at now.", "Make every look due now."),
    may_be_missing=False,
)
CHECK_RESOURCE = Operation(
    id="look_at_resource",
    summary="Make the look at one resource due now.",
    scheme=Scheme.OPERATOR,
    body=(FORM_TYPE, OwnForm),
    replies=FORM_REJECTED | DONE_OR_LOG_IN | NOT_FOUND | {409: show_page("There is nothing to look at.")},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncContext(OperatorContext):
    """The state of the sync, with the kinds of trouble to choose from; no count goes beyond `most`."""

    template: ClassVar[str] = "operator_sync.html"
    here: ClassVar[str] = SYNC.path

    sync: Sync
    address: Address
    chips: Sequence[Chip]
    most: int = MOST_COUNTED


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext(OperatorContext):
    """The question whether everything is to be checked."""

    template: ClassVar[str] = "operator_check.html"
    here: ClassVar[str] = SYNC.path


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSync:
    """The routes of the sync."""

    guard: Guard
    database: Database
    recheck_every: timedelta
    clock: Clock

    def routes(self) -> list[DescribedRoute]:
        guard, one = self.guard, f"{CHECK_EVERYTHING.path}/{{uuid}}"
        page, json = guard.view(SYNC, self.load, self.show)
        return [
            json,
            page,
            *guard.question(CHECK_EVERYTHING, self.ask_check_everything, self.check_everything),
            DescribedRoute(one, guard.form(self.check_resource), "POST", CHECK_RESOURCE),
        ]

    async def load(self, request: Request) -> Sync:
        address, now = read_address(request, *_QUERY), self.clock()
        state = await self.database.read(load_sync_state, now=now)
        kind = address.find("kind") or max(state.troubled, key=lambda each: state.troubled[each], default=None)
        page = await self.database.read(_read_troubled, kind, read_place(address, "after", lambda text: (text,)))
        pages = tell_pages(address.only("kind", kind) if kind else address, "after", page, lambda key: key[0])
        places, counted_at = await self._count_places()
        return Sync(
            state=state,
            lag_seconds=(now - state.due_since).total_seconds() if state.due_since else 0.0,
            places=places,
            counted_at=counted_at,
            paces=list_paces(self.recheck_every),
            kind=kind,
            troubled=page.rows,
            previous=pages.previous,
            next=pages.next,
        )

    async def show(self, request: Request, sync: Sync) -> OperatorContext:
        address = read_address(request, *_QUERY)
        return SyncContext(sync=sync, address=address, chips=_list_chips(address, sync))

    async def ask_check_everything(self, _request: Request, session: OperatorSession) -> Response:
        return await self.guard.show(session, CheckContext())

    async def check_everything(self, _request: Request, session: OperatorSession) -> Response:
        """Make every look due, once this is answered: a large fleet takes minutes, and a proxy waits for seconds."""
        log.info(LogName.OPERATOR_ORDERED, extra={"order": "look at everything", "by": session.by})
        return Redirect(SYNC.path, status_code=303, background=BackgroundTask(self._want_every_look))

    async def check_resource(self, request: Request, session: OperatorSession) -> Response:
        resource = await require_resource(request, self.database)
        if resource.state not in LIVE:
            text = f"{resource.name} is {resource.state}: its app's place is not asked for any more."
            return self.guard.show_message("Nothing was done", text, status=409)
        await self.database.write(want_inspection, resource.uuid, now=self.clock())
        log.info(LogName.OPERATOR_ORDERED, extra={"order": "look", "resource": resource.uuid, "by": session.by})
        return Redirect(f"{HOME}/resources/{resource.uuid}", status_code=303)

    async def _count_places(self) -> tuple[Mapping[str, int], datetime | None]:
        """Return the live resources by stage, and when they were counted."""
        latest = await self.database.read(find_latest_day)
        if latest is None:
            return {}, None
        day, counted_at = latest
        counts = await self.database.read(load_figure, FleetFigure.BY_STAGE, since=day, until=day)
        places = {count.stage: count.value for count in counts}
        return {stage: places[stage] for stage in sort_stages(places)}, counted_at

    async def _want_every_look(self) -> None:
        """Make looks due, some at a time; a process that stops leaves the rest, and the order can be given again."""
        now, last = self.clock(), ""
        while (behind := await self.database.write(make_due_after, last, now=now, limit=BATCH)) is not None:
            last = behind


def _read_troubled(
    connection: sa.Connection, kind: str | None, place: Place[tuple[str]] | None
) -> Page[TroubledRow, tuple[str]]:
    """Return a page of the resources with this kind of trouble."""

    def read(place: Place[tuple[str]] | None, limit: int) -> Sequence[TroubledRow]:
        return [] if kind is None else list_troubled(connection, kind, place=place, limit=limit)

    return read_page(read, lambda row: (row.uuid,), place)


def _list_chips(address: Address, sync: Sync) -> list[Chip]:
    kinds = [(kind, f"{kind} {count:,}") for kind, count in sync.state.troubled.items()]
    return only_chips(address.only("kind", sync.kind) if sync.kind else address, "kind", kinds)


def list_paces(every: timedelta) -> list[Pace]:
    """Return how often a place is looked at, by how lately it changed."""
    paces = [
        Pace(changed_within_seconds=within.total_seconds(), every_seconds=(pace * every).total_seconds())
        for within, pace in PACES
    ]
    return [*paces, Pace(changed_within_seconds=None, every_seconds=(SLOWEST_PACE * every).total_seconds())]
