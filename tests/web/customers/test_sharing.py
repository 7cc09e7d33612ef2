"""A board that a customer shares by a link: whoever has it sees what the giver sees, no more, and not for longer."""

import json
import re
from datetime import timedelta

import pytest

from browsing import Page, log_in, provision, read_csrf, visit
from headrace.emulator import Clock, Fault, Switches
from headrace.emulator.world.people import leave_team, transfer_app
from headrace.hooks.panel import Figure, Panel
from headrace.inspector.inspector import ACCESS_GOOD_FOR
from headrace.store.state.people.share_links import MOST_LINKS, list_share_links
from pair import ADA, EVE, GRACE, MIA, Acme, Pair, play_pair
from web.operators.entering import SECRET, enter, look

WEEK = "7"
SECOND = timedelta(seconds=1)
TOO_OLD = ACCESS_GOOD_FOR + SECOND
DARK = "This link shows nothing"


async def give(pair: Pair, cookie: str) -> Page:
    """Press the button that makes a link, and return the page that shows it."""
    csrf = read_csrf(await visit(pair, "/board/links", cookie=cookie))
    made = await visit(pair, "/board/links", cookie=cookie, form={"csrf": csrf})
    assert (303, "/board/links?new=1") == (made.status, made.headers["Location"]), made.text
    return await visit(pair, "/board/links?new=1", cookie=cookie)


def list_links(page: Page) -> list[str]:
    """Where the links of the page lead, the newest first."""
    return re.findall(r'href="(/shared/[^"]+)"', page.text)


async def share(pair: Pair, cookie: str) -> str:
    return list_links(await give(pair, cookie))[0]


def list_cards(page: Page) -> list[str]:
    found = re.findall(r"<h\d><bdi>([^<]+)</bdi></h\d>|<h\d><a [^>]*><bdi>([^<]+)</bdi></a></h\d>", page.text)
    return sorted({one or other for one, other in found})


async def test_a_colleague_sees_what_the_giver_sees_and_can_do_nothing(database_url: str) -> None:
    """No form that changes anything, no way to the giver's session, no link of the partner's, no way to find it."""
    panel = Panel(figures=(Figure(label="Documents", value=3),), href="https://acme.example/enter")
    async with play_pair(database_url, acme=Acme(panel=lambda _: panel), HEADRACE_SHARE_DAYS=WEEK) as pair:
        for app in ("shop-dev", "shop-staging", "blog", "eves-app"):
            await provision(pair, app)
        cookie = await log_in(pair, await provision(pair, "shop"), ADA)
        own = await visit(pair, "/board", cookie=cookie)
        address = await share(pair, cookie)
        shared = await visit(pair, address)
        again = await visit(pair, address, headers={"If-None-Match": shared.headers["ETag"]})
        narrowed = await visit(pair, f"{address}?stage=staging")
        refused = [await visit(pair, path) for path in ("/board", "/board.json", "/board/links")]

        assert (200, 304) == (shared.status, again.status)
        assert ["blog", "shop", "shop-dev", "shop-staging"] == list_cards(shared) == list_cards(own)
        assert ["shop-staging"] == list_cards(narrowed)
        assert [None, 0] == [shared.cookie, len(re.findall(r'method="post"|csrf|"/board|acme\.example', shared.text))]
        assert ("no-referrer", True) == (shared.headers["Referrer-Policy"], "noindex" in shared.headers["X-Robots-Tag"])
        assert [401, 401, 401] == [page.status for page in refused]
        assert f"shared by <bdi>{ADA}</bdi>" in shared.text
        assert "acme.example/enter" in own.text


async def test_a_collaborators_link_shows_a_collaborators_board(sqlite_url: str) -> None:
    """Grace works on one app of the pipeline, so that is what whoever has her link sees."""
    async with play_pair(sqlite_url, HEADRACE_SHARE_DAYS=WEEK) as pair:
        shop = await provision(pair, "shop")
        cookie = await log_in(pair, await provision(pair, "shop-staging"), GRACE)
        shared = await visit(pair, await share(pair, cookie))

        assert ["shop-staging"] == list_cards(shared)
        assert [] == [told for told in (shop.id, shop.name, shop.app.id) if told in shared.text]


