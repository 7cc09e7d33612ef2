"""The page on which the stages of a pipeline stand beside each other, now or on a day of the past."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from headrace.inspector.board import PlacedResource
from headrace.inspector.comparing import Comparison, KeptMetrics, compare, find_arrivals
from headrace.inspector.visibility import Seen
from headrace.models import NO_PIPELINE, Stage
from headrace.store.reports.pipeline_history import Past, load_pasts
from headrace.store.state.panel_metrics import find_panel_metrics
from headrace.web.customers.boards import Boards
from headrace.web.ground.addresses import Page
from headrace.web.ground.pages import BackLink, Context, Face, MessageContext, render, show_message
from headrace.web.ground.sessions import Session
from headrace.wording import spell_date

# The past is told for so long, and of so many resources.
LONGEST = timedelta(days=365)
MOST_RESOURCES = 1_000
MOST_LANES = 40
WAY = (Stage.DEVELOPMENT, Stage.STAGING, Stage.PRODUCTION)
# An axis has a tick at each Monday, or at fewer of them.
MOST_TICKS = 8
NARROWEST = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a lane, in hundredths of the time that is shown."""

    x: float
    width: float
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One app's past: where it stood, where its plan changed, and when it first came to each stage."""

    app: str
    spans: Sequence[Span]
    marks: Sequence[float]
    came: Mapping[str, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A day on the axis."""

    x: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The lanes, their axis, and where on it the moment is that is shown; `days` is how many days it has."""

    lanes: Sequence[Lane]
    left_out: int
    ticks: Sequence[Tick]
    cursor: float
    first_day: date
    days: int
    earlier: date | None
    later: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareContext(Context):
    """A pipeline's stages beside each other; `day` is the one that was asked for, None for now."""

    template: ClassVar[str] = "compare.html"

    title: str
    pipeline_id: str
    comparison: Comparison
    history: History
    day: date | None
    is_complete: bool
    service_name: str
    email: str
    back: BackLink | None
    face: Face
    now: datetime
    way: Sequence[str] = WAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparing:
    """Answers with the comparison of one pipeline, of what a person may see."""

    boards: Boards
    service_name: str
    find_face: Callable[[], Face]

    async def show(self, request: Request, session: Session, seen: Seen, back: BackLink | None) -> Response:
        pipeline_id, now = request.path_params["id"], self.boards.clock()
        uuids = [each.uuid for each in seen.resources[:MOST_RESOURCES]]
        pasts = await self.boards.database.read(load_pasts, uuids)
        own = [each for each in seen.resources[:MOST_RESOURCES] if _has_stood(pasts[each.uuid], pipeline_id)]
        if not own:
            return self._show_nothing()
        day = read_day(request.query_params.get("on", ""), now)
        whole = await self.boards.build_whole(session.viewer, replace(seen, resources=own))
        resources = [card.resource for card in whole.cards]
        as_of = now if day is None else min(now, datetime.combine(day + timedelta(days=1), time(), UTC))
        kept = await self._find_kept(uuids, day) if day else None
        comparison = compare(pipeline_id, resources, pasts, as_of=as_of, kept=kept)
        named = (each.pipeline for each in resources if each.pipeline and each.pipeline.id == pipeline_id)
        context = CompareContext(
            title=next((ref.name for ref in named if ref.name), pipeline_id[:8]),
            pipeline_id=pipeline_id,
            comparison=comparison,
            history=draw_history(pipeline_id, comparison, now=now),
            day=day,
            is_complete=whole.is_complete,
            service_name=self.service_name,
            email=session.email,
            back=back,
            face=self.find_face(),
            now=now,
        )
        return Page(render(context))

    async def _find_kept(self, uuids: Sequence[str], day: date) -> KeptMetrics:
        """Return the partner's numbers of a day, where any are kept."""
        return await self.boards.database.read(find_panel_metrics, uuids, day)

    def _show_nothing(self) -> Response:
        context = MessageContext(
            title="No such pipeline on your board",
            text="It does not exist, or none of your apps has stood in it.",
            hint="Your board has every pipeline of which you may see an app: /board",
            service_name=self.service_name,
            status=404,
        )
        return show_message(context)


def read_day(text: str, now: datetime) -> date | None:
    """Return the day that is asked for; None is now, which any other text and today mean too."""
    try:
        day = date.fromisoformat(text) if len(text) == len("2026-11-03") else None
    except ValueError:
        return None
    today = now.astimezone(UTC).date()
    return max(day, today - LONGEST) if day is not None and day < today else None


def draw_history(pipeline_id: str, comparison: Comparison, *, now: datetime) -> History:
    """Return the past of the apps that lasted, the moment that is compared marked on it."""
    pasts = [past for _, past in comparison.lasting]
    begins = [each.began_at for past in pasts for each in past.stretches if each.pipeline_id == pipeline_id]
    first = max(min(begins, default=now), now - LONGEST).astimezone(UTC)
    first = datetime.combine(first.date(), time(), UTC)
    lanes = [_draw_lane(pipeline_id, each, past, first, now) for each, past in comparison.lasting[:MOST_LANES]]
    days = sorted({change.at.astimezone(UTC).date() for change in comparison.changes})
    here = comparison.as_of.astimezone(UTC) - timedelta(microseconds=1)
    return History(
        lanes=lanes,
        left_out=len(comparison.lasting) - len(lanes),
        ticks=draw_ticks(first, now),
        cursor=_place(comparison.as_of, first, now),
        first_day=first.date(),
        days=(now.astimezone(UTC).date() - first.date()).days,
        earlier=next((day for day in reversed(days) if day < here.date()), None),
        later=next((day for day in days if day > here.date()), None),
    )


def draw_ticks(first: datetime, now: datetime) -> list[Tick]:
    """Return Mondays, so many of them as there is room for, or each day where there is no other Monday."""
    days = [first + timedelta(days=number) for number in range((now - first).days + 1)]
    mondays = [day for day in days if day.weekday() == 0] if len(days) > MOST_TICKS else days
    every = -(-len(mondays) // MOST_TICKS) or 1
    return [Tick(x=_place(day, first, now), text=spell_date(day.date())) for day in mondays[::every]]


def _draw_lane(pipeline_id: str, resource: PlacedResource, past: Past, first: datetime, now: datetime) -> Lane:
    spans = []
    for each in past.stretches:
        if each.pipeline_id != pipeline_id:
            continue
        x, end = _place(each.began_at, first, now), _place(each.ended_at or now, first, now)
        spans.append(Span(x=min(x, 100 - NARROWEST), width=max(NARROWEST, end - x), stage=each.stage or NO_PIPELINE))
    return Lane(
        app=resource.app.name or resource.name,
        spans=spans,
        marks=[_place(step.at, first, now) for step in past.plans if step.at >= first],
        came=find_arrivals(pipeline_id, past.stretches),
    )


def _place(at: datetime, first: datetime, now: datetime) -> float:
    whole = max(1.0, (now - first).total_seconds())
    return round(min(100.0, max(0.0, 100 * (at - first).total_seconds() / whole)), 2)


def _has_stood(past: Past, pipeline_id: str) -> bool:
    return any(each.pipeline_id == pipeline_id for each in past.stretches)
