"""Looks of open boards that one look at the store answers: whatever there is to tell is told at the next one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from browsing import Page, log_in, provision, read_csrf, sign_form, visit
from headrace.emulator import Addon, Clock
from headrace.inspector.visibility import Viewer, Visibility
from headrace.models import Stage
from headrace.web.customers.boards import Boards
from headrace.web.customers.glances import Glances
from pair import ADA, GRACE, Pair, play_pair

Change = Callable[[Pair, Addon], Awaitable[None]]


async def look(pair: Pair, cookie: str, version: str, path: str = "/board", **headers: str) -> Page:
    return await visit(pair, path, cookie=cookie, headers={"If-None-Match": version, **headers})


async def warm(pair: Pair, cookie: str, path: str = "/board") -> Page:
    """Look until a look is answered by a mark: the first finds the version, the second that it stands."""
    await pair.settle()
    await pair.sweep()
    found = []
    # It is renewed once in some minutes, which may be between two looks.
    for _ in range(2):
        page = await visit(pair, path, cookie=cookie)
        found = [(await look(pair, cookie, page.headers["ETag"], path)).status for _ in range(2)]
        if found == [304, 304]:
            return page
    raise AssertionError(found)


async def move(pair: Pair, addon: Addon) -> None:
    pair.heroku.move("shop-staging", Stage.PRODUCTION)
    await pair.parts.inspector.inspect(addon.id)


async def uncouple(pair: Pair, addon: Addon) -> None:
    pair.heroku.uncouple("shop-staging")
    await pair.parts.inspector.inspect(addon.id)


async def rename(pair: Pair, addon: Addon) -> None:
    pair.heroku.rename_app("shop-staging", "kiosk-staging")
    await pair.parts.inspector.inspect_all([addon.id])


async def change_plan(pair: Pair, addon: Addon) -> None:
    await pair.heroku.change_plan(addon, "acme-search:free")
    await pair.settle()


async def add_another(pair: Pair, _addon: Addon) -> None:
    await provision(pair, "shop")


@pytest.mark.parametrize("change", [move, uncouple, rename, change_plan, add_another])
@pytest.mark.parametrize("path", ["/board", "/board.json"])
async def test_what_has_changed_is_told_at_the_next_look(database_url: str, change: Change, path: str) -> None:
    """However often the board was found to be as it was."""
    async with play_pair(database_url) as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon)
        page = await warm(pair, cookie, path)
        await change(pair, addon)

        assert 200 == (await look(pair, cookie, page.headers["ETag"], path)).status


async def test_what_is_told_to_one_is_told_to_whoever_looks_beside_them(database_url: str) -> None:
    """Whose login does not prove who they are sees the one resource that it is for, whoever is known at its app."""
    async with play_pair(database_url) as pair:
        addon = await provision(pair, "shop-staging")
        form = sign_form(pair, addon.id)
        del form["user_scoped_resource_token"]
        unproven = (await visit(pair, "/sso/login", form=form)).cookie
        assert unproven is not None
        cookies = [unproven.value, await log_in(pair, addon, ADA)]
        versions = [(await warm(pair, cookie)).headers["ETag"] for cookie in cookies]

        async def look_together() -> list[int]:
            return [page.status for page in await asyncio.gather(*map(look, [pair] * 2, cookies, versions))]

        before = [await look_together() for _ in range(2)]
        await move(pair, addon)

        assert [[304, 304]] * 2 == before
        assert [200, 200] == await look_together()


async def test_whoever_lost_access_or_logged_out_is_told_at_the_next_look(database_url: str) -> None:
    """A copied cookie does not keep a board open, nor does a version that is known."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        addon = await provision(pair, "shop-staging")
        hers, mine = await log_in(pair, addon, GRACE), await log_in(pair, addon, ADA)
        page, own = await warm(pair, hers), await warm(pair, mine)
        await visit(pair, "/board/logout", cookie=mine, form={"csrf": read_csrf(own)})
        pair.heroku.state.apps["shop-staging"].collaborators.clear()
        clock.advance(timedelta(minutes=5, seconds=1))

        assert 401 == (await look(pair, mine, own.headers["ETag"])).status
        assert 403 == (await look(pair, hers, page.headers["ETag"])).status


