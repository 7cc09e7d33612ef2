"""An add-on that has moved to another app, of which no webhook told."""

from datetime import timedelta

from browsing import log_in, visit
from headrace.emulator import Clock
from headrace.inspector.inspector import ACCESS_GOOD_FOR
from pair import ADA, EVE, Pair, play_pair

TOO_OLD = ACCESS_GOOD_FOR + timedelta(seconds=1)


async def open_board(pair: Pair, cookie: str) -> tuple[int, bool]:
    """The status, and whether the board shows the add-on that moves."""
    page = await visit(pair, "/board.json", cookie=cookie)
    return page.status, "the-one-that-moves" in page.text


async def test_a_login_for_an_addon_that_has_moved_finds_it_where_it_is(database_url: str) -> None:
    """Eve is let in by Heroku and not among the app's people: the add-on is read before she is refused.

    Another add-on stays on Ada's app and answers for it. From Eve's login on Ada does not see hers any more.
    """
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        moving = await pair.heroku.create_addon("ada-notes", "acme-search:basic", name="the-one-that-moves")
        staying = await pair.heroku.create_addon("ada-notes", "acme-search:basic", name="the-one-that-stays")
        await pair.settle()
        adas = await log_in(pair, staying, ADA)
        before = await open_board(pair, adas)
        moving.app = pair.heroku.state.apps["eves-app"]
        clock.advance(TOO_OLD)
        eves = await log_in(pair, moving, EVE)

        assert (200, True) == before
        assert (200, True) == await open_board(pair, eves)
        assert (200, False) == await open_board(pair, adas)


async def test_an_addon_that_has_moved_is_not_shown_to_its_old_people(database_url: str) -> None:
    """Nobody has logged in for it: its own token has not said lately that it is on Ada's app, and so it is asked."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        moving = await pair.heroku.create_addon("ada-notes", "acme-search:basic", name="the-one-that-moves")
        staying = await pair.heroku.create_addon("ada-notes", "acme-search:basic", name="the-one-that-stays")
        await pair.settle()
        adas = await log_in(pair, staying, ADA)
        before = await open_board(pair, adas)
        moving.app = pair.heroku.state.apps["eves-app"]
        clock.advance(TOO_OLD)

        assert [(200, True), (200, False)] == [before, await open_board(pair, adas)]


async def test_who_looks_from_an_addon_that_has_moved_is_out(database_url: str) -> None:
    """That its token sees their app no longer is no silence of Heroku's: the add-on is asked where it is."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        moving = await pair.heroku.create_addon("ada-notes", "acme-search:basic", name="the-one-that-moves")
        await pair.settle()
        adas = await log_in(pair, moving, ADA)
        before = await open_board(pair, adas)
        moving.app = pair.heroku.state.apps["eves-app"]
        clock.advance(TOO_OLD)

        assert [(200, True), (403, False)] == [before, await open_board(pair, adas)]


async def test_an_addon_is_read_once_for_a_session_that_is_refused(sqlite_url: str) -> None:
    """Who was removed is refused after the add-on was read, and has no session then to have it read again."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.settle()
        cookie = await log_in(pair, addon, "grace@lumen.example")
        pair.heroku.state.apps["shop-staging"].collaborators.clear()
        clock.advance(TOO_OLD)
        before = _count_reads(pair)
        statuses = [(await visit(pair, "/board.json", cookie=cookie)).status for _ in range(3)]

        assert [403, 401, 401] == statuses
        assert 1 == _count_reads(pair) - before


def _count_reads(pair: Pair) -> int:
    """How often Heroku was asked for an add-on itself."""
    return sum(exchange.method == "GET" and exchange.path.startswith("/addons/") for exchange in pair.heroku.traffic)
