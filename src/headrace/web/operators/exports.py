"""Exports for operators: everything of one kind as CSV, sent as it is read."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Send

from headrace.fleet.formats import stream_csv
from headrace.logs import LogName
from headrace.store.reports.exports import EXPORTS, select_of_resource
from headrace.store.reports.pipeline_list import select_listed as select_listed_pipelines
from headrace.store.reports.resource_list import select_listed as select_listed_resources
from headrace.store.sql.database import Database
from headrace.web.ground.openapi import NOT_FOUND, DescribedRoute, Operation, Reply, Scheme, show_page
from headrace.web.ground.sessions import OperatorSession
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.lists import Address, read_address
from headrace.web.operators.frame.views import LOG_IN_FIRST
from headrace.web.operators.pipelines import LIST_QUERY as PIPELINE_FILTERS
from headrace.web.operators.pipelines import read_wanted as read_wanted_pipelines
from headrace.web.operators.resource_list import QUERY as RESOURCE_FILTERS
from headrace.web.operators.resource_list import read_wanted as read_wanted_resources

log = logging.getLogger(__name__)

CSV_TYPE = "text/csv"
# An export holds a connection to the database for as long as it is taken: a client that stops taking ends it.
STALLED_AFTER_SECONDS = 60.0
RETRY_AFTER_SECONDS = 10

_RESOURCE = {"resource": {"type": "string", "description": "Of placements and moves: those of this resource alone."}}
_FILTERS = {
    **{name: RESOURCE_FILTERS[name] for name in ("state", "stage", "plan", "small_plan", "region")},
    **{name: PIPELINE_FILTERS[name] for name in ("has", "without", "stale")},
    "q": {"type": "string", "description": "What is searched for, in the list that is exported."},
    "sort": {"type": "string", "description": "What the list goes by that is exported."},
}
EXPORT = Operation(
    id="export",
    summary="Return everything of one kind, or what the list of it shows; docs/metrics.md has the columns.",
    scheme=Scheme.OPERATOR,
    path={"what": {"type": "string", "enum": [*EXPORTS]}},
    query=_FILTERS | _RESOURCE,
    replies=LOG_IN_FIRST
    | NOT_FOUND
    | {
        200: Reply("The rows, those of one moment.", {CSV_TYPE: str}),
        429: show_page("Another export is being taken; one is at a time."),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorExports:
    """The route of the exports. One is taken at a time, so that a connection is left for everybody else."""

    guard: Guard
    database: Database
    small_plans: Collection[str]
    taken: asyncio.Lock = field(default_factory=asyncio.Lock)

    def routes(self) -> list[DescribedRoute]:
        return [DescribedRoute(f"{HOME}/exports/{{what}}.csv", self.guard.page(self.export), "GET", EXPORT)]

    async def export(self, request: Request, _session: OperatorSession) -> Response:
        what = request.path_params["what"]
        if what not in EXPORTS:
            raise HTTPException(404)
        if self.taken.locked():
            response = self.guard.show_message(
                "Another export is being taken", "One is taken at a time. Try again in a moment.", status=429
            )
            response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
            return response
        query = await self.database.read(self._select, what, read_address(request, *_FILTERS, *_RESOURCE))
        return _Export(self._read(query), filename=f"headrace-{what}.csv")

    def _select(self, connection: sa.Connection, what: str, address: Address) -> sa.Select[Any]:
        """Return the query for everything of one kind, or for what an address asks for of it."""
        query = EXPORTS[what](self.small_plans)
        if what == "resources" and address.query:
            return select_listed_resources(connection, query, read_wanted_resources(address, self.small_plans))
        if what == "pipelines" and address.query:
            return select_listed_pipelines(connection, query, read_wanted_pipelines(address))
        uuid = address.find("resource")
        return select_of_resource(what, uuid) if uuid and what in ("placements", "moves") else query

    async def _read(self, query: sa.Select[Any]) -> AsyncGenerator[bytes]:
        """Yield the rows as they are asked for; whoever stops asking gives the connection back."""
        async with self.taken:
            chunks = stream_csv(self.database, query)
            try:
                while (chunk := await run_in_threadpool(next, chunks, None)) is not None:
                    yield chunk
            finally:
                await asyncio.shield(run_in_threadpool(chunks.close))


class _Export(StreamingResponse):
    """Ends the connection, and with it the file, where the client takes nothing for too long."""

    def __init__(self, chunks: AsyncGenerator[bytes], *, filename: str) -> None:
        super().__init__(
            chunks, media_type=CSV_TYPE, headers={"Content-Disposition": f'attachment; filename="{filename}"'}
        )
        self._chunks = chunks

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(STALLED_AFTER_SECONDS):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            log.warning(LogName.EXPORT_STALLED)
        finally:
            await self._chunks.aclose()
