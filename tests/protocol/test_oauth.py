import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from headrace.errors import (
    ClientSecretRejected,
    Forbidden,
    GrantError,
    HeadraceError,
    HerokuBroken,
    PlatformError,
    RateLimited,
    TokenRejected,
    UnexpectedAnswer,
)
from headrace.models import Grant, Secret, Token
from headrace.protocol.oauth import (
    build_backfill,
    build_exchange,
    build_refresh,
    read_backfill,
    read_exchange,
    read_refresh,
)
from headrace.protocol.wire import Host, Response

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
GRANT = Grant(code=Secret("5b1d0a4e-92c7-4f0e-8a43-6f1c2d7be910"), expires_at=NOW + timedelta(minutes=5))
TOKEN = Token(access=Secret("HRKU-old"), refresh=Secret("refresh-old"), expires_at=NOW)
CLIENT_SECRET = Secret("client&secret=+ é")
EXCHANGE = build_exchange(GRANT, client_secret=CLIENT_SECRET)
BACKFILL = build_backfill("0f3a7c52", slug="pipescope", password=Secret("manifest-pass"))
REFRESH = build_refresh(TOKEN, client_secret=CLIENT_SECRET)

SUCCESS: dict[str, Any] = {
    "access_token": "HRKU-AAexampleexampleexampleexampleexampleexampleexampleexample0",
    "refresh_token": "3f1f0c3a-6a42-4d8e-b0a5-7d2c9b1e55f0",
    "expires_in": 28799,
    "token_type": "Bearer",
    "user_id": "c1a7e9d2-0b4f-4b87-9f3e-5a6c7d8e9f01",
    "session_nonce": None,
}


def answer(status: int = 200, **changes: Any) -> Response:
    return Response(status=status, body=json.dumps({**SUCCESS, **changes}).encode())


def decline(status: int, body: bytes = b'{"id":"unauthorized","message":"No."}') -> Response:
    return Response(status=status, body=body)


def exchange(response: Response) -> Token:
    return read_exchange(response, EXCHANGE, grant=GRANT, now=NOW)


def refresh(response: Response) -> Token:
    return read_refresh(response, REFRESH, token=TOKEN, now=NOW)


def test_a_grant_is_exchanged_at_the_id_host() -> None:
    """grant_type, code and client_secret, form-encoded."""
    form = {
        "grant_type": ["authorization_code"],
        "code": ["5b1d0a4e-92c7-4f0e-8a43-6f1c2d7be910"],
        "client_secret": ["client&secret=+ é"],
    }

    assert (Host.ID, "POST", "/oauth/token") == (EXCHANGE.host, EXCHANGE.method, EXCHANGE.path)
    assert "application/x-www-form-urlencoded" == EXCHANGE.headers["Content-Type"]
    assert form == parse_qs(EXCHANGE.body.decode())


def test_a_token_is_refreshed_with_its_refresh_token() -> None:
    """grant_type, refresh_token and client_secret."""
    form = {
        "grant_type": ["refresh_token"],
        "refresh_token": ["refresh-old"],
        "client_secret": ["client&secret=+ é"],
    }

    assert form == parse_qs(REFRESH.body.decode())


def test_an_exchange_gives_a_token() -> None:
    """An access token is good for eight hours."""
    token = exchange(answer())

    assert SUCCESS["access_token"] == token.access.reveal()
    assert SUCCESS["refresh_token"] == token.refresh.reveal()
    assert NOW + timedelta(seconds=28799) == token.expires_at


def test_a_token_text_is_opaque() -> None:
    """255 characters and more, of any form."""
    assert "t" * 300 == exchange(answer(access_token="t" * 300)).access.reveal()


@pytest.mark.parametrize("changes", [{"refresh_token": None}, {"refresh_token": ""}])
def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one(changes: dict[str, Any]) -> None:
    """Heroku may return no refresh token; the old one stays valid."""
    assert Secret("refresh-old") == refresh(answer(**changes)).refresh


