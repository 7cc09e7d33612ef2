"""The id host: grants and refresh tokens become access tokens (contract §2)."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import Response

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.kit.errors import bad_request, invalid, unauthorized
from headrace.emulator.kit.rendered import answer_json
from headrace.emulator.kit.whole_request import WholeRequest
from headrace.emulator.render.oauth import render_token
from headrace.emulator.world.records import AddonService
from headrace.emulator.world.tokens import IssuedToken
from headrace.emulator.world.world_file import derive_id

MOST_FIELDS = 100


class _ClientMember(msgspec.Struct, frozen=True, kw_only=True):
    secret: str | None = None


class _GrantMember(msgspec.Struct, frozen=True, kw_only=True):
    code: str | None = None
    type: str | None = None


class _RefreshTokenMember(msgspec.Struct, frozen=True, kw_only=True):
    token: str | None = None


class _TokenBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the id host sends on; the schema wants all three members, which nobody fills."""

    client: _ClientMember = _ClientMember()
    grant: _GrantMember = _GrantMember()
    refresh_token: _RefreshTokenMember = _RefreshTokenMember()


async def issue_token(heroku: Heroku, request: WholeRequest) -> Response:
    """Values may stand in the form or in the query, the secret in a Basic header too (contract §2.1)."""
    form = request.query_params | _read_form(request.raw)
    token = _issue(heroku, form, request)
    return _answer(_render_token(token))


async def create_token(heroku: Heroku, request: WholeRequest) -> Response:
    """Do the same on the API host, where the id host asks: JSON in and out, 201 (contract §2.3)."""
    form = _read_json(request.raw)
    token = _issue(heroku, form, request)
    grant = {"code": form.get("code", ""), "type": form.get("grant_type", "authorization_code")}
    body = render_token(token, grant=grant, now=heroku.clock.now())
    return _answer(body, status=201)


def _answer(body: Mapping[str, Any], *, status: int = 200) -> Response:
    return answer_json(msgspec.json.encode(body), status=status, headers=[(b"cache-control", b"no-store")])


def _issue(heroku: Heroku, form: dict[str, str], request: WholeRequest) -> IssuedToken:
    grant_type = form.get("grant_type", "authorization_code")
    if grant_type not in {"authorization_code", "refresh_token"}:
        raise invalid(f"grant_type {grant_type} is not supported.")
    service = _find_service(heroku, form, request.headers.get("authorization", ""))
    if grant_type == "refresh_token":
        token = heroku.tokens.refresh(_require(form, "refresh_token"), service=service)
    else:
        token = heroku.tokens.exchange(_require(form, "code"), service=service)
    request.addon_id = token.addon.id
    return token


def _find_service(heroku: Heroku, form: dict[str, str], authorization: str) -> AddonService:
    secret = form.get("client_secret") or _read_basic_password(authorization)
    if not secret:
        raise invalid("client_secret is required.")
    service = heroku.registry.services_by_secret.get(secret)
    if service is None:
        raise unauthorized("The client secret is wrong.")
    return service


def _read_form(raw: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(raw.decode("latin-1"), max_num_fields=MOST_FIELDS))
    except ValueError:
        raise bad_request(f"A form has {MOST_FIELDS} fields at most.") from None


def _read_json(raw: bytes) -> dict[str, str]:
    """Return what stands in the schema's nested members, under the names of the form."""
    try:
        body = msgspec.json.decode(raw, type=_TokenBody)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise bad_request(f"Unable to read the request body: {error}") from None
    found = {
        "client_secret": body.client.secret,
        "code": body.grant.code,
        "grant_type": body.grant.type,
        "refresh_token": body.refresh_token.token,
    }
    return {name: value for name, value in found.items() if value}


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
