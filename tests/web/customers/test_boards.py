"""What an open board costs: its script names the version it has, and is sent a page only when there is another."""

import gzip
import json
from datetime import timedelta

from browsing import Page, log_in, provision, visit
from headrace.emulator import Clock, Fault
from headrace.hooks.arguments import Resource
from headrace.hooks.panel import Panel
from headrace.inspector.inspector import ACCESS_GOOD_FOR
from headrace.models import Stage
from headrace.store.reports.vitals import SILENT_AFTER
from headrace.web.ground.compression import LEVEL
from pair import ADA, GRACE, Acme, Pair, play_pair
from scenes import render_scene


async def look(pair: Pair, cookie: str, version: str) -> Page:
    return await visit(pair, "/board", cookie=cookie, headers={"If-None-Match": version})


async def test_a_board_that_is_known_is_not_sent_again(sqlite_url: str) -> None:
    """304 without a body, and without a call of the partner's panel hook."""
    asked: list[str] = []

    def show(resource: Resource) -> Panel:
        asked.append(resource.uuid)
        return Panel(sentence="All is well.")

    async with play_pair(sqlite_url, acme=Acme(panel=show)) as pair:
        addon = await provision(pair)
        # What Heroku tells of the new add-on has it inspected once more, which is another version.
        await pair.settle()
        await pair.sweep()
        cookie = await log_in(pair, addon)
        first = await visit(pair, "/board", cookie=cookie)
        again = await look(pair, cookie, first.headers["ETag"])

        assert (304, "") == (again.status, again.text)
        assert first.headers["ETag"] == again.headers["ETag"]
        assert first.headers["ETag"].strip('"') in first.text
        assert [addon.id] == asked


def test_a_board_of_300_review_apps_is_light() -> None:
    """At most 20 KB on the wire, compressed as the service does it."""
    page = render_scene("300-review-apps").encode()

    assert 305 == page.count(b'class="card')
    assert len(gzip.compress(page, LEVEL)) <= 20_000


async def test_a_move_makes_another_version(sqlite_url: str) -> None:
    """The next look brings the page with the card in its new column."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon)
        first = await visit(pair, "/board", cookie=cookie)
        pair.heroku.move("shop-staging", Stage.PRODUCTION)
        await pair.parts.inspector.inspect(addon.id)
        later = await look(pair, cookie, first.headers["ETag"])

        assert 200 == later.status
        assert first.headers["ETag"] != later.headers["ETag"]
        assert "moved from staging" in later.text


async def test_a_check_that_finds_nothing_new_makes_no_other_version(sqlite_url: str) -> None:
    """Checks go on all the time; only what they find is worth a page."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        cookie = await log_in(pair, addon)
        first = await visit(pair, "/board", cookie=cookie)
        await pair.parts.inspector.inspect(addon.id)

        assert 304 == (await look(pair, cookie, first.headers["ETag"])).status


async def test_freshness_and_figures_are_renewed_in_time(sqlite_url: str) -> None:
    """Once per check interval a page is sent whatever the case, so that what it says of its age stays true."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        cookie = await log_in(pair, await provision(pair))
        first = await visit(pair, "/board", cookie=cookie)
        clock.advance(pair.parts.inspector.recheck_every)

        assert 200 == (await look(pair, cookie, first.headers["ETag"])).status


async def test_a_version_is_one_persons(sqlite_url: str) -> None:
    """Another session's version says nothing about mine, even where both see the same."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair, "shop-staging")
        hers = await visit(pair, "/board", cookie=await log_in(pair, addon, GRACE))

        assert 200 == (await look(pair, await log_in(pair, addon, ADA), hers.headers["ETag"])).status


async def test_whoever_lost_access_is_told_at_the_next_look(sqlite_url: str) -> None:
    """A known version does not keep a board open to somebody who may not see it."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon, GRACE)
        first = await visit(pair, "/board", cookie=cookie)
        pair.heroku.state.apps["shop-staging"].collaborators.clear()
        clock.advance(timedelta(minutes=5, seconds=1))

        assert 403 == (await look(pair, cookie, first.headers["ETag"])).status


async def test_heroku_s_silence_is_told_on_everybodys_board_alike(database_url: str) -> None:
    """Whose apps it would be about is no matter: a note that only some people see would tell of what others have."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        shop, staging = await provision(pair, "shop"), await provision(pair, "shop-staging")
        cookies = [await log_in(pair, shop, ADA), await log_in(pair, staging, GRACE)]
        await pair.parts.heartbeat.beat()
        before = [await _read_silence(pair, cookie) for cookie in cookies]
        fault = pair.heroku.faults.add(Fault(kind="status", status=503, path="/*"))
        for wait in (ACCESS_GOOD_FOR + timedelta(seconds=1), SILENT_AFTER + timedelta(seconds=1)):
            clock.advance(wait)
            await visit(pair, "/board", cookie=cookies[0])
        await pair.parts.heartbeat.beat()
        during = [await _read_silence(pair, cookie) for cookie in cookies]
        pair.heroku.faults.remove(fault)
        clock.advance(ACCESS_GOOD_FOR + timedelta(seconds=1))
        await visit(pair, "/board", cookie=cookies[0])
        await pair.parts.heartbeat.beat()
        after = [await _read_silence(pair, cookie) for cookie in cookies]

        assert [(None, "")] * 2 == before == after
        assert 1 == len(set(during))
        assert during[0][0] is not None
        assert "Heroku does not answer, so this page may not be complete" in during[0][1]


async def _read_silence(pair: Pair, cookie: str) -> tuple[str | None, str]:
    """What the board says of Heroku's silence, to programs and to people."""
    told = json.loads((await visit(pair, "/board.json", cookie=cookie)).text)["heroku_silent_since"]
    page = (await visit(pair, "/board", cookie=cookie)).text
    return told, page.split('<div id="silence" role="status">')[1].split("</div>")[0].strip()
