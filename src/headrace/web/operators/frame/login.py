"""The operators' login: they have one, a cookie and keys of their own, and no route in common with customers."""

import hashlib
import hmac
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, TypedDict

from starlette.requests import Request
from starlette.responses import Response

from headrace.clock import Clock
from headrace.errors import NotOurForm, Rejected
from headrace.logs import LogName
from headrace.models import Secret
from headrace.store.sql.database import Database
from headrace.store.state.people.api_tokens import Scope
from headrace.store.state.people.logins import add_attempt, count_attempts, forget_attempts
from headrace.web.ground.addresses import Page, Redirect
from headrace.web.ground.bodies import OwnForm, read_form
from headrace.web.ground.csrf import make_csrf
from headrace.web.ground.openapi import FORM_REJECTED, FORM_TYPE, DescribedRoute, Operation, Reply, Scheme, show_page
from headrace.web.ground.origin import is_same_origin
from headrace.web.ground.pages import Context, render
from headrace.web.ground.sessions import OperatorSession
from headrace.web.operators.frame.guard import HOME, LOGIN, Guard, find_way_back
from headrace.web.operators.frame.views import DONE_OR_LOG_IN

log = logging.getLogger(__name__)

ATTEMPTS_COUNT_FOR = timedelta(minutes=15)
ATTEMPTS_OF_CLIENT = 5
# So that a thousand machines do not get a thousand times as many.
ATTEMPTS_IN_ALL = 50
LONGEST_CLIENT = 60


class LoginForm(TypedDict, total=False):
    """What the operators' login sends: the secret that all share, or a token of their own."""

    secret: str
    to: str


SHOW_LOGIN = Operation(
    id="show_operator_login",
    summary="Show the operators' login.",
    query={"to": {"type": "string", "description": "The page of the operators' that is shown after it."}},
    replies={200: show_page("The form.")},
)
LOG_IN = Operation(
    id="log_operator_in",
    summary="Let in whoever knows the operators' secret, or has a token that may operate.",
    body=(FORM_TYPE, LoginForm),
    replies=FORM_REJECTED
    | {
        303: Reply("Logged in: on to the page that was asked for, or the overview."),
        403: show_page("The secret is wrong, or another site sent the form."),
        429: show_page("There were too many attempts."),
    },
)
LOG_OUT = Operation(
    id="log_operator_out",
    summary="End the session.",
    scheme=Scheme.OPERATOR,
    body=(FORM_TYPE, OwnForm),
    replies=FORM_REJECTED | DONE_OR_LOG_IN,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginContext(Context):
    """The login; `is_refused` says that what was given was wrong."""

    template: ClassVar[str] = "operator_login.html"

    service_name: str
    to: str = HOME
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorLogin:
    """Lets in whoever knows the secret, or has a token that may operate.

    No client, and not all together, may try it too often.
    """

    guard: Guard
    database: Database
    secret: Secret
    clock: Clock

    def routes(self) -> list[DescribedRoute]:
        return [
            DescribedRoute(LOGIN, self.show_login, "GET", SHOW_LOGIN),
            DescribedRoute(LOGIN, self.log_in, "POST", LOG_IN),
            DescribedRoute(f"{HOME}/logout", self.guard.form(self.log_out), "POST", LOG_OUT),
        ]

    async def show_login(self, request: Request) -> Response:
        return self._show_form(to=find_way_back(request.query_params.get("to", HOME)))

    async def log_in(self, request: Request) -> Response:
        """Let in whoever may. An attempt counts before it is judged, so that many at once count too."""
        try:
            form = await read_form(request)
            if not is_same_origin(request):
                raise NotOurForm
        except Rejected as error:
            return self.guard.show_rejected(error)
        to = find_way_back(form.get("to", HOME))
        client = (request.client.host if request.client else "")[:LONGEST_CLIENT]
        if not await self._may_try(client):
            log.warning(LogName.OPERATOR_HELD_OFF, extra={"client": client})
            return self._show_held_off()
        session = await self._find_session(form.get("secret", "").strip())
        if session is None:
            log.warning(LogName.OPERATOR_REFUSED, extra={"client": client})
            return self._show_form(to=to, is_refused=True)
        await self.database.write(forget_attempts, client)
        log.info(LogName.OPERATOR_LOGGED_IN, extra={"client": client, "by": session.by})
        response = Redirect(to, status_code=303)
        self.guard.sessions.save(request, response, session)
        return response

    async def log_out(self, request: Request, session: OperatorSession) -> Response:
        response = Redirect(LOGIN, status_code=303)
        await self.guard.sessions.end(request, response, session)
        return response

    async def _find_session(self, given: str) -> OperatorSession | None:
        """Return the session of whoever gives the secret or a token of theirs; None of anybody else."""
        if _is_same(given, self.secret):
            return OperatorSession(csrf=make_csrf())
        caller = await self.guard.tokens.find(given)
        if caller is None or Scope.OPERATE not in caller.scopes:
            return None
        return OperatorSession(csrf=make_csrf(), by=caller.name, token_id=caller.token_id)

    async def _may_try(self, client: str) -> bool:
        after = self.clock() - ATTEMPTS_COUNT_FOR
        mine, everybodys = await self.database.read(count_attempts, client, after=after)
        if mine >= ATTEMPTS_OF_CLIENT or everybodys >= ATTEMPTS_IN_ALL:
            return False
        await self.database.write(add_attempt, client, now=self.clock())
        mine, everybodys = await self.database.read(count_attempts, client, after=after)
        return mine <= ATTEMPTS_OF_CLIENT and everybodys <= ATTEMPTS_IN_ALL

    def _show_form(self, *, to: str, is_refused: bool = False) -> Response:
        context = LoginContext(service_name=self.guard.service_name, to=to, is_refused=is_refused)
        return Page(render(context), status_code=403 if is_refused else 200)

    def _show_held_off(self) -> Response:
        minutes = ATTEMPTS_COUNT_FOR // timedelta(minutes=1)
        response = self.guard.show_message(
            "Too many attempts", f"Nobody is let in from here now. Try again in {minutes} minutes.", status=429
        )
        response.headers["Retry-After"] = str(int(ATTEMPTS_COUNT_FOR.total_seconds()))
        return response


def _is_same(given: str, secret: Secret) -> bool:
    """Compare digests, so that not even the length can be measured."""
    digests = [hashlib.sha256(text.encode()).digest() for text in (given, secret.reveal())]
    return hmac.compare_digest(*digests)