async def test_a_link_is_dark_as_soon_as_the_giver_may_not(database_url: str) -> None:
    """Out of the team, or with the app in other hands, at Heroku's next answer; and all dark links look alike."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_SHARE_DAYS=WEEK) as pair:
        addon = await provision(pair, "shop")
        of_mia, of_ada = [await share(pair, await log_in(pair, addon, who)) for who in (MIA, ADA)]
        before = [(await visit(pair, address)).status for address in (of_mia, of_ada)]
        state = pair.heroku.state
        leave_team(state.teams["lumen"], state.users_by_email[MIA])
        clock.advance(TOO_OLD)
        out = [(await visit(pair, address)).status for address in (of_mia, of_ada)]
        transfer_app(state, addon.app, state.users_by_email[EVE])
        clock.advance(TOO_OLD)
        dark = [await visit(pair, address) for address in (of_mia, of_ada, "/shared/" + "A" * 32, "/shared/x")]

        assert [[200, 200], [403, 200]] == [before, out]
        assert [403] * 4 == [page.status for page in dark]
        assert 1 == len({page.text for page in dark})
        assert DARK in dark[0].text
        assert "shop" not in dark[0].text


async def test_a_link_shows_nothing_while_heroku_says_nothing(sqlite_url: str) -> None:
    """The giver's login keeps them in meanwhile; a link was let in by nobody."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_SHARE_DAYS=WEEK) as pair:
        cookie = await log_in(pair, await provision(pair, "shop"), ADA)
        address = await share(pair, cookie)
        pair.heroku.faults.add(Fault(kind="status", path="/*"))
        clock.advance(TOO_OLD)
        giver, colleague = await visit(pair, "/board", cookie=cookie), await visit(pair, address)

        assert [200, 503] == [giver.status, colleague.status]
        assert "shop" not in colleague.text


