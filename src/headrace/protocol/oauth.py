"""Tokens: a grant is exchanged once, a token is refreshed for as long as its resource lives (contract §2)."""

import re
from collections.abc import Callable, Generator, Sequence
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from headrace.errors import (
    ClientSecretRejected,
    ConfigurationError,
    Forbidden,
    GrantError,
    Malformed,
    NotFound,
    PlatformError,
    TokenRejected,
    UnexpectedAnswer,
    Unprocessable,
)
from headrace.models import Grant, Secret, Token
from headrace.protocol.answers import decode_answer
from headrace.protocol.partner import build_basic_auth, parse_grant
from headrace.protocol.platform import raise_for_status
from headrace.protocol.wire import Host, Request, Response, Unreadable, build_path

# What an access token lives for; taken for granted where Heroku does not say it in a way that makes sense. One that
# ends sooner is refreshed when Heroku refuses it.
USUAL_LIFETIME = timedelta(hours=8)
LONGEST_LIFETIME_SECONDS = 10**9
MOST_CLIENT_SECRETS = 2
# Ends with a token, and the place of the client secret that Heroku took for it.
TokenChain = Generator[Request, Response, tuple[Token, int]]
_Text = Annotated[str, msgspec.Meta(min_length=1)]
FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}


def read_client_secrets(text: str) -> tuple[Secret, ...]:
    """Return the client secrets of a setting: one, or while it is rotated the new one, a comma, and the old one.

    Raises:
        ConfigurationError: there are more, or one of them is empty.
    """
    found = [part.strip() for part in text.split(",")]
    if not all(found):
        raise ConfigurationError(["has a comma with no client secret on one side of it."])
    if len(found) > MOST_CLIENT_SECRETS:
        raise ConfigurationError([f"has {len(found)} client secrets; the new one and the old one is all there can be."])
    return tuple(map(Secret, found))


def exchange(grant: Grant, *, client_secrets: Sequence[Secret], now: datetime) -> TokenChain:
    """Exchange a grant for a token; `read_exchange` has what may come of it."""
    build, read = partial(build_exchange, grant), partial(read_exchange, grant=grant, now=now)
    return (yield from _try_client_secrets(client_secrets, build, read))


def refresh(stale: Token, *, client_secrets: Sequence[Secret], now: datetime) -> TokenChain:
    """Refresh a token; `read_refresh` has what may come of it."""
    if not stale.refresh.reveal():
        message = "not sent: the grant's exchange brought an access token without a refresh token, and it has ended"
        raise TokenRejected(message, request="POST /oauth/token", status=401)
    build, read = partial(build_refresh, stale), partial(read_refresh, token=stale, now=now)
    return (yield from _try_client_secrets(client_secrets, build, read))


def _try_client_secrets(
    client_secrets: Sequence[Secret], build: Callable[..., Request], read: Callable[[Response, Request], Token]
) -> TokenChain:
    """Ask with the new client secret, and with the old one where Heroku refuses that, or may have.

    Of two refusals that one stands which does not blame the client secret: it was the right one.
    """
    refusals: list[TokenRejected] = []
    for place, client_secret in enumerate(client_secrets):
        request = build(client_secret=client_secret)
        response = yield request
        try:
            return read(response, request), place
        except TokenRejected as error:
            refusals.append(error)
    raise next((each for each in refusals if not isinstance(each, ClientSecretRejected)), refusals[0])


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
    """Return the token of a grant.

    The id host may answer a wrong client secret as it answers a dead code (contract §2.3). So a 401 that does not blame
    the code leaves the grant its five minutes, in which the right secret can still be set.

    Raises:
        GrantError: Heroku does not take the code, and nothing but a new one would help.
        ClientSecretRejected: it does not take the client secret, or may not.
        PlatformError: it could not be asked.
    """
    try:
        return _read_token(response, request, now=now, kept=None)
    except (TokenRejected, NotFound, Unprocessable) as error:
        if grant.expires_at <= now:
            raise GrantError("The grant has expired; Heroku has to issue a new one.", reason="expired") from None
        blamed = _find_blamed(response)
        if blamed is _Blamed.SECRET or (blamed is None and isinstance(error, TokenRejected)):
            raise _explain(
                ClientSecretRejected, error, "the client secret" if blamed else "the grant, or the client secret"
            ) from None
        raise GrantError(
            f"Heroku does not take the grant ({error.status}): it was used, has expired, "
            "or HEADRACE_CLIENT_SECRET is not this add-on's OAuth secret.",
            reason="rejected",
        ) from None


