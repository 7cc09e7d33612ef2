"""What the fleet tells, for programs."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.client import Clock
from headrace.inspector.insights import insights_as_json
from headrace.inspector.roll_up import load_insights
from headrace.store.database import Database
from headrace.store.roll_up import LONGEST
from headrace.web.openapi import DescribedRoute, Operation, Scheme, show_json

DEFAULT_DAYS = 30
MOST_DAYS = LONGEST // timedelta(days=1)

SHOW_FIGURES = Operation(
    id="show_figures",
    summary="Return what the fleet tells; docs/metrics.md has the definition of each figure.",
    scheme=Scheme.OPERATOR,
    query={"days": {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DEFAULT_DAYS}},
    replies={
        200: show_json("The figures, up to the latest day that was counted.", dict[str, Any]),
        400: show_json("There is no such number of days."),
        401: show_json("Nobody is logged in."),
    },
)

Show = Callable[[Request], Awaitable[Response]]
Guard = Callable[[Show], Show]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFigures:
    """Answers with the figures; who may ask is the guard's to say."""

    database: Database
    small_plans: Collection[str]
    clock: Clock

    def route(self, path: str, guard: Guard) -> DescribedRoute:
        return DescribedRoute(path, guard(self.show), "GET", SHOW_FIGURES)

    async def show(self, request: Request) -> Response:
        """Answer with so many `days` up to the latest that was counted."""
        days = _read_days(request.query_params.get("days", str(DEFAULT_DAYS)))
        if days is None:
            return JSONResponse({"message": f"days is a number from 1 to {MOST_DAYS}."}, status_code=400)
        insights = await self.database.read(load_insights, days=days, small_plans=self.small_plans, now=self.clock())
        return JSONResponse(insights_as_json(insights))


def _read_days(text: str) -> int | None:
    # Four digits fit into every integer there is.
    is_number = text.isascii() and text.isdecimal() and len(text) <= 4
    return int(text) if is_number and 1 <= int(text) <= MOST_DAYS else None
