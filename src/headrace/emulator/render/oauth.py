"""Authorizations, clients and tokens as the JSON objects of the Platform API (contract §10.1)."""

from datetime import datetime
from math import ceil
from uuid import uuid4

from headrace.emulator.kit.paging import Json
from headrace.emulator.render.values import render_time
from headrace.emulator.world.authorizations import Authorization, OAuthClient
from headrace.emulator.world.tokens import IssuedToken
from headrace.emulator.world.world_file import derive_id


def render_authorization(authorization: Authorization, *, now: datetime) -> Json:
    """Return an authorization, its token in clear as Heroku shows it to its owner. There is no refresh token."""
    client, user = authorization.client, authorization.user
    return {
        "access_token": {
            "expires_in": _count_seconds(authorization, now),
            "id": authorization.access_id,
            "token": authorization.access.reveal(),
        },
        "client": {"id": client.id, "name": client.name, "redirect_uri": client.redirect_uri} if client else None,
        "created_at": render_time(authorization.created_at),
        "description": authorization.description,
        "grant": None,
        "id": authorization.id,
        "refresh_token": None,
        "scope": list(authorization.scope),
        "session": None,
        "updated_at": render_time(authorization.updated_at),
        "user": {"email": user.email, "full_name": user.name, "id": user.id},
    }


def render_client(client: OAuthClient) -> Json:
    return {
        "created_at": render_time(client.created_at),
        "id": client.id,
        "ignores_delinquent": False,
        "name": client.name,
        "redirect_uri": client.redirect_uri,
        "secret": client.secret.reveal(),
        "updated_at": render_time(client.updated_at),
    }


def render_token(token: IssuedToken, *, grant: Json, now: datetime) -> Json:
    """Return an add-on's token pair; the client's secret is not said back."""
    return {
        "access_token": {
            "expires_in": int(token.lifetime.total_seconds()),
            "id": str(uuid4()),
            "token": token.access.reveal(),
        },
        "authorization": {"id": derive_id("authorization", token.addon.id)},
        "client": None,
        "created_at": render_time(now),
        "grant": grant,
        "id": str(uuid4()),
        "refresh_token": {
            "expires_in": None,
            "id": derive_id("refresh_token", token.addon.id),
            "token": token.refresh.reveal(),
        },
        "session": {"id": derive_id("session", token.addon.id)},
        "updated_at": render_time(now),
        "user": {"id": derive_id("partner", token.addon.service.name)},
    }


def _count_seconds(authorization: Authorization, now: datetime) -> int | None:
    expires_at = authorization.expires_at
    return None if expires_at is None else max(0, ceil((expires_at - now).total_seconds()))
