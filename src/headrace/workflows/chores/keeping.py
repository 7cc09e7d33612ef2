"""Requests with Heroku that are kept for operators: noted as they go by, and written some seconds later, masked.

Those that failed are, and those that belong to an order of a customer's, a partner's or an operator's; a check that
went well is not. Nobody ever waits for it, and what is too much is counted instead.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import timedelta
from threading import Lock

import sqlalchemy as sa

from headrace.clock import Clock
from headrace.models import Secret
from headrace.protocol.kept_requests import Direction, RawRequest, mask_requests
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.wire import Request, Response
from headrace.store.sql.database import Database
from headrace.store.state.hour_counts import HourFigure, save_hour_counts
from headrace.store.state.kept_requests import CHECK, forget_requests, list_excess_requests, save_requests
from headrace.telemetry.context import find_about
from headrace.workflows.engine.ids import read_kind, read_purpose

# Until the next time that they are written: in all, of one resource or of nobody's, and of checks that failed.
MOST_WAITING, MOST_OF_ONE, MOST_CHECKS = 1_000, 100, 100
# To mask one takes some 30 µs, for which an answer to Heroku may have to wait.
WRITTEN_TOGETHER = 50
FORGOTTEN_TOGETHER = 500


class RequestKeeper:
    """Keeps requests for as long as it is told to; for no time at all, it keeps none."""

    def __init__(
        self, database: Database, *, clock: Clock, kept_for: timedelta, secrets: Collection[Secret] = ()
    ) -> None:
        """`secrets` are those of the service, in case one of them is where none is expected."""
        self._database = database
        self._clock = clock
        self._kept_for = kept_for
        self._is_on = kept_for > timedelta(0)
        self._secrets = [secret.reveal() for secret in secrets]
        self._lock = Lock()
        self._writing = asyncio.Lock()
        self._waiting: list[RawRequest] = []
        self._counts: Counter[str] = Counter()
        self._dropped = 0

    def observe(self, request: Request, response: Response | None, seconds: float) -> None:
        """Note a request to Heroku, on whatever thread it was sent: the client's observer."""
        if not self._is_on:
            return
        about = find_about()
        workflow = about.get("workflow", "")
        kind = read_kind(workflow) if workflow else WorkflowKind.SWEEP
        purpose = CHECK if kind == WorkflowKind.SWEEP else read_purpose(workflow)
        status = response.status if response is not None else None
        if purpose == CHECK and status is not None and status < 400:
            return
        answer, request_id = (response.body, response.headers.get("request-id", "")) if response else (b"", "")
        self.keep(
            RawRequest(
                direction=Direction.TO_HEROKU,
                purpose=purpose,
                at=self._clock() - timedelta(seconds=seconds),
                method=request.method,
                path=request.path,
                plain=request.endpoint.split("/"),
                status=status,
                seconds=seconds,
                request_id=request_id,
                resource_uuid=about.get("resource"),
                workflow=workflow if purpose != CHECK else None,
                step=about.get("step"),
                body=request.body,
                answer=answer,
            )
        )

    def keep(self, raw: RawRequest) -> None:
        """Note a request, unless too many wait to be written."""
        if not self._is_on:
            return
        whose = CHECK if raw.purpose == CHECK else raw.resource_uuid or ""
        with self._lock:
            is_full = self._counts[whose] >= (MOST_CHECKS if whose == CHECK else MOST_OF_ONE)
            if is_full or len(self._waiting) >= MOST_WAITING:
                self._dropped += 1
                return
            self._counts[whose] += 1
            self._waiting.append(raw)

    async def flush(self) -> None:
        """Write what waits, a few at a time: nobody else's turn comes late. What could not be written waits on.

        Of two at once the later one waits: when it returns, what the other had taken is written too.

        Raises:
            SQLAlchemyError: the database takes no writes.
        """
        async with self._writing:
            await self._write()

    async def forget(self) -> None:
        """Forget what is too old, or too much."""
        before, limit = self._clock() - self._kept_for, FORGOTTEN_TOGETHER
        while ids := await self._database.read(list_excess_requests, before=before, limit=limit):
            await self._database.write(forget_requests, ids)

    async def _write(self) -> None:
        waiting, dropped = self._take()
        try:
            while waiting:
                kept = await asyncio.to_thread(mask_requests, waiting[:WRITTEN_TOGETHER], self._secrets)
                await self._database.write(save_requests, kept)
                del waiting[:WRITTEN_TOGETHER]
            if dropped:
                await self._database.write(self._count_dropped, dropped)
                dropped = 0
        except BaseException:
            self._put_back(waiting, dropped)
            raise

    def _count_dropped(self, connection: sa.Connection, dropped: int) -> None:
        save_hour_counts(connection, {(HourFigure.NOT_KEPT, ""): float(dropped)}, now=self._clock())

    def _take(self) -> tuple[list[RawRequest], int]:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            dropped, self._dropped = self._dropped, 0
            self._counts.clear()
        return waiting, dropped

    def _put_back(self, waiting: Sequence[RawRequest], dropped: int) -> None:
        with self._lock:
            self._dropped += dropped
        for raw in waiting:
            self.keep(raw)
