"""The customers' sessions, and the check that they ask for."""

import io
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from itsdangerous import URLSafeSerializer

from browsing import log_in, provision, read_csrf, visit
from headrace.emulator import Clock, Switches
from headrace.encryption import KeyRing
from headrace.store.sql.tables.schema import ended_session
from headrace.store.state.placements import find_inspection
from headrace.web.ground.sessions import build_signer
from pair import ADA, EVE, GRACE, Pair, play_pair


async def test_without_the_user_scoped_token_only_the_one_resource_is_seen(sqlite_url: str) -> None:
    """SHA-1 does not cover who logs in (contract §4.3), so siblings stay hidden, even from an admin."""
    async with play_pair(sqlite_url, switches=Switches(sso_has_user_token=False)) as pair:
        await provision(pair, "shop-staging")
        cookie = await log_in(pair, await provision(pair, "shop"), ADA)
        board = await visit(pair, "/board", cookie=cookie)

        assert 200 == board.status
        assert "production" in board.text
        assert "shop-staging" not in board.text


async def test_an_altered_session_is_none(sqlite_url: str) -> None:
    """The cookie is signed: another resource, another key or a cut end makes it worthless."""
    async with play_pair(sqlite_url) as pair:
        shop = await provision(pair, "shop")
        cookie = await log_in(pair, await provision(pair, "eves-app"), EVE)
        signer = build_signer(pair.parts.settings.keys, "session")
        ends_at, payload = signer.loads(cookie)
        forged = [ends_at, {**payload, "resource_uuid": shop.id}]
        others = build_signer(KeyRing([b"another key"]), "session")
        operators = build_signer(pair.parts.settings.keys, "operator session")
        cookies = [
            # Not the last character, of which some bits count for nothing.
            cookie[:-5] + ("A" if cookie[-5] != "A" else "B") + cookie[-4:],
            cookie.partition(".")[0],
            "A" + cookie,
            str(others.dumps(forged)),
            str(operators.dumps(forged)),
            str(URLSafeSerializer("", salt="headrace session").dumps(forged)),
            str(signer.dumps([ends_at, {"resource_uuid": shop.id}])),
            str(signer.dumps(payload)),
            str(signer.dumps("text")),
        ]
        pages = [await visit(pair, path, cookie=value) for value in cookies for path in ("/board", "/board.json")]

        assert 200 == (await visit(pair, "/board", cookie=cookie)).status
        assert {401} == {page.status for page in pages}
        assert not any(shop.id in page.text for page in pages)


async def test_a_session_ends_after_an_hour(sqlite_url: str) -> None:
    """By the service's clock; then the customer comes by Heroku again."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        cookie = await log_in(pair, await provision(pair))
        clock.advance(timedelta(minutes=59))
        before = await visit(pair, "/board", cookie=cookie)
        clock.advance(timedelta(minutes=1, seconds=1))
        after = await visit(pair, "/board", cookie=cookie)

        assert [200, 401] == [before.status, after.status]


async def test_a_customers_cookie_that_was_copied_ends_with_the_logout(database_url: str) -> None:
    """The server knows that the session has ended: page, JSON and buttons answer as if there were none."""
    async with play_pair(database_url) as pair:
        addon = await provision(pair)
        cookie, other = await log_in(pair, addon), await log_in(pair, addon)
        csrf = read_csrf(await visit(pair, "/board", cookie=cookie))
        refused = await visit(pair, "/board/logout", cookie=cookie, form={"csrf": "wrong"})
        done = await visit(pair, "/board/logout", cookie=cookie, form={"csrf": csrf})
        copied = [
            await visit(pair, "/board", cookie=cookie),
            await visit(pair, "/board.json", cookie=cookie),
            await visit(pair, "/board/check", cookie=cookie, form={"csrf": csrf}),
        ]

        assert done.cookie is not None
        assert (403, 303, "") == (refused.status, done.status, done.cookie.value)
        assert [401, 401, 401] == [page.status for page in copied]
        assert 200 == (await visit(pair, "/board", cookie=other)).status


async def test_an_ended_session_is_forgotten_once_its_cookie_is_no_longer_good(sqlite_url: str) -> None:
    """Nothing is kept for ever: the worker's upkeep takes the row away, and the cookie is as old as it was."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addon = await provision(pair)
        cookie = await log_in(pair, addon)
        csrf = read_csrf(await visit(pair, "/board", cookie=cookie))
        await visit(pair, "/board/logout", cookie=cookie, form={"csrf": csrf})
        await pair.parts.upkeep.run_once()
        kept = await pair.parts.database.read(_count_ended_sessions)
        clock.advance(timedelta(hours=3))
        # That time has passed is believed once a later session has ended too.
        another = await log_in(pair, addon)
        csrf = read_csrf(await visit(pair, "/board", cookie=another))
        await visit(pair, "/board/logout", cookie=another, form={"csrf": csrf})
        both = await pair.parts.database.read(_count_ended_sessions)
        await pair.parts.upkeep.run_once()

        assert (1, 2, 1) == (kept, both, await pair.parts.database.read(_count_ended_sessions))
        assert 401 == (await visit(pair, "/board", cookie=cookie)).status


