"""The operators' routes: what wants attention, one resource's timeline, and the orders about it.

They have a login, a cookie and keys of their own, and no route in common with customers.
"""

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TypedDict

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from headrace.client import Clock
from headrace.errors import Malformed, NothingToDo, NotOurForm, Rejected
from headrace.models import Secret, State
from headrace.protocol.partner import parse_uuid
from headrace.store.database import Database
from headrace.store.logins import add_attempt, count_attempts, forget_attempts
from headrace.store.notices import PAGE, NoticeRow, list_notices_of, list_open_notices, settle_notice
from headrace.store.resources import EventRow, ResourceRow, find_resource, find_states, list_events
from headrace.web.bodies import OwnForm, read_form, read_own_form
from headrace.web.openapi import (
    FORM,
    FORM_REJECTED,
    JSON,
    NOT_FOUND,
    DescribedRoute,
    Operation,
    Reply,
    Scheme,
    show_json,
    show_page,
)
from headrace.web.operator_pages import ORDERS, render_attention, render_login, render_order, render_timeline
from headrace.web.origin import is_same_origin
from headrace.web.pages import render_message
from headrace.web.sessions import OperatorSession, Sessions, make_csrf
from headrace.workflows.operations import Operations

log = logging.getLogger(__name__)

HOME = "/operators"
LOGIN = "/operators/login"
ATTEMPTS_COUNT_FOR = timedelta(minutes=15)
ATTEMPTS_OF_CLIENT = 5
# So that a thousand machines do not get a thousand times as many.
ATTEMPTS_IN_ALL = 50
LONGEST_CLIENT = 60

Endpoint = Callable[[Request, OperatorSession], Awaitable[Response]]


class LoginForm(TypedDict, total=False):
    """What the operators' login sends."""

    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenNotice(NoticeRow):
    """A notice with the state that its resource is in now."""

    resource_state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What wants attention, newest first."""

    notices: list[OpenNotice]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownResource:
    """Of a resource, what operators may see."""

    uuid: str
    name: str
    plan: str
    region: str
    state: State
    message: str | None
    app_id: str | None
    app_name: str | None
    running: str | None
    created_at: datetime
    provisioned_at: datetime | None
    deprovisioned_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One resource, what happened to it, and what was noted about it."""

    resource: ShownResource
    events: list[EventRow]
    notices: list[NoticeRow]


_LOG_IN_FIRST = {303: Reply("Nobody is logged in: on to the login.")}
_DONE_OR_LOG_IN = {303: Reply("It is done, or nobody is logged in; the page it leads to tells.")}
_NO_SESSION = {401: show_json("Nobody is logged in.")}
_ORDER = {"order": {"type": "string", "enum": [*ORDERS]}}
_BEFORE = {"before": {"type": "string", "description": "The id of a notice: show those that are older."}}

