"""A login form works once: whoever finds it in a history, a log or a proxy comes too late."""

import asyncio
import logging
from datetime import timedelta

import pytest
import sqlalchemy as sa

from browsing import SALT, provision, sign_form, visit
from headrace.client import read_clock
from headrace.emulator import Clock
from headrace.protocol.sso import sign_user
from headrace.store.database import Database
from headrace.store.logins import claim_login
from headrace.store.schema import sso_login
from pair import ADA, GRACE, play_pair

TOKENS = ("user_scoped_resource_token", "resource_token", "token")


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
    """Its row goes when no process takes the form any more, not before."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        form = pair.heroku.sso_form(await provision(pair), ADA)[1]
        await visit(pair, "/sso/login", form=form)
        counts, statuses = [], []
        for passed in (timedelta(minutes=4), timedelta(minutes=3)):
            clock.advance(passed)
            await pair.parts.upkeep.look()
            counts.append(await pair.parts.database.read(_count_used))
            statuses.append((await visit(pair, "/sso/login", form=form)).status)

        # The emulator's form has its resource and its legacy token alike.
        assert [2, 0] == counts
        assert [403, 403] == statuses


def _count_used(connection: sa.Connection) -> int:
    count: int = connection.execute(sa.select(sa.func.count()).select_from(sso_login)).scalar_one()
    return count
