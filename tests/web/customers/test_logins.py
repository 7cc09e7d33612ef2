"""Heroku's signed form lets in whom it names, to what it names, once."""

import asyncio
import io
import logging
from datetime import timedelta

import pytest
import sqlalchemy as sa

from browsing import COOKIE, SALT, provision, sign_form, visit
from headrace.clock import read_clock
from headrace.emulator import Clock, Switches
from headrace.protocol.sso import sign_user
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import sso_login
from headrace.store.state.people.logins import claim_login
from pair import ADA, EVE, GRACE, play_pair

UUID = "01234567-89ab-cdef-0123-456789abcdef"
TOKENS = ("user_scoped_resource_token", "resource_token", "token")


async def test_a_login_by_herokus_form_leads_to_the_board(sqlite_url: str) -> None:
    """303 and a cookie that no script reads and no other site sends along; then the board."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        url, form = pair.heroku.sso_form(addon, ADA)
        page = await visit(pair, "/sso/login", form=form)
        assert page.cookie is not None
        board = await visit(pair, "/board", cookie=page.cookie.value)

        assert f"{pair.url}/sso/login" == url
        assert (303, f"/board#resource-{addon.id}") == (page.status, page.headers["Location"])
        assert (True, "lax", "/", "3600") == (
            page.cookie["httponly"],
            page.cookie["samesite"].lower(),
            page.cookie["path"],
            page.cookie["max-age"],
        )
        assert 200 == board.status
        assert all(text in board.text for text in ("shop", ADA, "production"))
        # Heroku's test tool for providers wants the place of its old header there.
        assert 1 == board.text.count('id="heroku-header"')


@pytest.mark.parametrize(
    ("nav_data", "kept"),
    [("eyJhZGRvbiI6ICJBY21lIn0=", ["eyJhZGRvbiI6ICJBY21lIn0="]), ("", []), ("a b;c", []), ("a" * 3001, [])],
)
async def test_what_herokus_old_header_reads_is_kept(sqlite_url: str, nav_data: str, kept: list[str]) -> None:
    """In the cookie that its script looks for, and only what can be nothing else (contract §4.3)."""
    async with play_pair(sqlite_url) as pair:
        form = {**pair.heroku.sso_form(await provision(pair), ADA)[1], "nav-data": nav_data}
        page = await visit(pair, "/sso/login", form=form, name="heroku-nav-data")

        assert 303 == page.status
        assert kept == ([page.cookie.value] if page.cookie else [])
        assert not page.cookie or ("", "lax") == (page.cookie["httponly"], page.cookie["samesite"].lower())


async def test_a_cookie_of_a_site_on_https_travels_by_https_only(sqlite_url: str) -> None:
    """`Secure` and tied to the host everywhere but on this machine."""
    async with play_pair(sqlite_url) as pair:
        form = pair.heroku.sso_form(await provision(pair), ADA)[1]
        headers = {"Host": "search.acme.example", "X-Forwarded-Proto": "https"}
        async with pair.http.post(f"{pair.url}/sso/login", data=form, headers=headers, allow_redirects=False) as answer:
            cookie = answer.cookies[f"__Host-{COOKIE}"]
        assert (True, "/", "") == (cookie["secure"], cookie["path"], cookie["domain"])


async def test_a_form_that_heroku_made_wrong_is_refused(sqlite_url: str) -> None:
    """Stale or with a bad token: 403, no cookie, and no word of which of the two it was."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        pages = []
        for wrong in (Switches(sso_is_stale=True), Switches(sso_has_bad_token=True)):
            pair.heroku.switches.sso_is_stale = wrong.sso_is_stale
            pair.heroku.switches.sso_has_bad_token = wrong.sso_has_bad_token
            pages.append(await visit(pair, "/sso/login", form=pair.heroku.sso_form(addon, ADA)[1]))

        assert [(403, None)] * 2 == [(page.status, page.cookie) for page in pages]
        assert pages[0].text == pages[1].text
        assert "Open the add-on again from Heroku" in pages[0].text
        assert addon.id not in pages[0].text


async def test_a_form_from_the_future_is_refused(sqlite_url: str) -> None:
    """A minute of skew is allowed, not more."""
    async with play_pair(sqlite_url) as pair:
        form = sign_form(pair, (await provision(pair)).id, ahead=timedelta(minutes=2))
        page = await visit(pair, "/sso/login", form=form)

        assert (403, None) == (page.status, page.cookie)


