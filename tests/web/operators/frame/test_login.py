"""Who knows the secret gets in; who guesses is held off."""

import asyncio
import re
from datetime import timedelta
from html import unescape

import pytest

from browsing import read_csrf
from headrace.emulator import Clock
from headrace.errors import ConfigurationError
from headrace.models import Secret
from headrace.settings import read_settings
from headrace.store.state.people.api_tokens import Scope, revoke_api_token
from headrace.web.ground.sessions import OperatorSession
from headrace.web.operators.frame.guard import find_way_back
from headrace.web.operators.frame.login import ATTEMPTS_IN_ALL, ATTEMPTS_OF_CLIENT
from web.operators.entering import SECRET, enter, fail_provision, look, play, try_secret
from web.programs.calling import make_token


def test_a_short_secret_is_no_setting() -> None:
    """Also with an emulator on this machine; the problem does not repeat it."""
    with pytest.raises(ConfigurationError) as caught:
        read_settings({"HEADRACE_OPERATOR_SECRET": "short-secret", "HEROKU_API_URL": "http://127.0.0.1:1"})

    (problem,) = [each for each in caught.value.problems if "OPERATOR" in each]
    assert "12 characters, 32 are needed" in problem
    assert "short-secret" not in problem


async def test_who_knows_the_secret_gets_in(database_url: str) -> None:
    """303 to the overview, with a cookie that no script reads and no other site sends along at all."""
    async with play(database_url) as pair:
        page = await try_secret(pair, SECRET)
        assert page.cookie is not None
        home = await look(pair, "/operators", page.cookie.value)

        assert (303, "/operators") == (page.status, page.headers["Location"])
        assert (True, "strict", "/", "3600") == (
            page.cookie["httponly"],
            page.cookie["samesite"].lower(),
            page.cookie["path"],
            page.cookie["max-age"],
        )
        assert (200, True) == (home.status, "<h1>Overview</h1>" in home.text)


async def test_a_login_leads_back_to_the_page_that_was_asked_for(sqlite_url: str) -> None:
    """With its filter, also after a wrong secret, so that links in alerts live."""
    async with play(sqlite_url) as pair:
        led = await look(pair, "/operators/resources?state=failed&q=a%20b")
        form = await look(pair, led.headers["Location"])
        (to,) = re.findall(r'name="to" value="([^"]*)"', form.text)
        wrong = await look(pair, "/operators/login", form={"secret": "wrong", "to": unescape(to)})
        done = await look(pair, "/operators/login", form={"secret": SECRET, "to": unescape(to)})

        assert "/operators/resources?state=failed&q=a%20b" == unescape(to) == done.headers["Location"]
        assert f'name="to" value="{to}"' in wrong.text


@pytest.mark.parametrize(
    "asked", ["", "/board", "//evil.example", "/operatorsx", "/operators\\x", "/operators/a b", "/operators/login?to=x"]
)
def test_a_login_leads_nowhere_else(asked: str) -> None:
    """To no other page, and to no other host."""
    assert "/operators" == find_way_back(asked)


@pytest.mark.parametrize("secret", ["", "wrong", SECRET[:-1], SECRET + "x", SECRET.upper(), "\u00e9" * 40])
async def test_a_wrong_secret_is_refused(sqlite_url: str, secret: str) -> None:
    """403, the form again, no cookie."""
    async with play(sqlite_url) as pair:
        page = await try_secret(pair, secret)

        assert (403, None) == (page.status, page.cookie)
        assert "That is not the secret." in page.text


async def test_a_client_has_five_attempts_in_a_quarter_of_an_hour(database_url: str) -> None:
    """Then even the right secret waits; others are not held off, and what a client writes into the header is not it."""
    clock = Clock()
    async with play(database_url, clock=clock) as pair:
        wrong = [await try_secret(pair, "wrong") for _ in range(ATTEMPTS_OF_CLIENT)]
        held_off = [await try_secret(pair, SECRET), await try_secret(pair, SECRET, client="8.8.8.8, 203.0.113.7")]
        other = await try_secret(pair, SECRET, client="203.0.113.8")
        clock.advance(timedelta(minutes=15, seconds=1))
        later = await try_secret(pair, SECRET)

        assert [403] * ATTEMPTS_OF_CLIENT == [page.status for page in wrong]
        assert [(429, "900"), (429, "900")] == [(page.status, page.headers["Retry-After"]) for page in held_off]
        assert [303, 303] == [other.status, later.status]


async def test_attempts_at_once_count_as_well(database_url: str) -> None:
    """Twenty guesses in one moment get no more than five answers."""
    async with play(database_url) as pair:
        pages = await asyncio.gather(*(try_secret(pair, "wrong") for _ in range(20)))

        assert {403, 429} >= {page.status for page in pages}
        assert ATTEMPTS_OF_CLIENT >= sum(page.status == 403 for page in pages)
        assert 429 == (await try_secret(pair, SECRET)).status


