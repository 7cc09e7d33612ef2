"""What happened, by `/api/changes`: in order, from a cursor on, waited for where nothing new is there yet."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.errors import Malformed
from headrace.store.sql.database import Database
from headrace.store.state.changes import (
    ChangeCursor,
    ChangeRow,
    has_unnumbered_changes,
    is_of_this_history,
    list_changes,
    number_changes,
    read_change_cursor,
    write_change_cursor,
)
from headrace.store.state.people.api_tokens import Scope
from headrace.store.state.timeline import TOLD, TimelineName
from headrace.web.ground.openapi import DescribedRoute, Operation, Scheme, show_json
from headrace.web.ground.tokens import Caller
from headrace.web.programs.gate import BAD_REQUEST, Gate, describe, read_count, respond

PAGE, LONGEST_PAGE = 100, 1_000
# Heroku's router ends a request that says nothing for thirty seconds.
LONGEST_WAIT_SECONDS = 25
POLL_SECONDS = 0.5


class ResourceChange(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a resource; `cursor` is the `after` that goes on behind it.

    `type` is a word such as `provision.done`, and `means` says it in a sentence; there may be new words. `by` is who
    ordered it. What else is known stands in its member, which is null where it is not about that: `plan` and `old_plan`
    are bare names, `config_vars` names, `order` is its number and `job` its id, `step` and `reason` tell of a failure.
    """

    cursor: str
    at: datetime
    uuid: str
    resource: str
    type: str
    means: str
    by: str | None
    plan: str | None
    old_plan: str | None
    pipeline: str | None
    pipeline_id: str | None
    old_pipeline_id: str | None
    stage: str | None
    old_stage: str | None
    config_vars: list[str] | None
    removed_config_vars: list[str] | None
    order: int | None
    job: str | None
    retried: str | None
    step: str | None
    reason: str | None


class ChangePage(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, in order; `next` is the `after` of the next request, also where nothing is new."""

    changes: list[ResourceChange]
    next: str | None


# In a line of a timeline, what each member is called, the first that is there.
MEMBERS: Mapping[str, tuple[str, ...]] = {
    "by": ("by",),
    "plan": ("new_plan", "plan"),
    "old_plan": ("old_plan",),
    "pipeline": ("pipeline",),
    "pipeline_id": ("new_pipeline",),
    "old_pipeline_id": ("old_pipeline",),
    "stage": ("stage", "to"),
    "old_stage": ("from",),
    "config_vars": ("config_vars",),
    "removed_config_vars": ("removed",),
    "job": ("job",),
    "step": ("step",),
    "reason": ("reason",),
}
# What these lines tell of is an order, and `number` is its number; those of plan changes have others.
OF_ORDERS = ("config.", "log_drain.", "credentials.", "retirement.")
FOLLOW = Operation(
    id="follow_changes",
    summary="Return what happened to resources behind a cursor, or wait until something does.",
    scheme=Scheme.PROGRAM,
    query={
        "after": {"type": "string", "description": "The `next` of the answer before; without one, from the beginning."},
        "limit": {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": PAGE},
        "wait": {
            "type": "integer",
            "minimum": 0,
            "maximum": LONGEST_WAIT_SECONDS,
            "default": 0,
            "description": "For how many seconds to wait where nothing is new.",
        },
    },
    replies=describe(
        Scope.READ,
        BAD_REQUEST,
        {
            200: show_json("What happened; nothing, where nothing did in that time.", ChangePage),
            409: show_json("The cursor is of another history: the database was restored from a backup since."),
        },
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The route of what happened."""

    gate: Gate
    database: Database

    def routes(self) -> list[DescribedRoute]:
        return [DescribedRoute("/api/changes", self.gate.guard(Scope.READ, self.follow), "GET", FOLLOW)]

    async def follow(self, request: Request, _caller: Caller) -> Response:
        query = request.query_params
        limit = read_count("limit", query.get("limit"), default=PAGE, least=1, most=LONGEST_PAGE)
        wait = read_count("wait", query.get("wait"), default=0, least=0, most=LONGEST_WAIT_SECONDS)
        cursor = _read_cursor(query.get("after"))
        if cursor is not None and not await self.database.read(is_of_this_history, cursor):
            message = (
                "after: is a cursor of another history, because the database was restored from a backup since. Begin "
                "from an older one, or from the beginning: what is known already comes again."
            )
            return JSONResponse({"message": message}, status_code=409)
        rows = await self._wait_for(cursor.position if cursor else 0, limit=limit, seconds=wait)
        following = write_change_cursor(rows[-1].cursor) if rows else query.get("after")
        return respond(ChangePage(changes=[_describe(row) for row in rows], next=following))

    async def _wait_for(self, after: int, *, limit: int, seconds: int) -> list[ChangeRow]:
        """Look until something has happened, or the time is up."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            # More than a page may have no position yet, where nobody has followed what happened before.
            is_more = await self.database.watch(has_unnumbered_changes)
            if is_more:
                await self.database.write(number_changes)
            rows = await self.database.watch(list_changes, after=after, limit=limit)
            if rows or loop.time() >= until:
                return rows
            if not is_more:
                await asyncio.sleep(POLL_SECONDS)


def _read_cursor(text: str | None) -> ChangeCursor | None:
    cursor = None if text is None else read_change_cursor(text)
    if text is not None and cursor is None:
        raise Malformed("after: is no cursor. Give the `next` of an answer as it is.", field="after")
    return cursor


def _describe(row: ChangeRow) -> ResourceChange:
    known: dict[str, Any] = {
        member: next((row.detail[name] for name in names if row.detail.get(name) is not None), None)
        for member, names in MEMBERS.items()
    }
    return ResourceChange(
        cursor=write_change_cursor(row.cursor),
        at=row.at,
        uuid=row.resource_uuid,
        resource=row.resource_name,
        type=row.name,
        means=TOLD[TimelineName(row.name)] if row.name in list(TimelineName) else "",
        order=row.detail.get("number") if row.name.startswith(OF_ORDERS) else None,
        retried=row.detail.get("what") if row.name == TimelineName.OPERATOR_RETRIED else None,
        **known,
    )
