"""Bearer tokens: who a program or an operator is, and what it may."""

import hmac
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.models import Secret
from headrace.store.sql.database import Database
from headrace.store.state.people.api_tokens import Scope, find_api_token
from headrace.web.ground.openapi import show_json

# What timelines say of an order that came with the settings' token.
ENVIRONMENT = "environment"
# What HEADRACE_API_TOKEN may.
OF_ENVIRONMENT = (Scope.READ, Scope.WRITE)
LONGEST_TOKEN = 500
NO_TOKEN = {
    401: show_json("The token is missing, wrong or revoked."),
    403: show_json("The token has not the scope that this needs."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever brought a token: `name` is what timelines say of its orders; the settings' token has no id."""

    name: str
    scopes: tuple[Scope, ...]
    token_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Knows the tokens that are good: those that were made, and the one of the settings, if there is one."""

    database: Database
    of_environment: Secret | None = None

    async def find(self, token: str) -> Caller | None:
        """Return who has a token, or None where it is none that is good."""
        if not 0 < len(token) <= LONGEST_TOKEN:
            return None
        known = self.of_environment
        if known is not None and hmac.compare_digest(token.encode(), known.reveal().encode()):
            return Caller(name=ENVIRONMENT, scopes=OF_ENVIRONMENT)
        row = await self.database.read(find_api_token, token)
        return None if row is None else Caller(name=row.name, scopes=row.scopes, token_id=row.id)

    async def require(self, request: Request, scope: Scope) -> Caller | Response:
        """Return who brings a token that may, or the answer for who does not; the body is not read for it."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        caller = await self.find(token) if kind.lower() == "bearer" else None
        if caller is None:
            message = "Send a token as a bearer token: `headrace tokens new` makes one."
            headers = {"WWW-Authenticate": 'Bearer realm="api"'}
            return JSONResponse({"message": message}, status_code=401, headers=headers)
        if scope not in caller.scopes:
            may = ", ".join(caller.scopes)
            message = f"The token {caller.name} may {may}, and this takes one that may {scope}."
            headers = {"WWW-Authenticate": f'Bearer realm="api", error="insufficient_scope", scope="{scope}"'}
            return JSONResponse({"message": message}, status_code=403, headers=headers)
        return caller


def brings_token(request: Request) -> bool:
    """Whether whoever asks brings something that should be a bearer token."""
    return request.headers.get("authorization", "").lower().startswith("bearer ")
