"""The operators' requests: what Heroku asked of us and we of Heroku, as far as it is kept, without what is secret."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import sqlalchemy as sa
from starlette.requests import Request

from headrace.clock import Clock
from headrace.protocol.kept_requests import Direction
from headrace.protocol.wire import read_number
from headrace.store.sql.database import Database
from headrace.store.state.hour_counts import KEPT_FOR, HourFigure, list_hour_counts
from headrace.store.state.kept_requests import (
    MOST,
    MOST_OF_ONE,
    NO_ANSWER,
    Kind,
    RequestKey,
    RequestRow,
    Wanted,
    count_requests,
    list_requests,
)
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.lists import (
    Address,
    Chip,
    find_next,
    only_chips,
    read_address,
    read_position,
    spell_position,
)
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import View
from headrace.web.operators.story.requests import Purpose, group_requests

PAGE = 50
DAY = timedelta(days=1)
RECENT = "day"
DIRECTIONS: Mapping[str, str] = {Direction.TO_HEROKU: "to Heroku", Direction.FROM_HEROKU: "from Heroku"}
ANSWERS = {"2": "2xx", "3": "3xx", "4": "4xx", "5": "5xx", "none": "no answer"}
# A bar that is full took so long, or longer.
FULL_BAR_MS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestList:
    """A page of requests, the latest first; the counts are of all that were asked for.

    `not_kept` is how many there were in the last days that are not kept, because too many came at once.
    """

    requests: Sequence[RequestRow]
    next: str | None
    count: int
    to_heroku: int
    from_heroku: int
    failed: int
    not_kept: int
    kept_for_days: float


_TEXT = {"type": "string"}
_QUERY = {
    "resource": {**_TEXT, "description": "The uuid of the resource that they are about."},
    "workflow": {**_TEXT, "description": "The workflow that made them."},
    "step": {**_TEXT, "description": "The step that made them."},
    "q": {**_TEXT, "description": "What is in the path, or in the request's id."},
    "direction": {**_TEXT, "description": "to: what we asked of Heroku; from: what Heroku asked of us."},
    "answer": {**_TEXT, "description": "The first digit of the status, or none: no answer came."},
    "when": {**_TEXT, "description": f"{RECENT}: the last 24 hours; anything else: all that is kept."},
    "before": {**_TEXT, "description": "Where the page begins, as `next` says it."},
}
REQUESTS = View(
    path=f"{HOME}/requests",
    id="show_requests",
    summary="Show requests with Heroku, either way, without what is secret.",
    tells="A page of them.",
    shape=RequestList,
    query=_QUERY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestsContext(OperatorContext):
    """A page of requests, by what they were for, and the filters with how many each would show."""

    template: ClassVar[str] = "operator_requests.html"
    here: ClassVar[str] = REQUESTS.path

    listed: RequestList
    purposes: Sequence[Purpose]
    address: Address
    facets: Mapping[str, Sequence[Chip]]
    of_resource: str
    name: str
    full_bar: int = FULL_BAR_MS
    most_of_one: int = MOST_OF_ONE
    most: int = MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRequests:
    """The routes of the requests."""

    guard: Guard
    database: Database
    kept_for: timedelta
    clock: Clock

    def routes(self) -> list[DescribedRoute]:
        return list(self.guard.view(REQUESTS, self.load, self.show))

    async def load(self, request: Request) -> RequestList:
        address = read_address(request, *_QUERY)
        return await self.database.read(_load, address, now=self.clock(), kept_for=self.kept_for)

    async def show(self, request: Request, listed: RequestList) -> OperatorContext:
        address = read_address(request, *_QUERY)
        kinds = await self.database.read(_count, address, now=self.clock())
        first = listed.requests[0] if listed.requests else None
        uuid = address.find("resource")
        return RequestsContext(
            listed=listed,
            purposes=group_requests(listed.requests),
            address=address,
            facets=_list_facets(address, kinds),
            of_resource=uuid,
            name=(first.app_name or first.resource_name or uuid) if first else uuid,
        )


def _load(connection: sa.Connection, address: Address, *, now: datetime, kept_for: timedelta) -> RequestList:
    at = read_position(address.find("before"))
    number = read_number(at[1][0]) if at else None
    before = RequestKey(at[0], number) if at and number is not None else None
    rows = list_requests(connection, _read_wanted(address, now=now), before=before, limit=PAGE + 1)
    kinds = _count(connection, address, now=now)
    shown = {kind: count for kind, count in kinds.items() if _is_wanted(kind, address)}
    hours = list_hour_counts(connection, since=now - KEPT_FOR)
    return RequestList(
        requests=rows[:PAGE],
        next=find_next(address, "before", rows, _spell_key, most=PAGE),
        count=sum(shown.values()),
        to_heroku=_add_up(shown, lambda kind: kind.direction is Direction.TO_HEROKU),
        from_heroku=_add_up(shown, lambda kind: kind.direction is Direction.FROM_HEROKU),
        failed=_add_up(shown, lambda kind: kind.answer == NO_ANSWER or kind.answer >= 4),
        not_kept=int(sum(sum(by.values()) for (_, figure), by in hours.items() if figure is HourFigure.NOT_KEPT)),
        kept_for_days=kept_for / DAY,
    )


def _count(connection: sa.Connection, address: Address, *, now: datetime) -> dict[Kind, int]:
    """Count by kind, whatever of the filters with counts is on."""
    address = address.drop("direction", "answer", "when")
    return count_requests(connection, _read_wanted(address, now=now), recent_since=now - DAY)


def _read_wanted(address: Address, *, now: datetime) -> Wanted:
    direction = address.find("direction")
    return Wanted(
        resource_uuid=address.find("resource"),
        workflow=address.find("workflow"),
        step=address.find("step"),
        text=address.find("q"),
        direction=Direction(direction) if direction in list(Direction) else None,
        answer=_read_answer(address.find("answer")),
        since=now - DAY if address.find("when") == RECENT else None,
    )


def _read_answer(text: str) -> int | None:
    return NO_ANSWER if text == "none" else read_number(text, most_digits=1)


def _is_wanted(kind: Kind, address: Address) -> bool:
    """Whether requests of a kind are among those that an address asks for."""
    direction, answer = address.find("direction"), _read_answer(address.find("answer"))
    return (
        (direction not in list(Direction) or kind.direction == direction)
        and (answer is None or kind.answer == answer)
        and (address.find("when") != RECENT or kind.is_recent)
    )


def _list_facets(address: Address, kinds: Mapping[Kind, int]) -> dict[str, list[Chip]]:
    """Return the filters; each tells how many it would show with the others as they are."""

    def facet(name: str, values: Mapping[str, str]) -> list[Chip]:
        return only_chips(
            address, name, [(value, f"{label} {_count_with(name, value):,}") for value, label in values.items()]
        )

    def _count_with(name: str, value: str) -> int:
        return _add_up(kinds, lambda kind: _is_wanted(kind, address.only(name, value)))

    return {
        "Direction": facet("direction", DIRECTIONS),
        "Answer": facet("answer", ANSWERS),
        "When": facet("when", {RECENT: "last 24 hours"}),
    }


def _add_up(kinds: Mapping[Kind, int], is_meant: Callable[[Kind], bool]) -> int:
    return sum(count for kind, count in kinds.items() if is_meant(kind))


def _spell_key(row: RequestRow) -> str:
    return spell_position(row.at, str(row.id))
