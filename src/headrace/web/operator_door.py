"""The operators' door: their login, and the guard of every route behind it.

They have a login, a cookie and keys of their own, and no route in common with customers.
"""

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from headrace.client import Clock
from headrace.errors import NotOurForm, Rejected
from headrace.models import Secret
from headrace.store.database import Database
from headrace.store.logins import add_attempt, count_attempts, forget_attempts
from headrace.web.bodies import OwnForm, read_form, read_own_form
from headrace.web.openapi import (
    FORM,
    FORM_REJECTED,
    JSON,
    DescribedRoute,
    Operation,
    Reply,
    Scheme,
    show_json,
    show_page,
)
from headrace.web.operator_pages import render_login, render_page
from headrace.web.origin import is_same_origin
from headrace.web.pages import render_message
from headrace.web.sessions import OperatorSession, Sessions, make_csrf

log = logging.getLogger(__name__)

HOME = "/operators"
LOGIN = "/operators/login"
ATTEMPTS_COUNT_FOR = timedelta(minutes=15)
ATTEMPTS_OF_CLIENT = 5
# So that a thousand machines do not get a thousand times as many.
ATTEMPTS_IN_ALL = 50
LONGEST_CLIENT = 60

Respond = Callable[[Request], Awaitable[Response]]
Endpoint = Callable[[Request, OperatorSession], Awaitable[Response]]

LOG_IN_FIRST = {303: Reply("Nobody is logged in: on to the login.")}
DONE_OR_LOG_IN = {303: Reply("It is done, or nobody is logged in; the page it leads to tells.")}
NO_SESSION = {401: show_json("Nobody is logged in.")}


class LoginForm(TypedDict, total=False):
    """What the operators' login sends."""

    secret: str


SHOW_LOGIN = Operation(
    id="show_operator_login", summary="Show the operators' login.", replies={200: show_page("The form.")}
)
LOG_IN = Operation(
    id="log_operator_in",
    summary="Let in whoever knows the operators' secret.",
    body=(FORM, LoginForm),
    replies=FORM_REJECTED
    | {
        303: Reply("Logged in: on to the overview."),
        403: show_page("The secret is wrong, or another site sent the form."),
        429: show_page("There were too many attempts."),
    },
)
LOG_OUT = Operation(
    id="log_operator_out",
    summary="End the session.",
    scheme=Scheme.OPERATOR,
    body=(FORM, OwnForm),
    replies=FORM_REJECTED | DONE_OR_LOG_IN,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorDoor:
    """Lets operators in, and nobody else: `page`, `twin` and `form` guard what is behind it."""

    database: Database
    sessions: Sessions[OperatorSession]
    secret: Secret
    service_name: str
    clock: Clock

    def routes(self) -> list[DescribedRoute]:
        return [
            DescribedRoute(LOGIN, self.show_login, "GET", SHOW_LOGIN),
            DescribedRoute(LOGIN, self.log_in, "POST", LOG_IN),
            DescribedRoute(f"{HOME}/logout", self.form(self.log_out), "POST", LOG_OUT),
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

    def page(self, endpoint: Endpoint) -> Respond:
        async def respond(request: Request) -> Response:
            session = self.sessions.find(request)
            return RedirectResponse(LOGIN, status_code=303) if session is None else await endpoint(request, session)

        return respond

    def twin(self, endpoint: Endpoint) -> Respond:
        async def respond(request: Request) -> Response:
            session = self.sessions.find(request)
            if session is None:
                return JSONResponse({"message": "Log in as an operator first."}, status_code=401)
            return await endpoint(request, session)

        return respond

    def form(self, endpoint: Endpoint) -> Respond:
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

    def show(self, session: OperatorSession, template: str, *, here: str = "", **values: object) -> Response:
        """Return a page of the operators'; `here` is the one in the bar that it is, or belongs to."""
        page = render_page(
            template, here=here, service_name=self.service_name, csrf=session.csrf, now=self.clock(), **values
        )
        return HTMLResponse(page)

    async def _may_try(self, client: str) -> bool:
        after = self.clock() - ATTEMPTS_COUNT_FOR
        mine, everybodys = await self.database.read(count_attempts, client, after=after)
        if mine >= ATTEMPTS_OF_CLIENT or everybodys >= ATTEMPTS_IN_ALL:
            return False
        await self.database.write(add_attempt, client, now=self.clock())
        mine, everybodys = await self.database.read(count_attempts, client, after=after)
        return mine <= ATTEMPTS_OF_CLIENT and everybodys <= ATTEMPTS_IN_ALL

    def _show_rejected(self, error: Rejected) -> Response:
        return self.show_message("This form cannot be taken", error.message, status=error.status)

    def _show_held_off(self) -> Response:
        minutes = ATTEMPTS_COUNT_FOR // timedelta(minutes=1)
        response = self.show_message(
            "Too many attempts", f"Nobody is let in from here now. Try again in {minutes} minutes.", status=429
        )
        response.headers["Retry-After"] = str(int(ATTEMPTS_COUNT_FOR.total_seconds()))
        return response

    def show_message(self, title: str, text: str, *, status: int) -> Response:
        page = render_message(title, text, service_name=self.service_name, status=status)
        return HTMLResponse(page, status_code=status)


def _is_same(given: str, secret: Secret) -> bool:
    """Compare digests, so that not even the length can be measured."""
    digests = [hashlib.sha256(text.encode()).digest() for text in (given, secret.reveal())]
    return hmac.compare_digest(*digests)


def respond_json(shape: Any) -> Response:
    return Response(msgspec.json.encode(shape), media_type=JSON)