def read_refresh(response: Response, request: Request, *, token: Token, now: datetime) -> Token:
    """Return the new token; the old refresh token stays when Heroku returns none (contract §2.2).

    Raises:
        ClientSecretRejected: Heroku does not take the client secret.
        TokenRejected: it does not take the refresh token, or does not say what it does not take.
        PlatformError: it could not be asked.
    """
    try:
        return _read_token(response, request, now=now, kept=token.refresh)
    except (TokenRejected, Unprocessable) as error:
        if _find_blamed(response) is _Blamed.SECRET:
            raise _explain(ClientSecretRejected, error, "the client secret") from None
        if isinstance(error, TokenRejected):
            raise _explain(TokenRejected, error, "the refresh token, or the client secret") from None
        raise


class _Blamed(Enum):
    SECRET = re.compile(rb"invalid_client|client[ _]?secret", re.IGNORECASE)
    GRANT = re.compile(rb"invalid_grant|authorization code|\b(grant|code|refresh[ _]token)\b", re.IGNORECASE)


def _find_blamed(response: Response) -> _Blamed | None:
    """What Heroku says that it does not take, in its own shape or in RFC 6749's; None when it names both or none."""
    blamed = [each for each in _Blamed if each.value.search(response.body)]
    return blamed[0] if len(blamed) == 1 else None


def _explain(kind: type[PlatformError], error: PlatformError, what: str) -> PlatformError:
    message = (
        f"{error.message}; Heroku does not take {what}: look whether HEADRACE_CLIENT_SECRET is the OAuth secret of "
    )
    return kind(
        f"{message}this add-on's page in the Partner Portal",
        request=error.request,
        status=error.status,
        error_id=error.error_id,
        request_id=error.request_id,
    )


class _Wrapped(msgspec.Struct, kw_only=True):
    """A token as the API host shows one: an object, of which one member is its text."""

    token: _Text
    expires_in: Any = None


class _TokenBody(msgspec.Struct, kw_only=True):
    """What may come of the token endpoint. Nothing is needed by itself: what can be read is kept, and judged after."""

    access_token: _Text | _Wrapped | None = None
    refresh_token: _Text | _Wrapped | None = None
    expires_in: Any = None


def _read_token(response: Response, request: Request, *, now: datetime, kept: Secret | None) -> Token:
    """Keep whatever an answer brings: its code is used up, and a refresh token that it replaces may be dead.

    Without an access token the next request refreshes; without a refresh token, now or `kept`, the access token is
    good for as long as it lives.
    """
    raise_for_status(response, request)
    try:
        body = decode_answer(response.body, _TokenBody)
    except Unreadable as error:
        raise UnexpectedAnswer(str(error), request=str(request), status=response.status) from None
    access, refresh = _unwrap(body.access_token), _unwrap(body.refresh_token)
    if not access and not refresh:
        raise UnexpectedAnswer("the answer has no token", request=str(request), status=response.status)
    lifetime = _read_lifetime(body) if access else timedelta(0)
    return Token(
        access=Secret(access), refresh=Secret(refresh) if refresh else kept or Secret(""), expires_at=now + lifetime
    )


def _unwrap(told: str | _Wrapped | None) -> str:
    return told.token if isinstance(told, _Wrapped) else told or ""


def _read_lifetime(body: _TokenBody) -> timedelta:
    """How long an access token lives: whole seconds, a fraction, or either as text; the usual time when it is none."""
    wrapped = body.access_token.expires_in if isinstance(body.access_token, _Wrapped) else None
    told = wrapped if body.expires_in is None else body.expires_in
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        return USUAL_LIFETIME
    try:
        seconds = float(told)
    except (ValueError, OverflowError):
        return USUAL_LIFETIME
    return timedelta(seconds=seconds) if 0 < seconds < LONGEST_LIFETIME_SECONDS else USUAL_LIFETIME


def _token_request(**form: str) -> Request:
    return Request(
        method="POST",
        host=Host.ID,
        path="/oauth/token",
        endpoint="/oauth/token",
        headers=FORM,
        body=urlencode(form).encode(),
    )