async def test_a_token_is_good_for_its_own_resource_and_person_only(sqlite_url: str) -> None:
    """A form put together from another's parts is refused."""
    async with play_pair(sqlite_url) as pair:
        eves, adas = await provision(pair, "eves-app"), await provision(pair, "shop")
        form = pair.heroku.sso_form(eves, EVE)[1]
        changes: list[dict[str, str]] = [
            {"resource_id": adas.id},
            {"resource_id": adas.id, "id": adas.id},
            {"email": ADA},
            {"user_id": pair.heroku.sso_form(adas, ADA)[1]["user_id"]},
            {"timestamp": str(int(form["timestamp"]) + 1)},
            {"resource_token": "", "user_scoped_resource_token": "", "resource_id": adas.id},
            {"user_scoped_resource_token": form["user_scoped_resource_token"].upper()},
        ]
        pages = [await visit(pair, "/sso/login", form={**form, **change}) for change in changes]

        assert [(403, None)] * len(changes) == [(page.status, page.cookie) for page in pages]


async def test_a_resource_that_is_not_there_cannot_be_opened(sqlite_url: str) -> None:
    """404 for one that never was, 410 for one that was removed (contract §4.3)."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        form = pair.heroku.sso_form(addon, ADA)[1]
        await pair.heroku.deprovision(addon)
        await pair.settle()
        gone = await visit(pair, "/sso/login", form=form)
        unknown = await visit(pair, "/sso/login", form=sign_form(pair, UUID))
        no_uuid = await visit(pair, "/sso/login", form=sign_form(pair, "app1234@heroku.com"))

        assert [410, 404, 404] == [gone.status, unknown.status, no_uuid.status]
        assert {None} == {page.cookie for page in (gone, unknown, no_uuid)}


async def test_a_resource_that_is_being_removed_cannot_be_opened(sqlite_url: str) -> None:
    """410 from the moment that Heroku was told yes, however long the partner's hook takes."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        form = pair.heroku.sso_form(addon, ADA)[1]
        pair.acme.drop_error = ConnectionError("the cloud is away")
        await pair.heroku.deprovision(addon)
        going = await visit(pair, "/sso/login", form=form)
        pair.acme.drop_error = None

        assert (410, None) == (going.status, going.cookie)


async def test_a_form_without_a_field_is_malformed(sqlite_url: str) -> None:
    """400 that names the field; one that says nothing in it is missing too."""
    async with play_pair(sqlite_url) as pair:
        form = pair.heroku.sso_form(await provision(pair), ADA)[1]
        del form["id"]
        for missing in ("resource_id", "timestamp"):
            without = {name: value for name, value in form.items() if name != missing}
            pages = [
                await visit(pair, "/sso/login", form=without),
                await visit(pair, "/sso/login", form={**form, missing: ""}),
            ]

            assert [(400, None)] * 2 == [(page.status, page.cookie) for page in pages]
            assert all(missing in page.text for page in pages)


# What is sent as a form, and how it is answered.
UNREADABLE = {
    b"": 400,
    b"\xff\xfe": 400,
    b"&".join(b"a%d=1" % number for number in range(200)): 400,
    b"timestamp=soon&resource_id=" + UUID.encode(): 403,
    b"a=" + b"x" * 70_000: 413,
}


async def test_a_form_that_cannot_be_read_is_refused(sqlite_url: str) -> None:
    """Whatever comes in, the answer is a page of ours and no session."""
    async with play_pair(sqlite_url) as pair:
        pages = [await visit(pair, "/sso/login", form=io.BytesIO(body), method="POST") for body in UNREADABLE]

        assert [(status, None) for status in UNREADABLE.values()] == [(page.status, page.cookie) for page in pages]
        assert all("Acme Search" in page.text for page in pages)