async def test_many_clients_have_fifty_attempts_together(sqlite_url: str) -> None:
    """A thousand machines are no better at guessing than a few."""
    async with play(sqlite_url) as pair:
        pages = [
            await try_secret(pair, "wrong", client=f"203.0.{number}.1", Connection="close")
            for number in range(ATTEMPTS_IN_ALL + 2)
        ]

        assert [403] * ATTEMPTS_IN_ALL + [429] * 2 == [page.status for page in pages]


async def test_the_right_secret_clears_a_clients_attempts(sqlite_url: str) -> None:
    """Who mistypes now and then is never held off."""
    async with play(sqlite_url) as pair:
        statuses = [(await try_secret(pair, secret)).status for secret in ["wrong", "wrong", "wrong", SECRET] * 3]

        assert [403, 403, 403, 303] * 3 == statuses


async def test_another_site_can_send_no_login(sqlite_url: str) -> None:
    """A browser says where a form comes from."""
    async with play(sqlite_url) as pair:
        pages = [
            await try_secret(pair, SECRET, **{"Sec-Fetch-Site": "cross-site"}),
            await try_secret(pair, SECRET, **{"Sec-Fetch-Site": "same-site"}),
            await try_secret(pair, SECRET, Origin="https://evil.example"),
            await try_secret(pair, SECRET, Origin="null"),
        ]
        own = await try_secret(pair, SECRET, Origin=pair.url)

        assert [(403, None)] * 4 == [(page.status, page.cookie) for page in pages]
        assert 303 == own.status


async def test_logging_out_ends_the_cookie(sqlite_url: str) -> None:
    """And needs the page's own token, so that no other site can do it."""
    async with play(sqlite_url) as pair:
        cookie, csrf = await enter(pair)
        refused = await look(pair, "/operators/logout", cookie, form={"csrf": "wrong"})
        done = await look(pair, "/operators/logout", cookie, form={"csrf": csrf})

        assert (403, None) == (refused.status, refused.cookie)
        assert done.cookie is not None
        assert ("", "0", "/operators/login") == (done.cookie.value, done.cookie["max-age"], done.headers["Location"])


async def test_a_cookie_that_was_copied_ends_with_the_logout(database_url: str) -> None:
    """The server knows that the session has ended; who logs in again has a new one."""
    async with play(database_url) as pair:
        cookie, csrf = await enter(pair)
        other, _ = await enter(pair)
        before = await look(pair, "/operators.json", cookie)
        await look(pair, "/operators/logout", cookie, form={"csrf": csrf})
        copied = [await look(pair, path, cookie) for path in ("/operators.json", "/operators")]

        assert [200, 401, 303] == [page.status for page in (before, *copied)]
        assert 200 == (await look(pair, "/operators.json", other)).status


def test_the_secret_shows_itself_nowhere() -> None:
    """A session and its part of the settings print no secret."""
    assert "•••" == repr(Secret(SECRET))
    assert SECRET not in repr(OperatorSession(csrf="c"))


async def test_who_has_a_token_that_may_operate_comes_in_by_name(database_url: str) -> None:
    """What they order is theirs in the timeline; revoked, their session is over too."""
    async with play(database_url) as pair:
        uuid = await fail_provision(pair)
        page = await try_secret(pair, await make_token(pair, "grace", Scope.OPERATE))
        assert page.cookie is not None
        cookie = page.cookie.value
        csrf = read_csrf(await look(pair, "/operators", cookie))
        await look(pair, f"/operators/resources/{uuid}/abandon", cookie, form={"csrf": csrf})
        [given_up] = [event for event in await pair.list_events(uuid) if event.name == "operator.abandoned"]
        await pair.parts.database.write(revoke_api_token, "grace", now=pair.parts.clock())
        after = await look(pair, "/operators", cookie)

        assert ("grace", 303, "/operators/login") == (given_up.detail["by"], after.status, after.headers["Location"])


async def test_a_token_that_may_not_operate_lets_nobody_in(sqlite_url: str) -> None:
    """Nor does one that was revoked."""
    async with play(sqlite_url) as pair:
        reader = await make_token(pair, "reader", Scope.READ, Scope.WRITE)
        revoked = await make_token(pair, "revoked", Scope.OPERATE)
        await pair.parts.database.write(revoke_api_token, "revoked", now=pair.parts.clock())
        pages = [await try_secret(pair, token) for token in (reader, revoked)]

        assert [(403, None), (403, None)] == [(page.status, page.cookie) for page in pages]


async def test_a_program_with_a_token_that_may_read_has_the_operators_json(sqlite_url: str) -> None:
    """No login, and no cookie; another scope is 403, another text 401."""
    async with play(sqlite_url) as pair:
        tokens = [await make_token(pair, scope, scope) for scope in (Scope.READ, Scope.OPERATE)]
        pages = [
            await look(pair, "/operators/notices.json", Authorization=f"Bearer {token}") for token in (*tokens, "other")
        ]
        page = await look(pair, "/operators/notices", Authorization=f"Bearer {tokens[0]}")

        assert [200, 403, 401] == [each.status for each in pages]
        assert 303 == page.status