async def test_a_link_ends(database_url: str) -> None:
    """After its days, when it is revoked, and with the resource; not with the giver's logout. Its row goes as well."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_SHARE_DAYS=WEEK) as pair:
        shop, blog = await provision(pair, "shop"), await provision(pair, "blog")
        cookie = await log_in(pair, shop, ADA)
        old = await share(pair, cookie)
        clock.advance(timedelta(days=6))
        cookie = await log_in(pair, shop, ADA)
        page = await give(pair, cookie)
        revoked, csrf = list_links(page)[0], read_csrf(page)
        of_blog = await share(pair, await log_in(pair, blog, ADA))
        [id_] = re.findall(r'action="/board/links/(\d+)/revoke"', page.text)[:1]
        wrong = await visit(pair, f"/board/links/{id_}/revoke", cookie=cookie, form={"csrf": "x"})
        kept = [(await visit(pair, address)).status for address in (old, revoked, of_blog)]
        await visit(pair, f"/board/links/{id_}/revoke", cookie=cookie, form={"csrf": csrf})
        await visit(pair, "/board/logout", cookie=cookie, form={"csrf": csrf})
        after_logout = [(await visit(pair, address)).status for address in (old, revoked, of_blog)]
        await pair.heroku.deprovision(blog)
        await pair.settle()
        clock.advance(timedelta(days=1))
        ended = [(await visit(pair, address)).status for address in (old, of_blog)]
        left = [await pair.parts.database.read(list_share_links, each.id, now=clock.now()) for each in (shop, blog)]

        assert (403, [200, 200, 200]) == (wrong.status, kept)
        assert [200, 403, 200] == after_logout
        assert ([403, 403], [[], []]) == (ended, left)


async def test_nobody_revokes_or_sees_anothers_links(sqlite_url: str) -> None:
    """Each has a page of their own links, and so many of them at the most."""
    async with play_pair(sqlite_url, HEADRACE_SHARE_DAYS=WEEK) as pair:
        addon = await provision(pair, "shop-staging")
        ada, grace = [await log_in(pair, addon, who) for who in (ADA, GRACE)]
        page, other = await give(pair, ada), await visit(pair, "/board/links", cookie=grace)
        [id_] = re.findall(r'action="/board/links/(\d+)/revoke"', page.text)
        await visit(pair, f"/board/links/{id_}/revoke", cookie=grace, form={"csrf": read_csrf(other)})
        for _ in range(MOST_LINKS - 1):
            await give(pair, ada)
        form = {"csrf": read_csrf(page)}
        too_many, strangers = (
            await visit(pair, "/board/links", cookie=ada, form=form),
            await visit(pair, "/board/links"),
        )

        assert ([], 200) == (list_links(other), (await visit(pair, list_links(page)[0])).status)
        assert (409, 401) == (too_many.status, strangers.status)
        assert f"You have given {MOST_LINKS} links" in too_many.text


async def test_operators_see_who_shares_and_revoke_it(sqlite_url: str) -> None:
    """All links of a resource at once; what would open one is told to nobody but its giver."""
    async with play_pair(sqlite_url, HEADRACE_OPERATOR_SECRET=SECRET, HEADRACE_SHARE_DAYS=WEEK) as pair:
        addon = await provision(pair, "shop")
        address = await share(pair, await log_in(pair, addon, ADA))
        operator, csrf = await enter(pair)
        page = await look(pair, f"/operators/resources/{addon.id}", operator)
        told = await look(pair, f"/operators/resources/{addon.id}.json", operator)
        before = await visit(pair, address)
        done = await look(pair, f"/operators/resources/{addon.id}/links/revoke", operator, form={"csrf": csrf})
        after = await look(pair, f"/operators/resources/{addon.id}", operator)

        assert [True, False] == [f"<bdi>{ADA}</bdi> until" in each.text for each in (page, after)]
        assert [ADA] == [link["given_by"] for link in json.loads(told.text)["shares"]]
        assert [200, 303, 403] == [before.status, done.status, (await visit(pair, address)).status]
        assert address[8:] not in page.text + told.text


async def test_whom_heroku_does_not_confirm_gives_no_link(sqlite_url: str) -> None:
    """SHA-1 does not cover who logs in (contract §4.3): such a person has a board of one resource, and no links."""
    async with play_pair(sqlite_url, switches=Switches(sso_has_user_token=False), HEADRACE_SHARE_DAYS=WEEK) as pair:
        cookie = await log_in(pair, await provision(pair, "shop"), ADA)
        board = await visit(pair, "/board", cookie=cookie)
        refused = await visit(pair, "/board/links", cookie=cookie, form={"csrf": read_csrf(board)})

        assert (409, False) == (refused.status, "/board/links" in board.text)


async def test_there_are_no_links_unless_they_are_switched_on(sqlite_url: str) -> None:
    """Off by default: no button, no address, and a link that was given before shows nothing."""
    async with play_pair(sqlite_url) as pair:
        cookie = await log_in(pair, await provision(pair, "shop"), ADA)
        board = await visit(pair, "/board", cookie=cookie)
        paths = ("/board/links", "/shared/" + "A" * 32)

        assert [404, 404] == [(await visit(pair, path, cookie=cookie)).status for path in paths]
        assert "/board/links" not in board.text


async def test_no_log_has_a_link_whole(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its first letters tell one from another; with the rest somebody would see a board."""
    caplog.set_level("INFO")
    async with play_pair(sqlite_url, HEADRACE_SHARE_DAYS=WEEK) as pair:
        address = await share(pair, await log_in(pair, await provision(pair, "shop"), ADA))
        await visit(pair, address)
        written = [str(vars(record)) for record in caplog.records]

        assert [True, False] == [any(text in line for line in written) for text in (f"{address[:12]}•••", address[8:])]
        assert "link.given" in {record.msg for record in caplog.records}