async def test_without_a_session_the_way_in_is_shown(sqlite_url: str) -> None:
    """401 with what to do, for people and for programs."""
    async with play_pair(sqlite_url) as pair:
        root = await visit(pair, "/")
        page, told = await visit(pair, "/board"), await visit(pair, "/board.json")

        assert "/board" == root.headers["Location"]
        assert 401 == page.status
        assert "heroku addons:open acme-search" in page.text
        assert (401, '{"message":"Open the add-on from Heroku first."}') == (told.status, told.text)


async def test_check_now_needs_the_forms_own_token(sqlite_url: str) -> None:
    """Another site can make a browser post, but not know the token; nothing is asked of Heroku then."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        cookie, other = await log_in(pair, addon), await log_in(pair, addon)
        csrf, others_csrf = [read_csrf(await visit(pair, "/board", cookie=value)) for value in (cookie, other)]
        before = await _find_check_time(pair, addon.id)
        refused = [
            await visit(pair, "/board/check", cookie=cookie, form={}),
            await visit(pair, "/board/check", cookie=cookie, form={"csrf": ""}),
            await visit(pair, "/board/check", cookie=cookie, form={"csrf": others_csrf}),
            await visit(pair, "/board/check", form={"csrf": csrf}),
        ]
        unread = await visit(pair, "/board/check", cookie=cookie, method="GET")

        assert [403, 403, 403, 401] == [page.status for page in refused]
        assert 405 == unread.status
        assert before == await _find_check_time(pair, addon.id)


async def test_check_now_asks_heroku_and_shows_the_board(sqlite_url: str) -> None:
    """The button of the board: what moved is found at once."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        cookie = await log_in(pair, addon)
        csrf = read_csrf(await visit(pair, "/board", cookie=cookie))
        before = await _find_check_time(pair, addon.id)
        pair.heroku.move("shop", "staging")
        page = await visit(pair, "/board/check", cookie=cookie, form={"csrf": csrf})
        board = await visit(pair, "/board", cookie=cookie)

        assert (303, "/board?found=moved") == (page.status, page.headers["Location"])
        assert before < await _find_check_time(pair, addon.id)
        assert "moved from production" in board.text


async def test_check_now_with_a_form_that_cannot_be_read_is_refused(sqlite_url: str) -> None:
    """A 4xx with a page of ours, like at the login."""
    async with play_pair(sqlite_url) as pair:
        cookie = await log_in(pair, await provision(pair))
        bodies = [b"\xff\xfe", b"a=" + b"x" * 70_000]
        pages = [
            await visit(pair, "/board/check", cookie=cookie, form=io.BytesIO(body), method="POST") for body in bodies
        ]

        assert [400, 413] == [page.status for page in pages]
        assert all("Acme Search" in page.text for page in pages)


async def test_a_person_off_the_app_can_check_nothing(sqlite_url: str) -> None:
    """Who lost access while a board was open makes no request to Heroku by its button."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon, GRACE)
        csrf = read_csrf(await visit(pair, "/board", cookie=cookie))
        pair.heroku.state.apps["shop-staging"].collaborators.clear()
        clock.advance(timedelta(minutes=5, seconds=1))
        board = await visit(pair, "/board", cookie=cookie)
        # The add-on was read before the refusal: it could have been on another app by then.
        before = await _find_check_time(pair, addon.id)
        refused = await visit(pair, "/board/check", cookie=cookie, form={"csrf": csrf})

        assert [403, 401] == [board.status, refused.status]
        assert before == await _find_check_time(pair, addon.id)


async def _find_check_time(pair: Pair, uuid: str) -> Any:
    check = await pair.parts.database.read(find_inspection, uuid)
    assert check is not None
    return check.checked_at


def _count_ended_sessions(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(ended_session)).scalar_one()
