"""Notices by `/api`: what wants a person's eye, and settling it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.clock import Clock
from headrace.protocol.wire import read_number
from headrace.store.reports.vitals import load_troubles
from headrace.store.sql.database import Database
from headrace.store.state.notices import MEANINGS, PAGE, NoticeKind, NoticeRow, list_open_notices, settle_notice
from headrace.store.state.people.api_tokens import Scope
from headrace.web.ground.openapi import DescribedRoute, Operation, Reply, Scheme, show_json
from headrace.web.ground.tokens import Caller
from headrace.web.programs.gate import BAD_REQUEST, Gate, describe, read_count, respond

NOTICES = "/api/notices"
LARGEST_ID = 10**9


class NoticeShape(msgspec.Struct, frozen=True, kw_only=True):
    """An open notice: what happened to a resource, what that means, and what there is to do.

    `detail` has what is known of it, such as the `step` that failed and the `reason`, the kind of its error.
    """

    id: int
    uuid: str
    resource: str
    kind: str
    means: str
    to_do: str
    detail: Mapping[str, Any]
    raised_at: datetime


class ServiceTrouble(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with the service as a whole, for as long as it stands here; nobody settles it."""

    kind: str
    text: str


class NoticeListing(msgspec.Struct, frozen=True, kw_only=True):
    """Open notices, the newest first; `next` is the `before` of the next page, null where there is none."""

    troubles: list[ServiceTrouble]
    notices: list[NoticeShape]
    next: int | None


LIST = Operation(
    id="list_notices",
    summary="Return what waits for a person.",
    scheme=Scheme.PROGRAM,
    query={
        "before": {
            "type": "integer",
            "minimum": 1,
            "maximum": LARGEST_ID - 1,
            "description": "The `next` of the page before.",
        }
    },
    replies=describe(Scope.READ, BAD_REQUEST, {200: show_json("The open notices.", NoticeListing)}),
)
SETTLE = Operation(
    id="settle_notice_by_program",
    summary="Settle a notice: somebody has seen to what it tells of.",
    scheme=Scheme.PROGRAM,
    replies=describe(
        Scope.OPERATE, {204: Reply("It is settled."), 404: show_json("No notice of this number is open.")}
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """The routes of notices."""

    gate: Gate
    database: Database
    clock: Clock
    recheck_every: timedelta

    def routes(self) -> list[DescribedRoute]:
        guard = self.gate.guard
        return [
            DescribedRoute(NOTICES, guard(Scope.READ, self.list), "GET", LIST),
            DescribedRoute(f"{NOTICES}/{{id:int}}/settle", guard(Scope.OPERATE, self.settle), "POST", SETTLE),
        ]

    async def list(self, request: Request, _caller: Caller) -> Response:
        text = request.query_params.get("before")
        before = None if text is None else read_count("before", text, default=1, least=1, most=LARGEST_ID - 1)
        troubles = await self.database.read(load_troubles, now=self.clock(), recheck_every=self.recheck_every)
        rows = await self.database.read(list_open_notices, before=before, limit=PAGE + 1)
        return respond(
            NoticeListing(
                troubles=[ServiceTrouble(kind=each.kind, text=each.text) for each in troubles],
                notices=[_describe(row) for row in rows[:PAGE]],
                next=rows[PAGE - 1].id if len(rows) > PAGE else None,
            )
        )

    async def settle(self, request: Request, caller: Caller) -> Response:
        id_ = read_number(str(request.path_params["id"]))
        if id_ is None or not await self.database.write(settle_notice, id_, by=caller.name, now=self.clock()):
            return JSONResponse({"message": "No notice of this number is open."}, status_code=404)
        return Response(status_code=204)


def _describe(row: NoticeRow) -> NoticeShape:
    # An older or a later release may have written a kind that this one does not know.
    meaning = MEANINGS[NoticeKind(row.kind)] if row.kind in list(NoticeKind) else None
    return NoticeShape(
        id=row.id,
        uuid=row.resource_uuid,
        resource=row.resource_name,
        kind=row.kind,
        means=meaning.means if meaning else "",
        to_do=meaning.do if meaning else "",
        detail=row.detail,
        raised_at=row.raised_at,
    )
