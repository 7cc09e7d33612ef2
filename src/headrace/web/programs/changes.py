"""What happened, by `/api/changes`: in order, from a cursor on, waited for where nothing new is there yet."""

import asyncio
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.errors import Malformed
from headrace.fleet.changes import ResourceChange, describe_change
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
from headrace.web.ground.openapi import DescribedRoute, Operation, Scheme, show_json
from headrace.web.ground.tokens import Caller
from headrace.web.programs.gate import BAD_REQUEST, Gate, describe, read_count, respond

PAGE, LONGEST_PAGE = 100, 1_000
# Heroku's router ends a request that says nothing for thirty seconds.
LONGEST_WAIT_SECONDS = 25
POLL_SECONDS = 0.5


class ChangePage(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, in order; `next` is the `after` of the next request, also where nothing is new."""

    changes: list[ResourceChange]
    next: str | None


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
        return respond(ChangePage(changes=[describe_change(row) for row in rows], next=following))

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
