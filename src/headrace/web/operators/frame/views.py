"""A page and the same for programs, or a question and its answer, described once; and what an address is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from headrace.errors import Malformed
from headrace.protocol.partner import parse_uuid
from headrace.store.sql.database import Database
from headrace.store.state.resources import ResourceRow, find_resource
from headrace.web.ground.bodies import OwnForm
from headrace.web.ground.openapi import (
    FORM_REJECTED,
    FORM_TYPE,
    NOT_FOUND,
    Operation,
    Reply,
    Scheme,
    show_json,
    show_page,
)

LOG_IN_FIRST = {303: Reply("Nobody is logged in: on to the login.")}
NO_SESSION = {
    401: show_json("Nobody is logged in, and there is no token that is good."),
    403: show_json("The token may not read."),
}

DONE_OR_LOG_IN = {303: Reply("It is done, or nobody is logged in; the page it leads to tells.")}

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
class Question:
    """Something that is asked before it is done: a page at `path`, whose form sends the answer to the same address.

    `ids` and `summaries` are of the page's operation and of the form's. `names` and `query` have the JSON schema of
    each parameter, of the path and behind it. `may_be_missing` says that there may be nothing that it is about, and
    `problem` why it may not be done.
    """

    path: str
    ids: tuple[str, str]
    summaries: tuple[str, str]
    names: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    may_be_missing: bool = True
    problem: str = ""

    @property
    def page(self) -> Operation:
        replies = {**LOG_IN_FIRST, **self._missing, 200: show_page("The question.")}
        return self._describe(0, replies)

    @property
    def form(self) -> Operation:
        replies = {**FORM_REJECTED, **DONE_OR_LOG_IN, **self._missing}
        if self.problem:
            replies[409] = show_page(self.problem)
        return replace(self._describe(1, replies), body=(FORM_TYPE, OwnForm))

    @property
    def _missing(self) -> Mapping[int, Reply]:
        return NOT_FOUND if self.may_be_missing else {}

    def _describe(self, which: int, replies: Mapping[int, Reply]) -> Operation:
        id_, summary = self.ids[which], self.summaries[which]
        return Operation(
            id=id_, summary=summary, scheme=Scheme.OPERATOR, path=self.names, query=self.query, replies=replies
        )


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
