"""What Heroku's silence changes: it may keep somebody in, and never brings somebody back."""

from datetime import timedelta

import pytest

from browsing import log_in, provision, visit
from headrace.emulator import Clock, Fault
from headrace.emulator.world.records import Addon
from headrace.inspector.inspector import ACCESS_GOOD_FOR
from headrace.store.state.people.access import doubt_access
from pair import ADA, GRACE, Pair, play_pair

TOO_OLD = ACCESS_GOOD_FOR + timedelta(seconds=1)
SILENCES = (503, 403, 404, 429)


def be_silent(pair: Pair, addon: Addon, status: int = 503) -> None:
    """From here on Heroku tells nothing of who may see the app."""
    pair.heroku.faults.add(Fault(kind="status", status=status, path=f"/apps/{addon.app.id}"))


def set_grace(pair: Pair, *, is_in: bool) -> None:
    grace = pair.heroku.state.find_user(GRACE)
    assert grace is not None
    if is_in:
        pair.heroku.state.add_collaborator(pair.heroku.state.apps["shop-staging"], grace)
    else:
        del pair.heroku.state.apps["shop-staging"].collaborators[grace.id]


async def open_board(pair: Pair, cookie: str) -> int:
    return (await visit(pair, "/board.json", cookie=cookie)).status


@pytest.mark.parametrize("silence", SILENCES)
async def test_an_answer_of_no_outlives_silence(sqlite_url: str, silence: int) -> None:
    """Ada's look made Heroku say that Grace is out; that it says nothing any more does not bring her back."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addon = await provision(pair, "shop-staging")
        graces, adas = await log_in(pair, addon, GRACE), await log_in(pair, addon, ADA)
        before = await open_board(pair, graces)
        set_grace(pair, is_in=False)
        clock.advance(TOO_OLD)
        told = await open_board(pair, adas)
        be_silent(pair, addon, silence)
        clock.advance(TOO_OLD)
        after = [await open_board(pair, graces), await open_board(pair, adas)]

        assert ([200, 200], [403, 200]) == ([before, told], after)


async def test_an_answer_that_is_in_doubt_still_says_no(database_url: str) -> None:
    """A webhook about the app's people has Heroku asked again; while it does not answer, its last answer stands."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        addon = await provision(pair, "shop-staging")
        graces, adas = await log_in(pair, addon, GRACE), await log_in(pair, addon, ADA)
        set_grace(pair, is_in=False)
        clock.advance(TOO_OLD)
        assert 200 == await open_board(pair, adas)
        be_silent(pair, addon)
        await pair.parts.database.write(doubt_access, addon.app.id, now=clock.now())

        assert [403, 200] == [await open_board(pair, graces), await open_board(pair, adas)]


async def test_silence_keeps_in_who_was_in_at_the_last_answer(sqlite_url: str) -> None:
    """As long as the session lasts: a bad day of Heroku's is not the customer's."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon, GRACE)
        assert 200 == await open_board(pair, cookie)
        be_silent(pair, addon)
        clock.advance(timedelta(minutes=50))

        assert 200 == await open_board(pair, cookie)


async def test_a_refused_session_stays_refused(database_url: str) -> None:
    """The cookie was copied; being a collaborator again, or silence, opens nothing with it, and a new login does."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon, GRACE)
        set_grace(pair, is_in=False)
        clock.advance(TOO_OLD)
        refused = await open_board(pair, cookie)
        set_grace(pair, is_in=True)
        clock.advance(TOO_OLD)
        copied = await open_board(pair, cookie)
        again = await log_in(pair, addon, GRACE)
        be_silent(pair, addon)

        assert [403, 401] == [refused, copied]
        assert [200, 401] == [await open_board(pair, again), await open_board(pair, cookie)]


async def test_a_login_is_newer_than_an_answer_of_before(sqlite_url: str) -> None:
    """Grace was out, is in again and comes by Heroku: the answer of before is asked for again, and refuses nobody."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addon = await provision(pair, "shop-staging")
        set_grace(pair, is_in=False)
        clock.advance(TOO_OLD)
        assert 200 == await open_board(pair, await log_in(pair, addon, ADA))
        set_grace(pair, is_in=True)
        clock.advance(timedelta(seconds=2))
        cookie = await log_in(pair, addon, GRACE)

        assert 200 == await open_board(pair, cookie)


async def test_a_login_form_that_was_kept_is_no_newer_than_it_was_signed(sqlite_url: str) -> None:
    """Grace keeps a form while she is removed and Heroku says so: using it then counts from when Heroku signed it."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addon = await provision(pair, "shop-staging")
        clock.advance(TOO_OLD)
        form = pair.heroku.sso_form(addon, GRACE)[1]
        set_grace(pair, is_in=False)
        clock.advance(timedelta(minutes=2))
        assert 200 == await open_board(pair, await log_in(pair, addon, ADA))
        be_silent(pair, addon)
        login = await visit(pair, "/sso/login", form=form)

        assert login.cookie is not None
        assert 403 == await open_board(pair, login.cookie.value)