async def test_a_form_that_comes_again_is_refused(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """403 with a page that says so, no cookie, and `replayed` in the log."""
    caplog.set_level(logging.WARNING)
    async with play_pair(database_url) as pair:
        form = pair.heroku.sso_form(await provision(pair), ADA)[1]
        first, second = await visit(pair, "/sso/login", form=form), await visit(pair, "/sso/login", form=form)

        assert [303, 403] == [first.status, second.status]
        assert second.cookie is None
        assert "used already" in second.text
        assert ["replayed"] == [record.__dict__["reason"] for record in caplog.records if record.msg == "sso.rejected"]


async def test_a_used_form_does_not_come_back_with_fewer_tokens(sqlite_url: str) -> None:
    """Each token alone would be right; none of them lets anybody in a second time."""
    async with play_pair(sqlite_url) as pair:
        form = pair.heroku.sso_form(await provision(pair), ADA)[1]
        await visit(pair, "/sso/login", form=form)
        weaker = [
            {name: value for name, value in form.items() if name not in TOKENS or name == kept} for kept in TOKENS
        ]
        pages = [await visit(pair, "/sso/login", form=each) for each in weaker]

        assert [(403, None)] * 3 == [(page.status, page.cookie) for page in pages]


async def test_of_many_posts_at_once_exactly_one_gets_in(database_url: str) -> None:
    """The database decides, in one insert."""
    async with play_pair(database_url) as pair:
        form = pair.heroku.sso_form(await provision(pair), ADA)[1]
        pages = await asyncio.gather(*(visit(pair, "/sso/login", form=form) for _ in range(12)))

        assert [303] + [403] * 11 == sorted(page.status for page in pages)
        assert 1 == sum(page.cookie is not None for page in pages)


async def test_several_processes_share_what_was_used(database_url: str) -> None:
    """Each has its own connections; of claims at the same moment one is the first."""
    databases = [Database(database_url), Database(database_url)]
    expires_at = read_clock() + timedelta(minutes=6)
    claims = [
        database.write(claim_login, ["digest", "weaker"], expires_at=expires_at)
        for database in databases
        for _ in range(6)
    ]
    won = await asyncio.gather(*claims)
    for database in databases:
        database.close()

    assert 1 == sum(won)


async def test_two_people_may_come_in_the_same_second(sqlite_url: str) -> None:
    """Their forms share the tokens that name no person, and are two forms all the same."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair, "shop-staging")
        adas = sign_form(pair, addon.id)
        user = {"user_id": "grace", "email": GRACE}
        token = sign_user(addon.id, salt=SALT, timestamp=adas["timestamp"], **user)
        pages = [
            await visit(pair, "/sso/login", form=adas),
            await visit(pair, "/sso/login", form={**adas, **user, "user_scoped_resource_token": token}),
        ]

        assert [303, 303] == [page.status for page in pages]


async def test_a_form_that_let_nobody_in_is_not_used_up(sqlite_url: str) -> None:
    """What was refused for another reason can be sent right."""
    async with play_pair(sqlite_url) as pair:
        form = pair.heroku.sso_form(await provision(pair), ADA)[1]
        wrong = await visit(pair, "/sso/login", form={**form, "user_scoped_resource_token": "0" * 64})
        right = await visit(pair, "/sso/login", form=form)

        assert [403, 303] == [wrong.status, right.status]


async def test_a_used_form_is_forgotten_once_it_is_stale(database_url: str) -> None:
    """Its row goes an hour after any process, by whatever clock, could take the form, not before."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        addon = await provision(pair)
        form = pair.heroku.sso_form(addon, ADA)[1]
        await visit(pair, "/sso/login", form=form)
        counts, statuses = [], []
        for passed in (timedelta(minutes=4), timedelta(minutes=3), timedelta(hours=2)):
            clock.advance(passed)
            await pair.parts.upkeep.run_once()
            counts.append(await pair.parts.database.read(_count_used))
            statuses.append((await visit(pair, "/sso/login", form=form)).status)
        # That time has passed is believed once a later form has been used too.
        await visit(pair, "/sso/login", form=pair.heroku.sso_form(addon, ADA)[1])
        with_another = await pair.parts.database.read(_count_used)
        await pair.parts.upkeep.run_once()

        # The emulator's form has its resource and its legacy token alike.
        assert [2, 2, 2] == counts
        assert (4, 2) == (with_another, await pair.parts.database.read(_count_used))
        assert [403] * 3 == statuses


def _count_used(connection: sa.Connection) -> int:
    count: int = connection.execute(sa.select(sa.func.count()).select_from(sso_login)).scalar_one()
    return count
