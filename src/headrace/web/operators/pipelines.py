"""The operators' pipelines: the list of them, and one with what stands at its stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from headrace.models import Stage
from headrace.protocol.wire import read_number
from headrace.store.reports.pipeline_list import (
    SHOWN_AT_STAGE,
    PipelineKey,
    PipelineRow,
    StandingRow,
    Wanted,
    list_pipelines,
    list_standing,
    load_pipelines,
)
from headrace.store.sql.database import Database
from headrace.store.sql.prefix_search import fold_text
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.operators.drawing.channels import Cell, draw_channel, list_columns, sort_stages
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.lists import (
    Address,
    Chip,
    find_next,
    only_chips,
    read_address,
    read_position,
    spell_position,
    turn_chip,
)
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import View, require_uuid

MOST_STAGES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineList:
    """A page of pipelines; `next` is the address of the next one, and `is_cut` says that a search found too many."""

    pipelines: Sequence[PipelineRow]
    next: str | None
    is_cut: bool
    looked_through: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageList:
    """What stands at one stage of a pipeline, the latest first; `next` is the address of what came before these."""

    stage: str
    resources: Sequence[StandingRow]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineStages:
    """A pipeline and what stands at each of its stages."""

    pipeline: PipelineRow
    stages: Sequence[StageList]


_LIST_QUERY = {
    "q": {
        "type": "string",
        "description": "What a pipeline's or an app's name begins with, or the id of an owner or a pipeline.",
    },
    "has": {"type": "string", "description": "A stage at which something stands; may be repeated."},
    "without": {"type": "string", "description": "A stage at which nothing stands; may be repeated."},
    "stale": {"type": "string", "description": "Not empty: only where the last look at an app brought no answer."},
    "after": {"type": "string", "description": "Where the page begins, as `next` says it."},
}
_STAGE_QUERY = {
    "stage": {"type": "string", "description": "Only this stage."},
    "before": {"type": "string", "description": "Where the page of a stage begins, as `next` says it."},
}
PIPELINES = View(
    path=f"{HOME}/pipelines",
    id="show_pipelines",
    summary="Show pipelines, by name.",
    tells="A page of them.",
    shape=PipelineList,
    query=_LIST_QUERY,
)
PIPELINE = View(
    path=f"{PIPELINES.path}/{{uuid}}",
    id="show_pipeline",
    summary="Show one pipeline and what stands at its stages.",
    tells="The pipeline.",
    shape=PipelineStages,
    query=_STAGE_QUERY,
    may_be_missing=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelinesContext(OperatorContext):
    """A page of pipelines, each with its line through the stages of `columns`."""

    template: ClassVar[str] = "operator_pipelines.html"
    here: ClassVar[str] = PIPELINES.path

    listed: PipelineList
    address: Address
    chips: Sequence[Chip]
    columns: Sequence[str]
    channels: Mapping[str, Sequence[Cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineContext(OperatorContext):
    """One pipeline and what stands at its stages."""

    template: ClassVar[str] = "operator_pipeline.html"
    here: ClassVar[str] = PIPELINES.path

    pipeline: PipelineRow
    stages: Sequence[StageList]
    address: Address
    chips: Sequence[Chip]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorPipelines:
    """The routes of the pipelines."""

    guard: Guard
    database: Database

    def routes(self) -> list[DescribedRoute]:
        page, json = self.guard.view(PIPELINES, self.load_list, self.show_list)
        one, one_json = self.guard.view(PIPELINE, self.load_one, self.show_one)
        # Of an address that names something, `.json` would be a part of the name.
        return [json, page, one_json, one]

    async def load_list(self, request: Request) -> PipelineList:
        address = read_address(request, *_LIST_QUERY)
        wanted = Wanted(
            text=fold_text(address.find("q")),
            has=address.find_all("has")[:MOST_STAGES],
            without=address.find_all("without")[:MOST_STAGES],
            is_stale=bool(address.find("stale")),
        )
        page = await self.database.read(list_pipelines, wanted, after=_read_key(address.find("after")))
        return PipelineList(
            pipelines=page.rows,
            next=str(address.at("after", f"{page.next.name or ''}/{page.next.id}")) if page.next else None,
            is_cut=page.is_cut,
            looked_through=page.looked_through,
        )

    async def show_list(self, request: Request, listed: PipelineList) -> OperatorContext:
        address, columns = read_address(request, *_LIST_QUERY), list_columns(listed.pipelines)
        return PipelinesContext(
            listed=listed,
            address=address,
            chips=_list_chips(address),
            columns=columns,
            channels={row.id: draw_channel(row.stages, columns) for row in listed.pipelines},
        )

    async def load_one(self, request: Request) -> PipelineStages:
        address = read_address(request, *_STAGE_QUERY)
        found = await self.database.read(load_pipelines, [require_uuid(request)])
        if not found:
            raise HTTPException(404)
        (pipeline,) = found
        wanted = address.find("stage")
        stages = [stage for stage in sort_stages(pipeline.stages) if wanted in ("", stage)]
        shown = [await self._load_stage(pipeline.id, stage, address) for stage in stages]
        return PipelineStages(pipeline=pipeline, stages=shown)

    async def show_one(self, request: Request, loaded: PipelineStages) -> OperatorContext:
        address = read_address(request, *_STAGE_QUERY)
        choices = [(stage, stage) for stage in sort_stages(loaded.pipeline.stages)]
        return PipelineContext(
            pipeline=loaded.pipeline,
            stages=loaded.stages,
            address=address,
            chips=only_chips(address, "stage", choices, has_stages=True),
        )

    async def _load_stage(self, pipeline_id: str, stage: str, address: Address) -> StageList:
        # A position is one of the only stage that is shown.
        position = read_position(address.find("before")) if address.find("stage") else None
        number = read_number(position[1][0]) if position else None
        before = (position[0], number) if position and number is not None else None
        rows = await self.database.read(list_standing, pipeline_id, stage, before=before, limit=SHOWN_AT_STAGE + 1)
        return StageList(
            stage=stage,
            resources=rows[:SHOWN_AT_STAGE],
            next=find_next(address.only("stage", stage), "before", rows, _spell_place, most=SHOWN_AT_STAGE),
        )


def _spell_place(row: StandingRow) -> str:
    return spell_position(row.since, str(row.id))


def _list_chips(address: Address) -> list[Chip]:
    return [
        *(turn_chip(address, f"has {stage}", "has", stage, stage=stage) for stage in Stage),
        turn_chip(address, "without staging", "without", Stage.STAGING),
        turn_chip(address, "without production", "without", Stage.PRODUCTION),
        turn_chip(address, "stale", "stale", "1"),
    ]


def _read_key(position: str) -> PipelineKey | None:
    name, slash, id_ = position.rpartition("/")
    return PipelineKey(name or None, id_) if slash else None
