"""The operators' pipelines: the list of them, and one with what stands at its stages."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headrace.errors import Malformed
from headrace.models import Stage
from headrace.protocol.partner import parse_uuid
from headrace.store.database import Database
from headrace.store.names import fold_text
from headrace.store.pipeline_list import (
    SHOWN_AT_STAGE,
    PipelineKey,
    PipelinePage,
    PipelineRow,
    StandingRow,
    Wanted,
    list_pipelines,
    list_standing,
    load_pipelines,
)
from headrace.web.channels import draw_channel, list_columns, sort_stages
from headrace.web.lists import (
    Address,
    Chip,
    is_number,
    only_chips,
    read_address,
    read_position,
    spell_position,
    turn_chip,
)
from headrace.web.openapi import NOT_FOUND, DescribedRoute, Operation, Scheme, show_json, show_page
from headrace.web.operator_door import HOME, LOG_IN_FIRST, NO_SESSION, OperatorDoor, respond_json
from headrace.web.sessions import OperatorSession

PIPELINES = f"{HOME}/pipelines"
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
SHOW_PIPELINES = Operation(
    id="show_pipelines",
    summary="Show pipelines, by name.",
    scheme=Scheme.OPERATOR,
    query=_LIST_QUERY,
    replies=LOG_IN_FIRST | {200: show_page("A page of them.")},
)
SHOW_PIPELINES_JSON = Operation(
    id="show_pipelines_json",
    summary="Return the same for programs.",
    scheme=Scheme.OPERATOR,
    query=_LIST_QUERY,
    replies=NO_SESSION | {200: show_json("A page of them.", PipelineList)},
)
SHOW_PIPELINE = Operation(
    id="show_pipeline",
    summary="Show one pipeline and what stands at its stages.",
    scheme=Scheme.OPERATOR,
    query=_STAGE_QUERY,
    replies=LOG_IN_FIRST | NOT_FOUND | {200: show_page("The pipeline.")},
)
SHOW_PIPELINE_JSON = Operation(
    id="show_pipeline_json",
    summary="Return the same for programs.",
    scheme=Scheme.OPERATOR,
    query=_STAGE_QUERY,
    replies=NO_SESSION | NOT_FOUND | {200: show_json("The pipeline.", PipelineStages)},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorPipelines:
    """The routes of the pipelines."""

    door: OperatorDoor
    database: Database

    def routes(self) -> list[DescribedRoute]:
        door = self.door
        pipeline = f"{PIPELINES}/{{uuid}}"
        return [
            DescribedRoute(f"{PIPELINES}.json", door.twin(self.show_pipelines_json), "GET", SHOW_PIPELINES_JSON),
            DescribedRoute(PIPELINES, door.page(self.show_pipelines), "GET", SHOW_PIPELINES),
            DescribedRoute(f"{pipeline}.json", door.twin(self.show_pipeline_json), "GET", SHOW_PIPELINE_JSON),
            DescribedRoute(pipeline, door.page(self.show_pipeline), "GET", SHOW_PIPELINE),
        ]

    async def show_pipelines(self, request: Request, session: OperatorSession) -> Response:
        address = _read_list_address(request)
        page = await self._list(address)
        next_page = _find_next(address, page)
        columns = list_columns(page.rows)
        channels = {row.id: draw_channel(row.stages, columns) for row in page.rows}
        return self.door.show(
            session,
            "operator_pipelines.html",
            here=PIPELINES,
            page=page,
            address=address,
            chips=_list_chips(address),
            columns=columns,
            channels=channels,
            next_page=next_page,
        )

    async def show_pipelines_json(self, request: Request, _session: OperatorSession) -> Response:
        address = _read_list_address(request)
        page = await self._list(address)
        next_page = _find_next(address.twin, page)
        listed = PipelineList(
            pipelines=page.rows,
            next=str(next_page) if next_page else None,
            is_cut=page.is_cut,
            looked_through=page.looked_through,
        )
        return respond_json(listed)

    async def show_pipeline(self, request: Request, session: OperatorSession) -> Response:
        address = read_address(request, "stage", "before")
        shown = await self._load(request, address)
        return self.door.show(
            session,
            "operator_pipeline.html",
            here=PIPELINES,
            pipeline=shown.pipeline,
            stages=shown.stages,
            address=address,
            chips=only_chips(
                address, "stage", [(each, each) for each in sort_stages(shown.pipeline.stages)], has_stages=True
            ),
        )

    async def show_pipeline_json(self, request: Request, _session: OperatorSession) -> Response:
        return respond_json(await self._load(request, read_address(request, "stage", "before").twin))

    async def _list(self, address: Address) -> PipelinePage:
        wanted = Wanted(
            text=fold_text(address.find("q")),
            has=address.find_all("has")[:MOST_STAGES],
            without=address.find_all("without")[:MOST_STAGES],
            is_stale=bool(address.find("stale")),
        )
        return await self.database.read(list_pipelines, wanted, after=_read_key(address.find("after")))

    async def _load(self, request: Request, address: Address) -> PipelineStages:
        try:
            found = await self.database.read(load_pipelines, [parse_uuid(request.path_params["uuid"])])
        except Malformed:
            raise HTTPException(404) from None
        if not found:
            raise HTTPException(404)
        (pipeline,) = found
        wanted = address.find("stage")
        stages = [stage for stage in sort_stages(pipeline.stages) if wanted in ("", stage)]
        shown = [await self._load_stage(pipeline.id, stage, address) for stage in stages]
        return PipelineStages(pipeline=pipeline, stages=shown)

    async def _load_stage(self, pipeline_id: str, stage: str, address: Address) -> StageList:
        # A position is one of the only stage that is shown.
        position = read_position(address.find("before")) if address.find("stage") else None
        before = (position[0], int(position[1][0])) if position and is_number(position[1][0]) else None
        rows = await self.database.read(list_standing, pipeline_id, stage, before=before, limit=SHOWN_AT_STAGE + 1)
        shown = rows[:SHOWN_AT_STAGE]
        behind = spell_position(shown[-1].since, str(shown[-1].id)) if len(rows) > SHOWN_AT_STAGE else None
        following = str(address.only("stage", stage).at("before", behind)) if behind else None
        return StageList(stage=stage, resources=shown, next=following)


def _read_list_address(request: Request) -> Address:
    return read_address(request, "q", "has", "without", "stale", "after")


def _list_chips(address: Address) -> list[Chip]:
    return [
        *(turn_chip(address, f"has {stage}", "has", stage, stage=stage) for stage in Stage),
        turn_chip(address, "without staging", "without", Stage.STAGING),
        turn_chip(address, "without production", "without", Stage.PRODUCTION),
        turn_chip(address, "stale", "stale", "1"),
    ]


def _find_next(address: Address, page: PipelinePage) -> Address | None:
    return None if page.next is None else address.at("after", f"{page.next.name or ''}/{page.next.id}")


def _read_key(position: str) -> PipelineKey | None:
    name, slash, id_ = position.rpartition("/")
    return PipelineKey(name or None, id_) if slash else None