def test_a_rotated_refresh_token_is_taken() -> None:
    """Where Heroku returns a new refresh token, the old one is gone."""
    assert Secret("refresh-new") == refresh(answer(refresh_token="refresh-new")).refresh


def test_an_exchange_without_a_refresh_token_is_good_for_as_long_as_its_access_token() -> None:
    """The code is used up: what it brought sets the add-on up."""
    token = exchange(answer(refresh_token=None))

    assert (SUCCESS["access_token"], "") == (token.access.reveal(), token.refresh.reveal())
    assert NOW + timedelta(seconds=28799) == token.expires_at


CODE_IS_DEAD = b'{"id":"unauthorized","message":"The authorization code is invalid or has expired."}'
SECRET_IS_WRONG = b'{"id":"unauthorized","message":"The client secret is wrong."}'
RFC_GRANT, RFC_CLIENT = b'{"error":"invalid_grant"}', b'{"error":"invalid_client"}'
NOTHING_SAID = [b'{"id":"unauthorized","message":"No."}', b"", b'{"message":"\xff"}', b'{"message":' + b"[" * 100_000]
BOTH = b'{"id":"unauthorized","message":"The client secret or the code is wrong."}'


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
@pytest.mark.parametrize("body", [CODE_IS_DEAD, RFC_GRANT])
def test_a_grant_that_heroku_does_not_take_is_a_grant_error(status: int, body: bytes) -> None:
    """Which status a dead code gets is unknown; each one means that a person is needed."""
    with pytest.raises(GrantError) as caught:
        exchange(decline(status, body))

    assert "rejected" == caught.value.reason


@pytest.mark.parametrize("status", [400, 404, 410, 422])
@pytest.mark.parametrize("body", [*NOTHING_SAID, BOTH], ids=lambda body: repr(body[:60]))
def test_a_refusal_that_blames_nothing_is_the_grant_s_but_for_a_401(status: int, body: bytes) -> None:
    """A wrong secret is answered 401 or blamed."""
    with pytest.raises(GrantError):
        exchange(decline(status, body))


@pytest.mark.parametrize("body", [SECRET_IS_WRONG, RFC_CLIENT, *NOTHING_SAID, BOTH], ids=lambda body: repr(body[:60]))
def test_a_401_that_does_not_blame_the_grant_may_be_the_client_secret_s(body: bytes) -> None:
    """The grant has its five minutes, in which the right one may come; the text says where to look."""
    with pytest.raises(ClientSecretRejected, match="HEADRACE_CLIENT_SECRET"):
        exchange(decline(401, body))


@pytest.mark.parametrize("body", [SECRET_IS_WRONG, RFC_CLIENT, *NOTHING_SAID, BOTH], ids=lambda body: repr(body[:60]))
def test_after_its_five_minutes_a_grant_has_expired_whatever_heroku_blames(body: bytes) -> None:
    """Nothing is waited for that could not help."""
    with pytest.raises(GrantError) as caught:
        read_exchange(decline(401, body), EXCHANGE, grant=GRANT, now=GRANT.expires_at)

    assert "expired" == caught.value.reason


@pytest.mark.parametrize("status", [400, 401, 422])
@pytest.mark.parametrize("body", [SECRET_IS_WRONG, RFC_CLIENT])
def test_a_refresh_that_blames_the_client_secret_says_so(status: int, body: bytes) -> None:
    """The refresh token is good for as long as its resource lives: the right secret refreshes it."""
    with pytest.raises(ClientSecretRejected, match="HEADRACE_CLIENT_SECRET"):
        refresh(decline(status, body))


def test_a_suspended_account_is_forbidden() -> None:
    """403 comes with the bare message as its body."""
    with pytest.raises(Forbidden):
        exchange(decline(403, b"Your account is suspended."))


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (500, HerokuBroken), (503, HerokuBroken)])
def test_a_grant_survives_heroku_being_down(status: int, kind: type[PlatformError]) -> None:
    """The code was not used, so the exchange may be tried again."""
    with pytest.raises(kind):
        exchange(decline(status))


