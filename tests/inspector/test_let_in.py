"""Whoever Heroku has just let in sees that resource, until its lists of a later moment say otherwise."""

from datetime import timedelta

import pytest

from browsing import log_in, provision, visit
from headrace.emulator import Clock, Fault
from headrace.emulator.heroku.sso import may_log_in
from headrace.inspector.inspector import ACCESS_GOOD_FOR
from headrace.store.state.people.access import doubt_access
from pair import ADA, EVE, GRACE, MIA, Pair, play_pair

TOO_OLD = ACCESS_GOOD_FOR + timedelta(seconds=1)


async def open_board(pair: Pair, cookie: str) -> int:
    return (await visit(pair, "/board.json", cookie=cookie)).status


async def list_apps(pair: Pair, cookie: str) -> set[str]:
    text = (await visit(pair, "/board.json", cookie=cookie)).text
    return {app for app in ("shop", "shop-dev", "shop-staging", "blog") if f'"app":"{app}"' in text.replace(": ", ":")}


async def test_a_member_of_the_team_sees_every_app_of_it(database_url: str) -> None:
    """Mia is a member and works on none of them by name: all of the team's apps, and nobody's else."""
    async with play_pair(database_url) as pair:
        addon = await provision(pair, "shop-staging")
        for app in ("shop", "shop-dev", "blog"):
            await provision(pair, app)
        mias, graces = await log_in(pair, addon, MIA), await log_in(pair, addon, GRACE)

        assert {"shop", "shop-dev", "shop-staging"} == await list_apps(pair, mias)
        assert {"shop-staging"} == await list_apps(pair, graces)


@pytest.mark.parametrize("has_looked", [False, True], ids=["nobody has looked", "somebody has just looked"])
async def test_whom_heroku_let_in_and_no_list_names_sees_the_resource(
    database_url: str,
    has_looked: bool,  # noqa: FBT001
) -> None:
    """An Enterprise team's permissions, say: the one card, at every look, and nothing beside it."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        addon = await provision(pair, "shop-staging")
        await provision(pair, "shop-dev")
        if has_looked:
            assert 200 == await open_board(pair, await log_in(pair, addon, ADA))
            clock.advance(timedelta(seconds=2))
        cookie = await log_in(pair, addon, EVE)
        looks = [await open_board(pair, cookie) for _ in range(3)]
        apps = await list_apps(pair, cookie)
        clock.advance(ACCESS_GOOD_FOR - timedelta(minutes=1))
        looks.append(await open_board(pair, cookie))

        assert ([200] * 4, {"shop-staging"}) == (looks, apps)


async def test_whom_an_enterprise_team_lets_in_stays_in(sqlite_url: str) -> None:
    """To log in there takes a permission on the app, and whoever has one is a collaborator: every list says so."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        pair.heroku.state.teams["lumen"].is_enterprise = True
        eve = pair.heroku.state.find_user(EVE)
        assert eve is not None
        pair.heroku.state.add_collaborator(pair.heroku.find_app("shop-staging"), eve, permissions=("operate", "view"))
        addon = await provision(pair, "shop-staging")
        await provision(pair, "shop-dev")
        cookie = await log_in(pair, addon, EVE)
        looks = [await open_board(pair, cookie)]
        clock.advance(TOO_OLD)
        looks.append(await open_board(pair, cookie))

        assert may_log_in(addon.app, eve)
        assert [200, 200] == looks
        assert {"shop-staging"} == await list_apps(pair, cookie)


async def test_lists_of_a_later_moment_decide(sqlite_url: str) -> None:
    """They are asked for again after five minutes: whom they do not name is out, and the session ends."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon, EVE)
        before = await open_board(pair, cookie)
        clock.advance(TOO_OLD)

        assert [200, 403, 401] == [before, await open_board(pair, cookie), await open_board(pair, cookie)]


async def test_a_change_that_heroku_tells_of_decides_at_once(database_url: str) -> None:
    """A webhook about the app's people after the login: the lists that are asked for then are of later."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon, GRACE)
        before = await open_board(pair, cookie)
        grace = pair.heroku.state.find_user(GRACE)
        assert grace is not None
        del pair.heroku.state.apps["shop-staging"].collaborators[grace.id]
        clock.advance(timedelta(seconds=2))
        await pair.parts.database.write(doubt_access, addon.app.id, now=clock.now())
        clock.advance(timedelta(seconds=2))

        assert [200, 403] == [before, await open_board(pair, cookie)]


async def test_who_is_kept_in_costs_heroku_no_more_than_others(sqlite_url: str) -> None:
    """The add-on is read once after the login, to see whether it has moved, and the lists as often as ever."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addon = await provision(pair, "shop-staging")
        clock.advance(timedelta(seconds=20))
        cookie = await log_in(pair, addon, EVE)
        assert 200 == await open_board(pair, cookie)
        before = len(list(pair.heroku.traffic))
        for _ in range(5):
            assert 200 == await open_board(pair, cookie)
        asked = [each.path for each in list(pair.heroku.traffic)[before:]]

        assert [] == [path for path in asked if "collaborators" in path or path == f"/addons/{addon.id}"]


async def test_a_team_that_cannot_be_read_says_nothing_of_its_members(sqlite_url: str) -> None:
    """Heroku does not tell: whoever it let in stays."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon, MIA)
        assert 200 == await open_board(pair, cookie)
        pair.heroku.faults.add(Fault(kind="malform", path="/teams/*"))
        clock.advance(TOO_OLD)

        assert 200 == await open_board(pair, cookie)
