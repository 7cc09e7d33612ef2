"""The id host: grants and refresh tokens become access tokens (contract §2)."""

import base64
import binascii
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse

from headrace.emulator.errors import invalid, unauthorized
from headrace.emulator.heroku import Heroku
from headrace.emulator.records import AddonService
from headrace.emulator.tokens import IssuedToken
from headrace.emulator.world import derive_id


async def issue_token(heroku: Heroku, request: Request) -> JSONResponse:
    """Values may stand in the form or in the query, the secret in a Basic header too (contract §2.1)."""
    form = dict(request.query_params) | dict(parse_qsl((await request.body()).decode("latin-1")))
    grant_type = form.get("grant_type", "authorization_code")
    if grant_type not in {"authorization_code", "refresh_token"}:
        raise invalid(f"grant_type {grant_type} is not supported.")
    service = _find_service(heroku, form, request.headers.get("authorization", ""))
    if grant_type == "refresh_token":
        token = heroku.tokens.refresh(_require(form, "refresh_token"), service=service)
    else:
        token = heroku.tokens.exchange(_require(form, "code"), service=service)
    request.state.addon_id = token.addon.id
    return JSONResponse(_render_token(token), headers={"Cache-Control": "no-store"})


def _find_service(heroku: Heroku, form: dict[str, str], authorization: str) -> AddonService:
    secret = form.get("client_secret") or _read_basic_password(authorization)
    if not secret:
        raise invalid("client_secret is required.")
    service = heroku.registry.services_by_secret.get(secret)
    if service is None:
        raise unauthorized("The client secret is wrong.")
    return service


def _require(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise invalid(f"{name} is required.")
    return form[name]


def _render_token(token: IssuedToken) -> dict[str, str | int | None]:
    return {
        "access_token": token.access.reveal(),
        "refresh_token": token.refresh.reveal(),
        "expires_in": int(token.lifetime.total_seconds()),
        "token_type": "Bearer",
        "user_id": derive_id("partner", token.addon.service.name),
        "session_nonce": None,
    }


def _read_basic_password(header: str) -> str:
    return read_basic(header)[1]


def read_token(authorization: str) -> str:
    """Return the token of a header: Bearer, or Basic with an empty user and the token as password (contract §9)."""
    scheme, _, token = authorization.partition(" ")
    return (read_basic(authorization)[1] if scheme.lower() == "basic" else token).strip()


def read_basic(header: str) -> tuple[str, str]:
    """Return user and password of a Basic header, both empty when it is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", ""
    return user, password
