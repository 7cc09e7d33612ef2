"""The operators' overview: what the fleet tells, and what each figure is."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from headrace.client import Clock
from headrace.inspector.definitions import DEFINITIONS, RULES, Definition, Rule
from headrace.inspector.overview import Overview, load_overview
from headrace.store.database import Database
from headrace.store.notices import MEANINGS
from headrace.store.roll_up import LONGEST
from headrace.web.openapi import DescribedRoute, Operation, Scheme, show_json, show_page
from headrace.web.operator_door import HOME, LOG_IN_FIRST, NO_SESSION, OperatorDoor, respond_json
from headrace.web.operator_pages import render_definitions, render_overview
from headrace.web.sessions import OperatorSession

DEFAULT_DAYS = 30
MOST_DAYS = LONGEST // timedelta(days=1)
WRONG_DAYS = f"days is a number from 1 to {MOST_DAYS}."


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeMeaning:
    """What a kind of notice says happened, and what there is to do."""

    kind: str
    means: str
    do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """What each figure is, the rules that hold for all of them, and what notices mean."""

    rules: tuple[Rule, ...]
    figures: tuple[Definition, ...]
    notices: tuple[NoticeMeaning, ...]


_DAYS = {"days": {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DEFAULT_DAYS}}
SHOW_OVERVIEW = Operation(
    id="show_overview",
    summary="Show what the fleet tells.",
    scheme=Scheme.OPERATOR,
    query=_DAYS,
    replies=LOG_IN_FIRST
    | {
        200: show_page("The figures, up to the latest day that was counted."),
        400: show_page("There is no such number of days."),
    },
)
SHOW_OVERVIEW_JSON = Operation(
    id="show_overview_json",
    summary="Return the same for programs; /operators/definitions.json has what each figure is.",
    scheme=Scheme.OPERATOR,
    query=_DAYS,
    replies=NO_SESSION
    | {
        200: show_json("The figures, up to the latest day that was counted.", Overview),
        400: show_json("There is no such number of days."),
    },
)
SHOW_DEFINITIONS = Operation(
    id="show_definitions",
    summary="Show what each figure is, and what each notice means.",
    scheme=Scheme.OPERATOR,
    replies=LOG_IN_FIRST | {200: show_page("The definitions.")},
)
SHOW_DEFINITIONS_JSON = Operation(
    id="show_definitions_json",
    summary="Return the same for programs.",
    scheme=Scheme.OPERATOR,
    replies=NO_SESSION | {200: show_json("The definitions.", Definitions)},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOverview:
    """The routes of the overview and of the definitions."""

    door: OperatorDoor
    database: Database
    slug: str
    small_plans: Collection[str]
    clock: Clock

    def routes(self) -> list[DescribedRoute]:
        door, definitions = self.door, f"{HOME}/definitions"
        return [
            DescribedRoute(HOME, door.page(self.show_overview), "GET", SHOW_OVERVIEW),
            DescribedRoute(f"{HOME}.json", door.twin(self.show_overview_json), "GET", SHOW_OVERVIEW_JSON),
            DescribedRoute(definitions, door.page(self.show_definitions), "GET", SHOW_DEFINITIONS),
            DescribedRoute(f"{definitions}.json", door.twin(self.show_definitions_json), "GET", SHOW_DEFINITIONS_JSON),
        ]

    async def show_overview(self, request: Request, session: OperatorSession) -> Response:
        """Show so many `days` up to the latest that was counted."""
        days = _read_days(request)
        if days is None:
            return self.door.show_message("There is no such window", WRONG_DAYS, status=400)
        page = render_overview(
            await self._load(days),
            service_name=self.door.service_name,
            slug=self.slug,
            csrf=session.csrf,
            days=days,
            small_plans=self.small_plans,
            now=self.clock(),
        )
        return HTMLResponse(page)

    async def show_overview_json(self, request: Request, _session: OperatorSession) -> Response:
        days = _read_days(request)
        if days is None:
            return JSONResponse({"message": WRONG_DAYS}, status_code=400)
        return respond_json(await self._load(days))

    async def show_definitions(self, _request: Request, session: OperatorSession) -> Response:
        return HTMLResponse(render_definitions(service_name=self.door.service_name, csrf=session.csrf))

    async def show_definitions_json(self, _request: Request, _session: OperatorSession) -> Response:
        notices = (NoticeMeaning(kind=kind, **meaning._asdict()) for kind, meaning in MEANINGS.items())
        return respond_json(Definitions(rules=RULES, figures=tuple(DEFINITIONS.values()), notices=tuple(notices)))

    async def _load(self, days: int) -> Overview:
        return await self.database.read(load_overview, days=days, small_plans=self.small_plans, now=self.clock())


def _read_days(request: Request) -> int | None:
    text = request.query_params.get("days", str(DEFAULT_DAYS))
    # Four digits fit into every integer there is.
    is_number = text.isascii() and text.isdecimal() and len(text) <= 4
    return int(text) if is_number and 1 <= int(text) <= MOST_DAYS else None
