"""Exports for operators: everything of one kind as CSV, sent as it is read."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Send

from headrace.fleet.formats import stream_csv
from headrace.logs import LogName
from headrace.store.reports.exports import EXPORTS
from headrace.store.sql.database import Database
from headrace.web.ground.openapi import NOT_FOUND, DescribedRoute, Operation, Reply, Scheme, show_page
from headrace.web.ground.sessions import OperatorSession
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.views import LOG_IN_FIRST

log = logging.getLogger(__name__)

CSV_TYPE = "text/csv"
# An export holds a connection to the database for as long as it is taken: a client that stops taking ends it.
STALLED_AFTER_SECONDS = 60.0
RETRY_AFTER_SECONDS = 10

EXPORT = Operation(
    id="export",
    summary="Return everything of one kind; docs/metrics.md has the columns.",
    scheme=Scheme.OPERATOR,
    path={"what": {"type": "string", "enum": [*EXPORTS]}},
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
        return _Export(self._read(what), filename=f"headrace-{what}.csv")

    async def _read(self, what: str) -> AsyncGenerator[bytes]:
        """Yield the rows as they are asked for; whoever stops asking gives the connection back."""
        async with self.taken:
            chunks = stream_csv(self.database, what, small_plans=self.small_plans)
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