SHOW_LOGIN = Operation(
    id="show_operator_login", summary="Show the operators' login.", replies={200: show_page("The form.")}
)
LOG_IN = Operation(
    id="log_operator_in",
    summary="Let in whoever knows the operators' secret.",
    body=(FORM, LoginForm),
    replies=FORM_REJECTED
    | {
        303: Reply("Logged in: on to what wants attention."),
        403: show_page("The secret is wrong, or another site sent the form."),
        429: show_page("There were too many attempts."),
    },
)
LOG_OUT = Operation(
    id="log_operator_out",
    summary="End the session.",
    scheme=Scheme.OPERATOR,
    body=(FORM, OwnForm),
    replies=FORM_REJECTED | _DONE_OR_LOG_IN,
)
SHOW_ATTENTION = Operation(
    id="show_attention",
    summary="Show what wants attention.",
    scheme=Scheme.OPERATOR,
    query=_BEFORE,
    replies=_LOG_IN_FIRST | {200: show_page("The open notices.")},
)
SHOW_ATTENTION_JSON = Operation(
    id="show_attention_json",
    summary="Return the same for programs.",
    scheme=Scheme.OPERATOR,
    query=_BEFORE,
    replies=_NO_SESSION | {200: show_json("The open notices.", Attention)},
)
SETTLE = Operation(
    id="settle_notice",
    summary="Settle a notice; one that somebody has settled meanwhile is as good.",
    scheme=Scheme.OPERATOR,
    body=(FORM, OwnForm),
    replies=FORM_REJECTED | _DONE_OR_LOG_IN | NOT_FOUND,
)
SHOW_RESOURCE = Operation(
    id="show_resource",
    summary="Show one resource and its timeline.",
    scheme=Scheme.OPERATOR,
    replies=_LOG_IN_FIRST | NOT_FOUND | {200: show_page("The timeline.")},
)
SHOW_RESOURCE_JSON = Operation(
    id="show_resource_json",
    summary="Return the same for programs.",
    scheme=Scheme.OPERATOR,
    replies=_NO_SESSION | NOT_FOUND | {200: show_json("The timeline.", Timeline)},
)
SHOW_ORDER = Operation(
    id="show_order",
    summary="Ask whether an order about a resource is meant.",
    scheme=Scheme.OPERATOR,
    path=_ORDER,
    replies=_LOG_IN_FIRST | NOT_FOUND | {200: show_page("The question.")},
)
GIVE_ORDER = Operation(
    id="give_order",
    summary="Give an order about a resource.",
    scheme=Scheme.OPERATOR,
    path=_ORDER,
    body=(FORM, OwnForm),
    replies=FORM_REJECTED | _DONE_OR_LOG_IN | NOT_FOUND | {409: show_page("The order does not fit the resource.")},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operators:
    """What the operators' routes work with."""

    database: Database
    operations: Operations
    sessions: Sessions[OperatorSession]
    secret: Secret
    service_name: str
    clock: Clock

    def routes(self) -> list[DescribedRoute]:
        resource = f"{HOME}/resources/{{uuid}}"
        order = f"{resource}/{{order}}"
        return [
            DescribedRoute(LOGIN, self.show_login, "GET", SHOW_LOGIN),
            DescribedRoute(LOGIN, self.log_in, "POST", LOG_IN),
            DescribedRoute(f"{HOME}/logout", self._form(self.log_out), "POST", LOG_OUT),
            DescribedRoute(HOME, self._page(self.show_attention), "GET", SHOW_ATTENTION),
            DescribedRoute(f"{HOME}.json", self._twin(self.show_attention_json), "GET", SHOW_ATTENTION_JSON),
            DescribedRoute(f"{HOME}/notices/{{id:int}}/settle", self._form(self.settle), "POST", SETTLE),
            DescribedRoute(f"{resource}.json", self._twin(self.show_resource_json), "GET", SHOW_RESOURCE_JSON),
            DescribedRoute(resource, self._page(self.show_resource), "GET", SHOW_RESOURCE),
            DescribedRoute(order, self._page(self.show_order), "GET", SHOW_ORDER),
            DescribedRoute(order, self._form(self.give_order), "POST", GIVE_ORDER),
        ]

    async def show_login(self, _request: Request) -> Response:
        return HTMLResponse(render_login(service_name=self.service_name))

    async def log_in(self, request: Request) -> Response:
        """Let in whoever knows the secret. An attempt counts before it is judged, so that many at once count too."""
        try:
            form = await read_form(request)
            if not is_same_origin(request):
                raise NotOurForm
        except Rejected as error:
            return self._show_rejected(error)
        client = (request.client.host if request.client else "")[:LONGEST_CLIENT]
        if not await self._may_try(client):
            log.warning("operator.held_off", extra={"client": client})
            return self._show_held_off()
        if not _is_same(form.get("secret", ""), self.secret):
            log.warning("operator.refused", extra={"client": client})
            return HTMLResponse(render_login(service_name=self.service_name, is_refused=True), status_code=403)
        await self.database.write(forget_attempts, client)
        log.info("operator.logged_in", extra={"client": client})
        response = RedirectResponse(HOME, status_code=303)
        self.sessions.save(request, response, OperatorSession(csrf=make_csrf()))
        return response

    async def log_out(self, request: Request, _session: OperatorSession) -> Response:
        response = RedirectResponse(LOGIN, status_code=303)
        self.sessions.end(request, response)
        return response

    async def show_attention(self, request: Request, session: OperatorSession) -> Response:
        notices = await self._list_notices(request)
        states = await self.database.read(find_states, {notice.resource_uuid for notice in notices})
        page = render_attention(
            notices,
            states,
            service_name=self.service_name,
            csrf=session.csrf,
            now=self.clock(),
            older=notices[-1].id if len(notices) == PAGE else None,
        )
        return HTMLResponse(page)

    async def show_attention_json(self, request: Request, _session: OperatorSession) -> Response:
        notices = await self._list_notices(request)
        states = await self.database.read(find_states, {notice.resource_uuid for notice in notices})
        described = [OpenNotice(**asdict(notice), resource_state=states[notice.resource_uuid]) for notice in notices]
        return _respond_json(Attention(notices=described))

    async def settle(self, request: Request, _session: OperatorSession) -> Response:
        """Settle a notice; one that somebody has settled meanwhile is as good."""
        await self.database.write(settle_notice, request.path_params["id"], by="operator", now=self.clock())
        return RedirectResponse(HOME, status_code=303)

    async def show_resource(self, request: Request, session: OperatorSession) -> Response:
        resource, events, notices = await self._load_resource(request)
        page = render_timeline(resource, events, notices, service_name=self.service_name, csrf=session.csrf)
        return HTMLResponse(page)

    async def show_resource_json(self, request: Request, _session: OperatorSession) -> Response:
        resource, events, notices = await self._load_resource(request)
        shown = msgspec.convert(resource, ShownResource, from_attributes=True)
        return _respond_json(Timeline(resource=shown, events=events, notices=notices))

    async def show_order(self, request: Request, session: OperatorSession) -> Response:
        """Ask whether the order is meant; nothing happens before its form is sent."""
        order = _find_order(request)
        resource, _, _ = await self._load_resource(request)
        return HTMLResponse(render_order(order, resource, service_name=self.service_name, csrf=session.csrf))

    async def give_order(self, request: Request, _session: OperatorSession) -> Response:
        order = _find_order(request)
        resource, _, _ = await self._load_resource(request)
        try:
            await (self.operations.retry if order == "retry" else self.operations.abandon)(resource.uuid)
        except NothingToDo as error:
            return self._show_message("Nothing was done", str(error), status=409)
        log.info("operator.ordered", extra={"order": order, "resource": resource.uuid})
        return RedirectResponse(f"{HOME}/resources/{resource.uuid}", status_code=303)

    def guard(self, show: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Return what shows something to programs of operators only, whoever made it."""

        async def show_to_operator(request: Request, _session: OperatorSession) -> Response:
            return await show(request)

        return self._twin(show_to_operator)

    def _page(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            session = self.sessions.find(request)
            return RedirectResponse(LOGIN, status_code=303) if session is None else await endpoint(request, session)

        return respond

    def _twin(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            session = self.sessions.find(request)
            if session is None:
                return JSONResponse({"message": "Log in as an operator first."}, status_code=401)
            return await endpoint(request, session)

        return respond

    def _form(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            session = self.sessions.find(request)
            if session is None:
                return RedirectResponse(LOGIN, status_code=303)
            try:
                await read_own_form(request, csrf=session.csrf)
            except Rejected as error:
                return self._show_rejected(error)
            return await endpoint(request, session)

        return respond

    async def _may_try(self, client: str) -> bool:
        after = self.clock() - ATTEMPTS_COUNT_FOR
        mine, everybodys = await self.database.read(count_attempts, client, after=after)
        if mine >= ATTEMPTS_OF_CLIENT or everybodys >= ATTEMPTS_IN_ALL:
            return False
        await self.database.write(add_attempt, client, now=self.clock())
        mine, everybodys = await self.database.read(count_attempts, client, after=after)
        return mine <= ATTEMPTS_OF_CLIENT and everybodys <= ATTEMPTS_IN_ALL

    async def _list_notices(self, request: Request) -> list[NoticeRow]:
        before = request.query_params.get("before", "")
        # Ten digits fit into every database's integers.
        is_number = before.isascii() and before.isdecimal() and len(before) < 10
        return await self.database.read(list_open_notices, before=int(before) if is_number else None)

    async def _load_resource(self, request: Request) -> tuple[ResourceRow, list[EventRow], list[NoticeRow]]:
        try:
            uuid = parse_uuid(request.path_params["uuid"])
        except Malformed:
            raise HTTPException(404) from None
        resource = await self.database.read(find_resource, uuid)
        if resource is None:
            raise HTTPException(404)
        events = await self.database.read(list_events, uuid)
        return resource, events, await self.database.read(list_notices_of, uuid)

    def _show_rejected(self, error: Rejected) -> Response:
        return self._show_message("This form cannot be taken", error.message, status=error.status)

    def _show_held_off(self) -> Response:
        minutes = ATTEMPTS_COUNT_FOR // timedelta(minutes=1)
        response = self._show_message(
            "Too many attempts", f"Nobody is let in from here now. Try again in {minutes} minutes.", status=429
        )
        response.headers["Retry-After"] = str(int(ATTEMPTS_COUNT_FOR.total_seconds()))
        return response

    def _show_message(self, title: str, text: str, *, status: int) -> Response:
        page = render_message(title, text, service_name=self.service_name, status=status)
        return HTMLResponse(page, status_code=status)


def _find_order(request: Request) -> str:
    order: str = request.path_params["order"]
    if order not in ORDERS:
        raise HTTPException(404)
    return order


def _is_same(given: str, secret: Secret) -> bool:
    """Compare digests, so that not even the length can be measured."""
    digests = [hashlib.sha256(text.encode()).digest() for text in (given, secret.reveal())]
    return hmac.compare_digest(*digests)


def _respond_json(shape: Attention | Timeline) -> Response:
    return Response(msgspec.json.encode(shape), media_type=JSON)
