"""Jobs by `/api`: the same order for many resources, how far it is, and what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.errors import Malformed, NothingToDo
from headrace.models import State
from headrace.protocol.import_lines import require_storable
from headrace.protocol.partner import parse_uuid
from headrace.resources.jobs import ConfigJob, Jobs, Ordered
from headrace.resources.known import ResourceFilters
from headrace.store.sql.database import Database
from headrace.store.state.config.changes import ConfigChangeKind
from headrace.store.state.config.jobs import list_failed_changes
from headrace.store.state.people.api_tokens import Scope
from headrace.web.ground.openapi import JSON_TYPE, DescribedRoute, Operation, Reply, Scheme, show_json
from headrace.web.ground.tokens import Caller
from headrace.web.programs.finding import MOMENTS, read_texts
from headrace.web.programs.gate import BAD_BODY, BAD_REQUEST, NOT_FITTING, Gate, describe, read_json, respond

JOBS = "/api/jobs"
ONE = f"{JOBS}/{{id}}"
FAILURES_PAGE = 500
Texts = Annotated[list[str], msgspec.Meta(min_length=1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class JobFilters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which resources a job is for: any of the values of each filter that is given, and one filter at least.

    `stage` is also `none` of apps in no pipeline and `unknown` where Heroku did not tell; `pipeline` and `app` are an
    id or a name. `made_after` is inclusive, `made_before` is not.
    """

    uuid: Texts | None = None
    name: Texts | None = None
    state: Annotated[list[State], msgspec.Meta(min_length=1)] | None = None
    plan: Texts | None = None
    region: Texts | None = None
    stage: Texts | None = None
    pipeline: Texts | None = None
    app: Texts | None = None
    made_after: Moment | None = None
    made_before: Moment | None = None


class JobBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order for many resources: `set` takes `config`, by name and null to remove; `rotate` takes none.

    `dry_run` says of how many resources it would be, and orders nothing.
    """

    kind: Literal["set", "rotate"]
    filters: JobFilters
    config: dict[str, str | None] | None = None
    dry_run: bool = False


class JobOrdered(msgspec.Struct, frozen=True, kw_only=True):
    """What came of ordering a job: of how many resources it is, and why others that fit are left out.

    `job_id` is null of a dry run. `left_out` counts by the state that rules them out, or by `no token`.
    """

    job_id: str | None
    count: int
    left_out: dict[str, int]


class JobShape(msgspec.Struct, frozen=True, kw_only=True):
    """A job, and how far it is: `waiting` counts what waits or is under way.

    Of the others so many are `done`, have `failed`, or were `dropped` because the resource went away first. A job rests
    while `stopped_at` is set.
    """

    id: str
    kind: ConfigChangeKind
    names: list[str]
    ordered_by: str
    created_at: datetime
    stopped_at: datetime | None
    is_over: bool
    total: int
    waiting: int
    done: int
    failed: int
    dropped: int


class JobListing(msgspec.Struct, frozen=True, kw_only=True):
    """The latest jobs, the newest first."""

    jobs: list[JobShape]


class JobFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A resource of which a job's order failed: at which step, and the kind of error."""

    uuid: str
    name: str
    step: str
    reason: str


class JobFailures(msgspec.Struct, frozen=True, kw_only=True):
    """What failed of a job, by uuid; `next` is the `after` of the next page, null where there is none."""

    failures: list[JobFailure]
    next: str | None