@pytest.mark.parametrize("body", [b'{"id":"unauthorized","message":"No."}', b'{"error":"invalid_grant"}', b"No.", b""])
def test_a_refused_refresh_is_a_rejected_token(body: bytes) -> None:
    """401, whatever its body: Heroku's shape, RFC 6749's, bare text or nothing."""
    with pytest.raises(TokenRejected) as caught:
        refresh(decline(401, body))

    assert type(caught.value) is TokenRejected
    assert "POST /oauth/token" == caught.value.request
    assert "HEADRACE_CLIENT_SECRET" in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"access_token":7,"expires_in":28799}',
        b'{"access_token":"\xff","expires_in":28799}',
        b'{"access_token":"","expires_in":28799}',
        b'{"x":' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:60]),
)
def test_an_unreadable_token_is_our_own_error(body: bytes) -> None:
    """Whatever a 200 holds, only headrace's errors come out."""
    with pytest.raises(UnexpectedAnswer):
        refresh(decline(200, body))


@pytest.mark.parametrize(
    ("margin", "is_due"),
    [(timedelta(minutes=59), False), (timedelta(hours=1), True), (timedelta(hours=2), True)],
)
def test_a_token_is_refreshed_ahead_of_its_expiry(margin: timedelta, is_due: bool) -> None:  # noqa: FBT001
    """The margin counts back from the expiry, not on from it."""
    token = Token(access=Secret("a"), refresh=Secret("b"), expires_at=NOW + timedelta(hours=1))

    assert is_due is token.expires_within(margin, now=NOW)


def test_no_failure_shows_a_secret() -> None:
    """Neither the code, the client secret nor a token stands in an error's text."""
    texts = []
    for response in (decline(401), decline(500), decline(200, b'{"access_token": ["planted"]}')):
        with pytest.raises(HeadraceError) as caught:
            exchange(response)
        texts.append(f"{caught.value!r} {caught.value}")

    for planted in ("5b1d0a4e", "client&secret", "client%26secret", "HRKU-", "planted"):
        assert planted not in " ".join(texts)


def test_a_lost_grant_is_asked_for_with_the_manifests_credentials() -> None:
    """`GET /vendor/resources/{uuid}/oauth-grant` on the API host (contract §2.4)."""
    request = build_backfill("0f3a7c52", slug="pipescope", password=Secret("manifest-pass"))

    assert ("GET", Host.API, "/vendor/resources/0f3a7c52/oauth-grant") == (request.method, request.host, request.path)
    assert "Basic cGlwZXNjb3BlOm1hbmlmZXN0LXBhc3M=" == request.headers["Authorization"]


def test_a_grant_had_anew_is_read_like_that_of_a_provision() -> None:
    """Heroku's times have a numeric offset."""
    body = b'{"code": "fresh", "expires_at": "2026-11-23T10:05:00-08:00", "type": "authorization_code"}'
    grant = read_backfill(Response(status=200, body=body), BACKFILL)

    assert Grant(code=Secret("fresh"), expires_at=NOW + timedelta(minutes=5)) == grant


@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_where_the_back_fill_is_closed_there_is_no_grant(status: int) -> None:
    """Heroku opens it on request; nobody can be asked again."""
    assert None is read_backfill(decline(status), BACKFILL)


@pytest.mark.parametrize("body", [b"", b"null", b'{"code": "fresh"}', b'{"code": "fresh", "expires_at": "soon"}'])
def test_a_back_fill_that_cannot_be_read_is_tried_again(body: bytes) -> None:
    """An answer cut short says nothing about the grant."""
    with pytest.raises(UnexpectedAnswer):
        read_backfill(Response(status=200, body=body), BACKFILL)
