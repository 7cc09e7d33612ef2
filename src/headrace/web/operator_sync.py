"""The operators' sync: how current the placements are, which looks are in trouble, and orders to look again."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from headrace.client import Clock
from headrace.errors import Malformed
from headrace.inspector.freshness import PACES, SLOWEST_PACE
from headrace.protocol.partner import parse_uuid
from headrace.store.database import Database
from headrace.store.insights import find_latest_day, load_figure
from headrace.store.placements import LIVE, want_check
from headrace.store.resources import find_resource
from headrace.store.roll_up import Figure
from headrace.store.sync import (
    MOST_COUNTED,
    PAGE,
    SyncState,
    TroubledRow,
    list_troubled,
    load_sync_state,
    want_looks_after,
)
from headrace.web.bodies import OwnForm
from headrace.web.channels import sort_stages
from headrace.web.lists import Address, Chip, only_chips, read_address
from headrace.web.openapi import FORM, FORM_REJECTED, NOT_FOUND, DescribedRoute, Operation, Scheme, show_json, show_page
from headrace.web.operator_door import DONE_OR_LOG_IN, HOME, LOG_IN_FIRST, NO_SESSION, OperatorDoor, respond_json
from headrace.web.sessions import OperatorSession
from headrace.web.timelines import spell_seconds

log = logging.getLogger(__name__)

SYNC = f"{HOME}/sync"
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
    next: str | None


_QUERY = {
    "kind": {"type": "string", "description": "Which looks to list: a kind of error, forbidden, app_hidden or never."},
    "after": {"type": "string", "description": "Where the page of them begins, as `next` says it."},
}
SHOW_SYNC = Operation(
    id="show_sync",
    summary="Show how current the placements are.",
    scheme=Scheme.OPERATOR,
    query=_QUERY,
    replies=LOG_IN_FIRST | {200: show_page("The state of the sync.")},
)
SHOW_SYNC_JSON = Operation(
    id="show_sync_json",
    summary="Return the same for programs.",
    scheme=Scheme.OPERATOR,
    query=_QUERY,
    replies=NO_SESSION | {200: show_json("The state of the sync.", Sync)},
)
ASK_LOOK_AT_EVERYTHING = Operation(
    id="ask_look_at_everything",
    summary="Ask whether everything is to be looked at now.",
    scheme=Scheme.OPERATOR,
    replies=LOG_IN_FIRST | {200: show_page("The question.")},
)
LOOK_AT_EVERYTHING = Operation(
    id="look_at_everything",
    summary="Make every look due now.",
    scheme=Scheme.OPERATOR,
    body=(FORM, OwnForm),
    replies=FORM_REJECTED | DONE_OR_LOG_IN,
)
LOOK_AT_RESOURCE = Operation(
    id="look_at_resource",
    summary="Make the look at one resource due now.",
    scheme=Scheme.OPERATOR,
    body=(FORM, OwnForm),
    replies=FORM_REJECTED | DONE_OR_LOG_IN | NOT_FOUND | {409: show_page("There is nothing to look at.")},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSync:
    """The routes of the sync."""

    door: OperatorDoor
    database: Database
    recheck_every: timedelta
    clock: Clock

    def routes(self) -> list[DescribedRoute]:
        door = self.door
        resource = f"{SYNC}/look/{{uuid}}"
        return [
            DescribedRoute(f"{SYNC}.json", door.twin(self.show_sync_json), "GET", SHOW_SYNC_JSON),
            DescribedRoute(SYNC, door.page(self.show_sync), "GET", SHOW_SYNC),
            DescribedRoute(f"{SYNC}/look", door.page(self.ask_look_at_everything), "GET", ASK_LOOK_AT_EVERYTHING),
            DescribedRoute(f"{SYNC}/look", door.form(self.look_at_everything), "POST", LOOK_AT_EVERYTHING),
            DescribedRoute(resource, door.form(self.look_at_resource), "POST", LOOK_AT_RESOURCE),
        ]

    async def show_sync(self, request: Request, session: OperatorSession) -> Response:
        address = read_address(request, *_QUERY)
        sync = await self._load(address)
        return self.door.show(
            session,
            "operator_sync.html",
            here=SYNC,
            sync=sync,
            address=address,
            chips=_list_chips(address, sync),
            most=MOST_COUNTED,
            spell_seconds=spell_seconds,
        )

    async def show_sync_json(self, request: Request, _session: OperatorSession) -> Response:
        return respond_json(await self._load(read_address(request, *_QUERY).twin))

    async def ask_look_at_everything(self, _request: Request, session: OperatorSession) -> Response:
        return self.door.show(session, "operator_look.html", here=SYNC)

    async def look_at_everything(self, _request: Request, _session: OperatorSession) -> Response:
        """Make every look due, once this is answered: a large fleet takes minutes, and a proxy waits for seconds."""
        log.info("operator.ordered", extra={"order": "look at everything"})
        return RedirectResponse(SYNC, status_code=303, background=BackgroundTask(self._want_every_look))

    async def look_at_resource(self, request: Request, _session: OperatorSession) -> Response:
        try:
            uuid = parse_uuid(request.path_params["uuid"])
        except Malformed:
            raise HTTPException(404) from None
        resource = await self.database.read(find_resource, uuid)
        if resource is None:
            raise HTTPException(404)
        if resource.state not in LIVE:
            text = f"{resource.name} is {resource.state}: its app's place is not asked for any more."
            return self.door.show_message("Nothing was done", text, status=409)
        await self.database.write(want_check, uuid, now=self.clock())
        log.info("operator.ordered", extra={"order": "look", "resource": uuid})
        return RedirectResponse(f"{HOME}/resources/{uuid}", status_code=303)

    async def _want_every_look(self) -> None:
        """Make looks due, some at a time; a process that stops leaves the rest, and the order can be given again."""
        now, last = self.clock(), ""
        while (behind := await self.database.write(want_looks_after, last, now=now, limit=BATCH)) is not None:
            last = behind

    async def _load(self, address: Address) -> Sync:
        now = self.clock()
        state = await self.database.read(load_sync_state, now=now)
        latest = await self.database.read(find_latest_day)
        places: dict[str, int] = {}
        if latest is not None:
            counts = await self.database.read(load_figure, Figure.BY_STAGE, since=latest[0], until=latest[0])
            places = {count.stage: count.value for count in counts}
        kind = address.find("kind") or max(state.troubled, key=lambda each: state.troubled[each], default=None)
        rows = (
            await self.database.read(list_troubled, kind, after=address.find("after"), limit=PAGE + 1) if kind else []
        )
        shown = rows[:PAGE]
        behind = address.only("kind", kind).at("after", shown[-1].uuid) if kind and len(rows) > PAGE else None
        return Sync(
            state=state,
            lag_seconds=(now - state.due_since).total_seconds() if state.due_since else 0.0,
            places={stage: places[stage] for stage in sort_stages(places)},
            counted_at=latest[1] if latest else None,
            paces=list_paces(self.recheck_every),
            kind=kind,
            troubled=shown,
            next=str(behind) if behind else None,
        )


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
