"""Tokens: a grant is exchanged once, a token is refreshed for as long as its resource lives (contract §2)."""

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

import msgspec

from headrace.errors import Forbidden, GrantError, Malformed, NotFound, TokenRejected, UnexpectedAnswer, Unprocessable
from headrace.models import Grant, Secret, Token
from headrace.protocol.partner import build_basic_auth, parse_grant
from headrace.protocol.platform import raise_for_status
from headrace.protocol.wire import Host, Request, Response, Unreadable, build_path, decode_json

LONGEST_LIFETIME_SECONDS = 10**9
FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}


def build_exchange(grant: Grant, *, client_secret: Secret) -> Request:
    """Exchange a grant's code for a token. The code works once and for five minutes (contract §2.1)."""
    return _token_request(
        grant_type="authorization_code", code=grant.code.reveal(), client_secret=client_secret.reveal()
    )


def build_refresh(token: Token, *, client_secret: Secret) -> Request:
    return _token_request(
        grant_type="refresh_token", refresh_token=token.refresh.reveal(), client_secret=client_secret.reveal()
    )


def build_backfill(uuid: str, *, slug: str, password: Secret) -> Request:
    """Ask for a fresh grant for a resource; Heroku opens this to an add-on service on request (contract §2.4)."""
    return Request(
        method="GET",
        path=build_path("/vendor/resources/{}/oauth-grant", uuid),
        endpoint="/vendor/resources/{uuid}/oauth-grant",
        headers={"Accept": "application/json", "Authorization": build_basic_auth(slug, password)},
    )


def read_backfill(response: Response, request: Request) -> Grant | None:
    """Return the grant, or None when Heroku has none to give: the back-fill is closed, or the resource is gone."""
    try:
        raise_for_status(response, request)
        return parse_grant(response.body)
    except (TokenRejected, Forbidden, NotFound, Unprocessable):
        return None
    except Malformed as error:
        raise UnexpectedAnswer(str(error), request=str(request), status=response.status) from None


def read_exchange(response: Response, request: Request, *, grant: Grant, now: datetime) -> Token:
    """Return the token, or raise GrantError when Heroku does not take the code.

    A 401 may also mean a wrong client secret: the id host answers both alike (contract §2.3), so the
    text names both.
    """
    try:
        return _read_token(response, request, now=now, kept=None)
    except (TokenRejected, NotFound, Unprocessable) as error:
        if grant.expires_at <= now:
            raise GrantError("The grant has expired; Heroku has to issue a new one.", reason="expired") from None
        raise GrantError(
            f"Heroku does not take the grant ({error.status}): it was used, has expired, "
            "or HEADRACE_CLIENT_SECRET is not this add-on's OAuth secret.",
            reason="rejected",
        ) from None


def read_refresh(response: Response, request: Request, *, token: Token, now: datetime) -> Token:
    """Return the new token; the old refresh token stays when Heroku returns none (contract §2.2)."""
    return _read_token(response, request, now=now, kept=token.refresh)


class _TokenBody(msgspec.Struct, kw_only=True):
    access_token: Annotated[str, msgspec.Meta(min_length=1)]
    expires_in: Annotated[int, msgspec.Meta(gt=0, lt=LONGEST_LIFETIME_SECONDS)]
    refresh_token: str | None = None


def _read_token(response: Response, request: Request, *, now: datetime, kept: Secret | None) -> Token:
    raise_for_status(response, request)
    try:
        body = decode_json(response.body, _TokenBody)
    except Unreadable as error:
        raise UnexpectedAnswer(str(error), request=str(request), status=response.status) from None
    refresh = Secret(body.refresh_token) if body.refresh_token else kept
    if refresh is None:
        raise UnexpectedAnswer("the answer has no refresh_token", request=str(request), status=response.status)
    return Token(access=Secret(body.access_token), refresh=refresh, expires_at=now + timedelta(seconds=body.expires_in))


def _token_request(**form: str) -> Request:
    return Request(
        method="POST",
        host=Host.ID,
        path="/oauth/token",
        endpoint="/oauth/token",
        headers=FORM,
        body=urlencode(form).encode(),
    )
