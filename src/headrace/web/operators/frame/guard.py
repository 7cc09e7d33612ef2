"""The guard of the operators' routes: who has no session gets to the login, or is told that there is none."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.clock import Clock
from headrace.errors import Rejected
from headrace.fleet.overview import MOST_NOTICES
from headrace.store.sql.database import Database
from headrace.store.state.notices import count_up_to
from headrace.store.state.people.api_tokens import Scope, is_api_token_good
from headrace.web.ground.addresses import Page, Redirect, cut, find_prefix
from headrace.web.ground.bodies import read_own_form
from headrace.web.ground.csrf import mask_csrf
from headrace.web.ground.openapi import JSON_TYPE, DescribedRoute
from headrace.web.ground.pages import MessageContext, show_message
from headrace.web.ground.sessions import OperatorSession, Sessions
from headrace.web.ground.tokens import Tokens, brings_token
from headrace.web.operators.frame.pages import Frame, OperatorContext, render_page
from headrace.web.operators.frame.views import Problem, Question, View

HOME = "/operators"
LOGIN = "/operators/login"

# An address of the operators' own, of plain characters: nothing else is gone to after a login.
_OWN_PAGE = re.compile(r"/operators(?:[/?][!-\[\]-~]{0,2000})?")

T = TypeVar("T")

Respond = Callable[[Request], Awaitable[Response]]
Endpoint = Callable[[Request, OperatorSession], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Lets operators through, and nobody else, to a `page`, a `form`, or both of a `view` or a `question`."""

    sessions: Sessions[OperatorSession]
    service_name: str
    clock: Clock
    database: Database
    tokens: Tokens
    find_silence: Callable[[], datetime | None] = lambda: None

    def view(
        self,
        view: View[T],
        load: Callable[[Request], Awaitable[T | Problem]],
        show: Callable[[Request, T], Awaitable[OperatorContext]],
    ) -> tuple[DescribedRoute, DescribedRoute]:
        """Return the routes of the page and of its JSON: `load` what both tell, and `show` it on the page."""

        async def show_page(request: Request, session: OperatorSession) -> Response:
            loaded = await load(request)
            if isinstance(loaded, Problem):
                return self.show_message(loaded.title, loaded.text, status=loaded.status)
            return await self.show(session, await show(request, loaded))

        async def show_json(request: Request) -> Response:
            loaded = await load(request)
            if isinstance(loaded, Problem):
                return JSONResponse({"message": loaded.text}, status_code=loaded.status)
            return Response(msgspec.json.encode(loaded), media_type=JSON_TYPE)

        return (
            DescribedRoute(view.path, self.page(show_page), "GET", view.page),
            DescribedRoute(f"{view.path}.json", self.json(show_json), "GET", view.json),
        )

    def question(self, question: Question, ask: Endpoint, give: Endpoint) -> tuple[DescribedRoute, DescribedRoute]:
        """Return the routes of the page that asks and of the form that it has: nothing happens before that is sent."""
        return (
            DescribedRoute(question.path, self.page(ask), "GET", question.page),
            DescribedRoute(question.path, self.form(give), "POST", question.form),
        )

    def page(self, endpoint: Endpoint) -> Respond:
        async def respond(request: Request) -> Response:
            session = await self.find_session(request)
            return _lead_to_login(request) if session is None else await endpoint(request, session)

        return respond

    def json(self, respond_to: Respond) -> Respond:
        async def respond(request: Request) -> Response:
            if brings_token(request):
                caller = await self.tokens.require(request, Scope.READ)
                return caller if isinstance(caller, Response) else await respond_to(request)
            if await self.find_session(request) is None:
                message = "Log in as an operator first, or send a token that may read."
                return JSONResponse({"message": message}, status_code=401)
            return await respond_to(request)

        return respond

    def form(self, endpoint: Endpoint) -> Respond:
        async def respond(request: Request) -> Response:
            session = await self.find_session(request)
            if session is None:
                return Redirect(LOGIN, status_code=303)
            try:
                await read_own_form(request, csrf=session.csrf)
            except Rejected as error:
                return self.show_rejected(error)
            return await endpoint(request, session)

        return respond

    async def find_session(self, request: Request) -> OperatorSession | None:
        """Return the session of a request, if it is good; one that began with a token ends when that is revoked."""
        session = await self.sessions.find(request)
        if session is None or session.token_id is None:
            return session
        return session if await self.database.read(is_api_token_good, session.token_id) else None

    async def show(self, session: OperatorSession, context: OperatorContext) -> Response:
        frame = Frame(
            service_name=self.service_name,
            csrf=mask_csrf(session.csrf),
            by=session.by,
            now=self.clock(),
            heroku_silent_since=self.find_silence(),
            open_notices=await self.database.read(count_up_to, MOST_NOTICES),
        )
        return Page(render_page(context, frame))

    def show_rejected(self, error: Rejected) -> Response:
        return self.show_message("This form cannot be taken", error.message, status=error.status)

    def show_message(self, title: str, text: str, *, status: int) -> Response:
        return show_message(MessageContext(title=title, text=text, service_name=self.service_name, status=status))


def _lead_to_login(request: Request) -> Response:
    """Redirect to the login, which leads back to the page that was asked for."""
    query = f"?{request.url.query}" if request.url.query else ""
    asked = find_way_back(cut(request.scope["path"], find_prefix(request)) + query)
    return Redirect(LOGIN if asked == HOME else f"{LOGIN}?to={quote(asked, safe='/')}", status_code=303)


def find_way_back(asked: str) -> str:
    """Return the operators' page that was asked for before the login; the overview for what is none."""
    return asked if _OWN_PAGE.fullmatch(asked) and not asked.startswith((LOGIN, f"{HOME}/logout")) else HOME
