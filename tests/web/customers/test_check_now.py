"""How much a customer may have asked of Heroku at once, and what no customer can use up."""

import asyncio
from datetime import timedelta

from browsing import log_in, provision, read_csrf, visit
from headrace.client import KEPT_FOR_ACCESS
from headrace.emulator import Clock
from headrace.inspector.inspector import ACCESS_GOOD_FOR, ASKED_AGAIN_AFTER
from pair import ADA, GRACE, Pair, play_pair

TOO_OLD = ACCESS_GOOD_FOR + timedelta(seconds=1)


async def check(pair: Pair, cookie: str) -> int:
    csrf = read_csrf(await visit(pair, "/board", cookie=cookie))
    return (await visit(pair, "/board/check", cookie=cookie, form={"csrf": csrf})).status


def count_looks(pair: Pair) -> int:
    """How often Heroku was asked for an add-on itself, which each look of a check does once."""
    asked = [exchange.path.split("/") for exchange in pair.heroku.traffic if exchange.method == "GET"]
    # Not what else is asked about one, such as for its webhooks by a chore.
    return sum(parts[1] == "addons" and len(parts) == 3 for parts in asked)


async def test_a_check_answers_for_some_seconds_whoever_asks(database_url: str) -> None:
    """Ten at once, from two people, are one look at their resource; when it has had its time there is another."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        addon = await provision(pair, "shop-staging")
        cookies = [await log_in(pair, addon, GRACE), await log_in(pair, addon, ADA)]
        clock.freeze()
        before = count_looks(pair)
        statuses = await asyncio.gather(*(check(pair, cookie) for cookie in cookies * 5))
        once = count_looks(pair) - before
        clock.advance(ASKED_AGAIN_AFTER)
        await check(pair, cookies[0])

        assert {303} == set(statuses)
        assert [1, 2] == [once, count_looks(pair) - before]


async def test_a_person_checks_once_in_some_seconds_from_however_many_sessions(sqlite_url: str) -> None:
    """Another board of the same person has other resources to look at; they wait for the person's next turn."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        shop = await log_in(pair, await provision(pair, "shop"), ADA)
        clock.freeze()
        await check(pair, shop)
        notes = await log_in(pair, await provision(pair, "ada-notes"), ADA)
        before = count_looks(pair)
        await check(pair, notes)
        early = count_looks(pair) - before
        clock.advance(ASKED_AGAIN_AFTER)
        await check(pair, notes)

        assert [0, 2] == [early, count_looks(pair) - before]


async def test_the_last_of_a_pool_is_kept_for_asking_who_may_see_the_app(sqlite_url: str) -> None:
    """However much is asked with a token, a removed collaborator is out: that question is still answered."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon, GRACE)
        clock.advance(TOO_OLD)
        clock.freeze()
        pair.heroku.switches.rate_limit = KEPT_FOR_ACCESS + 10
        for _ in range(KEPT_FOR_ACCESS):
            await pair.parts.inspector.inspect_all([addon.id])
        grace = pair.heroku.state.find_user(GRACE)
        assert grace is not None
        del pair.heroku.state.apps["shop-staging"].collaborators[grace.id]

        assert 403 == (await visit(pair, "/board.json", cookie=cookie)).status