@pytest.mark.parametrize("path", ["/board", "/board.json"])
async def test_what_time_alone_makes_is_told_of_without_a_version_and_then_sent(database_url: str, path: str) -> None:
    """No whole look is needed to tell of it, and the one that is sent stands for those that follow."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_RECHECK_SECONDS="60") as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon)
        page = await warm(pair, cookie, path)
        clock.advance(timedelta(seconds=60))
        told = await look(pair, cookie, page.headers["ETag"], path, Prefer="return=minimal")
        sent = await visit(pair, path, cookie=cookie, form="{}")
        same = await look(pair, cookie, sent.headers["ETag"], path)

        assert (204, "return=minimal") == (told.status, told.headers["Preference-Applied"])
        assert "ETag" not in told.headers
        assert 200 == sent.status
        assert page.headers["ETag"] != sent.headers["ETag"]
        assert 304 == same.status


async def test_whoever_logged_out_is_not_told_that_time_has_made_another_version(database_url: str) -> None:
    """Nor what is new, by a look that says what it has."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_RECHECK_SECONDS="60") as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon)
        page = await warm(pair, cookie)
        await visit(pair, "/board/logout", cookie=cookie, form={"csrf": read_csrf(page)})
        clock.advance(timedelta(seconds=60))

        assert 401 == (await look(pair, cookie, page.headers["ETag"], Prefer="return=minimal")).status
        assert 401 == (await visit(pair, "/board", cookie=cookie, form="{}")).status


async def test_what_was_sent_without_being_told_of_is_not_taken_for_what_stood_before(database_url: str) -> None:
    """A change that is undone leaves the mark as it was, but nobody's version."""
    async with play_pair(database_url, HEADRACE_RECHECK_SECONDS="3600") as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon)
        await warm(pair, cookie)
        await rename(pair, addon)
        sent = await visit(pair, "/board", cookie=cookie, form="{}")
        pair.heroku.rename_app("kiosk-staging", "shop-staging")
        await pair.parts.inspector.inspect_all([addon.id])
        found = await look(pair, cookie, sent.headers["ETag"])

        assert "kiosk-staging" in sent.text
        assert 200 == found.status
        assert "kiosk-staging" not in found.text


def build_scope(*, query: str) -> dict[str, Any]:
    """A look with a version, as a server hands it on."""
    headers = [(b"host", b"acme.test"), (b"if-none-match", b'"v1"')]
    return {"type": "http", "method": "GET", "path": "/board", "query_string": query.encode(), "headers": headers}


async def test_of_many_looks_few_are_whole(database_url: str) -> None:
    """Boards that look together are read together; one whole look a minute brings what time makes of a board."""
    whole: list[str] = []

    async def respond(request: Request, *, has_session: bool) -> Response:
        assert has_session
        whole.append(request.url.query)
        return Response(status_code=304, headers={"ETag": '"v1"'})

    async with play_pair(database_url) as pair:
        addon = await provision(pair, "shop-staging")
        await pair.settle()
        await pair.sweep()
        parts = pair.parts
        visibility = Visibility(parts.database, parts.inspector, clock=parts.clock)
        boards = Boards(database=parts.database, visibility=visibility, inspector=parts.inspector, clock=parts.clock)
        glances = Glances(boards=boards)
        viewer = Viewer(resource_uuid=addon.id, user_id="", email=ADA, is_proven=True)

        async def glance(number: int) -> int:
            request = Request(build_scope(query=f"q={number}"))
            return (await glances.answer(request, viewer, f"session-{number}", respond)).status_code

        statuses = [await asyncio.gather(*map(glance, range(50))) for _ in range(4)]

    assert [[304] * 50] * 4 == statuses
    assert 50 == len(whole) == len(set(whole))