_ID: Mapping[str, Any] = {"id": {"type": "string", "format": "uuid"}}
_UNKNOWN: Mapping[int, Reply] = {404: show_json("There is no such job, or no resource of one of the uuids.")}
_SHOWN: Mapping[int, Reply] = {200: show_json("The job.", JobShape)}
START = Operation(
    id="start_job",
    summary="Order the same of many resources: all of it is recorded, or nothing.",
    scheme=Scheme.PROGRAM,
    body=(JSON_TYPE, JobBody),
    replies=describe(
        Scope.WRITE,
        BAD_BODY,
        _UNKNOWN,
        {
            200: show_json("A dry run: nothing was ordered.", JobOrdered),
            202: show_json("It is ordered, and a worker does it.", JobOrdered),
        },
    ),
)
LIST = Operation(
    id="list_jobs",
    summary="Return the latest jobs, and how far each is.",
    scheme=Scheme.PROGRAM,
    replies=describe(Scope.READ, {200: show_json("The jobs.", JobListing)}),
)
SHOW = Operation(
    id="show_job",
    summary="Return how far a job is.",
    scheme=Scheme.PROGRAM,
    path=_ID,
    replies=describe(Scope.READ, BAD_REQUEST, _UNKNOWN, _SHOWN),
)
SHOW_FAILURES = Operation(
    id="list_job_failures",
    summary="Return what failed of a job, and why.",
    scheme=Scheme.PROGRAM,
    path=_ID,
    query={"after": {"type": "string", "format": "uuid", "description": "The `next` of the page before."}},
    replies=describe(Scope.READ, BAD_REQUEST, _UNKNOWN, {200: show_json("What failed.", JobFailures)}),
)
STOP = Operation(
    id="stop_job",
    summary="Let a job rest: what waits does not begin, and what is under way is brought to its end.",
    scheme=Scheme.PROGRAM,
    path=_ID,
    replies=describe(Scope.WRITE, BAD_REQUEST, _UNKNOWN, NOT_FITTING, _SHOWN),
)
RESUME = Operation(
    id="resume_job",
    summary="Go on with a job that was stopped.",
    scheme=Scheme.PROGRAM,
    path=_ID,
    replies=describe(Scope.WRITE, BAD_REQUEST, _UNKNOWN, NOT_FITTING, _SHOWN),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRoutes:
    """The routes of jobs."""

    gate: Gate
    database: Database
    jobs: Jobs

    def routes(self) -> list[DescribedRoute]:
        guard = self.gate.guard
        return [
            DescribedRoute(JOBS, guard(Scope.WRITE, self.start), "POST", START),
            DescribedRoute(JOBS, guard(Scope.READ, self.list), "GET", LIST),
            DescribedRoute(f"{ONE}/failures", guard(Scope.READ, self.show_failures), "GET", SHOW_FAILURES),
            DescribedRoute(f"{ONE}/stop", guard(Scope.WRITE, self.stop), "POST", STOP),
            DescribedRoute(f"{ONE}/resume", guard(Scope.WRITE, self.resume), "POST", RESUME),
            DescribedRoute(ONE, guard(Scope.READ, self.show), "GET", SHOW),
        ]

    async def start(self, request: Request, caller: Caller) -> Response:
        body = await read_json(request, JobBody)
        if (body.kind == "set") != (body.config is not None):
            raise Malformed("config: `set` takes it, and `rotate` does not.", field="config")
        filters, by, dry_run = _read_filters(body.filters), caller.name, body.dry_run
        if body.config is not None:
            ordered = await self.jobs.set_config(body.config, by=by, dry_run=dry_run, **filters)
        else:
            ordered = await self.jobs.rotate(by=by, dry_run=dry_run, **filters)
        return respond(_describe_ordered(ordered), status=200 if dry_run else 202)

    async def list(self, _request: Request, _caller: Caller) -> Response:
        return respond(JobListing(jobs=[_describe(job) for job in await self.jobs.list()]))

    async def show(self, request: Request, _caller: Caller) -> Response:
        job = await self._find(request)
        return _say_unknown(request) if job is None else respond(_describe(job))

    async def show_failures(self, request: Request, _caller: Caller) -> Response:
        after = request.query_params.get("after")
        last = parse_uuid(after) if after is not None else ""
        job = await self._find(request)
        if job is None:
            return _say_unknown(request)
        rows = await self.database.read(list_failed_changes, job.id, after=last, limit=FAILURES_PAGE + 1)
        shown = rows[:FAILURES_PAGE]
        failures = [JobFailure(uuid=each.uuid, name=each.name, step=each.step, reason=each.reason) for each in shown]
        return respond(JobFailures(failures=failures, next=shown[-1].uuid if len(rows) > FAILURES_PAGE else None))

    async def stop(self, request: Request, _caller: Caller) -> Response:
        job = await self._find(request)
        return _say_unknown(request) if job is None else respond(_describe(await self.jobs.stop(job.id)))

    async def resume(self, request: Request, _caller: Caller) -> Response:
        job = await self._find(request)
        return _say_unknown(request) if job is None else respond(_describe(await self.jobs.resume(job.id)))

    async def _find(self, request: Request) -> ConfigJob | None:
        try:
            return await self.jobs.get(parse_uuid(request.path_params["id"]))
        except NothingToDo:
            return None


def _say_unknown(request: Request) -> Response:
    return JSONResponse({"message": f"There is no job {parse_uuid(request.path_params['id'])}."}, status_code=404)


def _read_filters(given: JobFilters) -> ResourceFilters:
    found: dict[str, Any] = {name: value for name, value in msgspec.structs.asdict(given).items() if value is not None}
    texts: dict[str, Sequence[str]] = {name: value for name, value in found.items() if name not in MOMENTS}
    read_texts(texts)
    for name in MOMENTS:
        require_storable(found.get(name), name)
    filters: Any = found
    chosen: ResourceFilters = filters
    return chosen


def _describe_ordered(ordered: Ordered) -> JobOrdered:
    return JobOrdered(job_id=ordered.job_id, count=ordered.count, left_out=dict(ordered.left_out))


def _describe(job: ConfigJob) -> JobShape:
    return JobShape(
        id=job.id,
        kind=job.kind,
        names=list(job.names),
        ordered_by=job.ordered_by,
        created_at=job.created_at,
        stopped_at=job.stopped_at,
        is_over=job.is_over,
        total=job.total,
        waiting=job.waiting,
        done=job.done,
        failed=job.failed,
        dropped=job.dropped,
    )
