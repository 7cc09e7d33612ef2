"""Looks that wait for news are answered when there is some, with what an ordinary look would be told then."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest

from browsing import Page, log_in, provision, read_csrf, visit
from headrace.emulator import Addon, Clock
from headrace.logs import LogName
from pair import GRACE, Pair, play_pair
from web.customers.test_glances import move, warm
from web.ground.test_access_log import find

LONG = "wait=25"
# An ordinary look is answered long before.
NOTICED_WITHIN_SECONDS = 1.0


async def begin_to_wait(pair: Pair, cookie: str, page: Page, path: str = "/board") -> "asyncio.Task[Page]":
    """Begin a look that waits, and make sure that it does."""
    headers = {"If-None-Match": page.headers["ETag"], "Prefer": f"return=minimal, {LONG}"}
    look = asyncio.create_task(visit(pair, path, cookie=cookie, headers=headers))
    assert (set(), {look}) == await asyncio.wait([look], timeout=NOTICED_WITHIN_SECONDS)
    return look


@pytest.mark.parametrize("path", ["/board", "/board.json"])
async def test_a_look_that_waits_is_answered_when_something_has_changed(
    database_url: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The line about it says how long it waited, which is no slowness of the service's."""
    caplog.set_level(logging.INFO)
    async with play_pair(database_url, HEADRACE_RECHECK_SECONDS="3600") as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon)
        look = await begin_to_wait(pair, cookie, await warm(pair, cookie, path), path)
        await move(pair, addon)
        told = await look
        line = find(caplog, LogName.REQUEST_ANSWERED)[-1]

        assert (204, "return=minimal") == (told.status, told.headers["Preference-Applied"])
        assert NOTICED_WITHIN_SECONDS * 1000 < line["waited_ms"] <= line["ms"] < 25_000


async def test_a_look_that_waits_in_vain_is_told_that_nothing_has_changed(database_url: str) -> None:
    async with play_pair(database_url, HEADRACE_RECHECK_SECONDS="3600") as pair:
        cookie = await log_in(pair, await provision(pair, "shop-staging"))
        page = await warm(pair, cookie)
        headers = {"If-None-Match": page.headers["ETag"], "Prefer": "return=minimal, wait=1"}
        told = await visit(pair, "/board", cookie=cookie, headers=headers)

        assert (304, page.headers["ETag"]) == (told.status, told.headers["ETag"])


async def let_time_pass(pair: Pair, clock: Clock, _addon: Addon, _cookie: str, _page: Page) -> None:
    clock.advance(timedelta(seconds=600))


async def lose_access(pair: Pair, clock: Clock, _addon: Addon, _cookie: str, _page: Page) -> None:
    pair.heroku.state.apps["shop-staging"].collaborators.clear()
    clock.advance(timedelta(minutes=5, seconds=1))


async def log_out(pair: Pair, _clock: Clock, _addon: Addon, cookie: str, page: Page) -> None:
    await visit(pair, "/board/logout", cookie=cookie, form={"csrf": read_csrf(page)})


async def deprovision(pair: Pair, _clock: Clock, addon: Addon, _cookie: str, _page: Page) -> None:
    await pair.heroku.deprovision(addon)
    await pair.settle()


Event = Callable[[Pair, Clock, Addon, str, Page], Awaitable[None]]


@pytest.mark.parametrize(
    ("event", "status"), [(let_time_pass, 204), (lose_access, 403), (log_out, 401), (deprovision, 403)]
)
async def test_who_waits_is_told_what_whoever_looks_is(database_url: str, event: Event, status: int) -> None:
    """That time has made another version, that they may see it no more, that their session has ended."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_RECHECK_SECONDS="600") as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon, GRACE)
        page = await warm(pair, cookie)
        look = await begin_to_wait(pair, cookie, page)
        await event(pair, clock, addon, cookie, page)

        assert status == (await look).status


async def test_all_who_wait_are_told(database_url: str) -> None:
    """Of one person in many windows, whatever is chosen in each."""
    async with play_pair(database_url, HEADRACE_RECHECK_SECONDS="3600") as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon)
        await warm(pair, cookie)
        paths = [f"/board?q={number}" for number in range(20)]
        pages = [await visit(pair, path, cookie=cookie) for path in paths]
        looks = [asyncio.create_task(look) for look in map(begin_to_wait, [pair] * 20, [cookie] * 20, pages, paths)]
        waiting = await asyncio.gather(*looks)
        await move(pair, addon)

        assert {204} == {page.status for page in await asyncio.gather(*waiting)}


async def test_nobody_who_waits_keeps_the_service_from_stopping(sqlite_url: str) -> None:
    """They are told that nothing has changed, and ask the service that comes."""
    async with aiohttp.ClientSession() as http:
        async with play_pair(sqlite_url, HEADRACE_RECHECK_SECONDS="3600") as pair:
            cookie = await log_in(pair, await provision(pair, "shop-staging"))
            page = await warm(pair, cookie)
            look = await begin_to_wait(replace(pair, http=http), cookie, page)
        assert 304 == (await look).status
