"""A page and the same for programs, described once; and what an address is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from headrace.errors import Malformed
from headrace.protocol.partner import parse_uuid
from headrace.store.sql.database import Database
from headrace.store.state.resources import ResourceRow, find_resource
from headrace.web.ground.openapi import NOT_FOUND, Operation, Reply, Scheme, show_json, show_page

LOG_IN_FIRST = {303: Reply("Nobody is logged in: on to the login.")}
NO_SESSION = {
    401: show_json("Nobody is logged in, and there is no token that is good."),
    403: show_json("The token may not read."),
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class View(Generic[T]):
    """Something to look at: a page at `path`, and the same for programs with `.json` behind it.

    `id` names the page's operation, `tells` is what the answer has, `shape` its type as JSON, and `query` has the JSON
    schema of each parameter. `may_be_missing` says that there may be nothing, `problem` what a query can get wrong.
    """

    path: str
    id: str
    summary: str
    tells: str
    shape: type[T]
    json_summary: str = "Return the same for programs."
    query: Mapping[str, Any] = field(default_factory=dict)
    may_be_missing: bool = False
    problem: str = ""

    @property
    def page(self) -> Operation:
        return self._describe(self.id, self.summary, LOG_IN_FIRST, show_page(self.tells), show_page(self.problem))

    @property
    def json(self) -> Operation:
        reply, wrong = show_json(self.tells, self.shape), show_json(self.problem)
        described = self._describe(f"{self.id}_json", self.json_summary, NO_SESSION, reply, wrong)
        return replace(described, other_scheme=Scheme.PROGRAM)

    def _describe(
        self, id_: str, summary: str, no_session: Mapping[int, Reply], reply: Reply, wrong: Reply
    ) -> Operation:
        replies = {**no_session, **(NOT_FOUND if self.may_be_missing else {}), 200: reply}
        if self.problem:
            replies[400] = wrong
        return Operation(id=id_, summary=summary, scheme=Scheme.OPERATOR, query=self.query, replies=replies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why there is nothing to show: a message with a title for people, and the same message for programs."""

    title: str
    text: str
    status: int


def require_uuid(request: Request) -> str:
    """Return the uuid that an address names.

    Raises:
        HTTPException: it names none, 404.
    """
    try:
        return parse_uuid(request.path_params["uuid"])
    except Malformed:
        raise HTTPException(404) from None


async def require_resource(request: Request, database: Database) -> ResourceRow:
    """Return the resource that an address names.

    Raises:
        HTTPException: there is none, 404.
    """
    resource = await database.read(find_resource, require_uuid(request))
    if resource is None:
        raise HTTPException(404)
    return resource
