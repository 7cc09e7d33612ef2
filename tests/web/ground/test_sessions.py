"""What a cookie says, which is verified once and good as long as it says."""

from datetime import timedelta

import pytest
from starlette.requests import Request
from starlette.responses import Response

from headrace.emulator import Clock
from headrace.encryption import KeyRing
from headrace.store.sql.database import Database
from headrace.web.ground.sessions import GOOD_FOR, Session, Sessions, keep_customers

SESSION = Session(resource_uuid="u", user_id="ada", email="", app="shop", is_proven=True, csrf="csrf")


def build_request(cookie: str = "") -> Request:
    headers = [(b"host", b"127.0.0.1:5000"), (b"cookie", f"headrace_session={cookie}".encode())]
    return Request({"type": "http", "scheme": "http", "path": "/board", "headers": headers})


def sign(sessions: Sessions[Session], session: Session) -> str:
    """Return the text of the cookie that a browser is given."""
    response = Response()
    sessions.save(build_request(), response, session)
    return response.headers["set-cookie"].partition("=")[2].partition(";")[0]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(sqlite_url: str, clock: Clock) -> Sessions[Session]:
    return keep_customers(KeyRing([b"k" * 32]), database=Database(sqlite_url), clock=clock.now)


def test_a_cookie_is_good_until_its_session_ends(sessions: Sessions[Session], clock: Clock) -> None:
    """However often it was read before."""
    cookie = sign(sessions, SESSION)
    before = [sessions.read(build_request(cookie)) for _ in range(2)]
    clock.advance(GOOD_FOR + timedelta(seconds=1))

    assert [SESSION, SESSION] == before
    assert [None, None] == [sessions.read(build_request(cookie)) for _ in range(2)]


def test_a_cookie_is_verified_once(sessions: Sessions[Session]) -> None:
    """The same text says the same."""
    cookie = sign(sessions, SESSION)

    assert sessions.read(build_request(cookie)) is sessions.read(build_request(cookie))


def test_a_cookie_that_was_altered_is_none_beside_the_one_that_it_was(sessions: Sessions[Session]) -> None:
    """Nothing of what another one says is taken over."""
    cookie = sign(sessions, SESSION)
    sessions.read(build_request(cookie))
    altered = cookie[:-9] + ("A" if cookie[-9] != "A" else "B") + cookie[-8:]

    assert [None, None] == [sessions.read(build_request(each)) for each in (altered, "")]
