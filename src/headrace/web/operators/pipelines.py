"""The operators' pipelines: the list of them, and one with what stands at its stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from headrace.models import Stage
from headrace.protocol.wire import read_number
from headrace.store.reports.paging import Total
from headrace.store.reports.pipeline_list import (
    PipelineKey,
    PipelineRow,
    StandingRow,
    Wanted,
    count_pipelines,
    list_pipelines,
    load_pipelines,
    read_standing,
)
from headrace.store.sql.database import Database
from headrace.store.sql.prefix_search import SEARCHED_INSIDE, fold_text
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.operators.drawing.channels import Cell, draw_channel, list_columns, sort_stages
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.lists import (
    SORT,
    Address,
    Chip,
    Head,
    only_chips,
    order_heads,
    read_address,
    read_place,
    read_position,
    spell_position,
    tell_pages,
    turn_chip,
)
from headrace.web.operators.frame.pages import OperatorContext
from headrace.web.operators.frame.views import View, require_uuid

MOST_STAGES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineList:
    """A page of pipelines, with the addresses of the pages beside it; `is_cut`: a search found too many."""

    pipelines: Sequence[PipelineRow]
    total: Total
    previous: str | None
    next: str | None
    is_cut: bool
    looked_through: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageList:
    """A page of what stands at one stage of a pipeline, the latest first, with the addresses of those beside it."""

    stage: str
    resources: Sequence[StandingRow]
    previous: str | None
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineStages:
    """A pipeline and what stands at each of its stages."""

    pipeline: PipelineRow
    stages: Sequence[StageList]


LIST_QUERY = {
    "q": {
        "type": "string",
        "description": "A part of a pipeline's name, what an app's begins with, or the id of an owner or a pipeline.",
    },
    "has": {"type": "string", "description": "A stage at which something stands; may be repeated."},
    "without": {"type": "string", "description": "A stage at which nothing stands; may be repeated."},
    "stale": {"type": "string", "description": "Not empty: only where the last look at an app brought no answer."},
    "sort": {"type": "string", "description": "name or -name: from A to Z, or from Z to A."},
    "after": {"type": "string", "description": "Where the page begins, as `next` says it."},
    "back_after": {"type": "string", "description": "Where the page ends, as `previous` says it."},
}
_STAGE_QUERY = {
    "stage": {"type": "string", "description": "Only this stage."},
    "before": {"type": "string", "description": "Where the page of a stage begins, as `next` says it."},
    "back_before": {"type": "string", "description": "Where the page of a stage ends, as `previous` says it."},
}
PIPELINES = View(
    path=f"{HOME}/pipelines",
    id="show_pipelines",
    summary="Show pipelines, by name.",
    tells="A page of them.",
    shape=PipelineList,
    query=LIST_QUERY,
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
    heads: Mapping[str, Head]
    is_large: bool
    columns: Sequence[str]
    channels: Mapping[str, Sequence[Cell]]
    searched_inside: int = SEARCHED_INSIDE


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
        address = read_address(request, *LIST_QUERY)
        wanted = read_wanted(address)
        page = await self.database.read(list_pipelines, wanted, place=read_place(address, "after", _read_key))
        pages = tell_pages(address, "after", page, lambda key: f"{key.name or ''}/{key.id}")
        return PipelineList(
            pipelines=page.rows,
            total=await self.database.read(count_pipelines, wanted),
            previous=pages.previous,
            next=pages.next,
            is_cut=page.is_cut,
            looked_through=page.looked_through,
        )

    async def show_list(self, request: Request, listed: PipelineList) -> OperatorContext:
        address, columns = read_address(request, *LIST_QUERY), list_columns(listed.pipelines)
        return PipelinesContext(
            listed=listed,
            address=address,
            chips=_list_chips(address),
            heads=order_heads(address, {"name": True}, by="name", is_ascending=not read_wanted(address).is_descending),
            is_large=(await self.database.read(count_pipelines, Wanted())).is_more,
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
        place = read_place(address, "before", _read_standing) if address.find("stage") else None
        page = await self.database.read(read_standing, pipeline_id, stage, place=place)
        pages = tell_pages(
            address.only("stage", stage), "before", page, lambda key: spell_position(key[0], str(key[1]))
        )
        return StageList(stage=stage, resources=page.rows, previous=pages.previous, next=pages.next)


def read_wanted(address: Address) -> Wanted:
    """Return which pipelines an address asks for."""
    return Wanted(
        text=fold_text(address.find("q")),
        has=address.find_all("has")[:MOST_STAGES],
        without=address.find_all("without")[:MOST_STAGES],
        is_stale=bool(address.find("stale")),
        is_descending=address.find(SORT) == "-name",
    )


def _read_standing(text: str) -> tuple[datetime, int] | None:
    position = read_position(text)
    number = read_number(position[1][0]) if position else None
    return (position[0], number) if position and number is not None else None


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
