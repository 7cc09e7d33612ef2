"""Requests with Heroku are kept for operators: what failed, and what belongs to orders; secrets are not."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from browsing import log_in, provision, sign_form, visit
from headrace.clock import read_clock
from headrace.emulator import Clock, Fault
from headrace.protocol.kept_requests import MASK, Direction, RawRequest
from headrace.protocol.wire import Request, Response
from headrace.store.sql.database import Database
from headrace.store.sql.tables.counted import kept_request
from headrace.store.state.hour_counts import HourFigure, list_hour_counts
from headrace.store.state.kept_requests import CHECK, RequestRow, Wanted, list_requests
from headrace.telemetry.context import about_only
from headrace.testing import eventually
from headrace.workflows.chores.keeping import (
    MOST_CHECKS,
    MOST_OF_ONE,
    MOST_WAITING,
    WRITTEN_TOGETHER,
    RequestKeeper,
)
from pair import PASSWORD, Acme, Pair, play_pair

UUID = "01234567-89ab-cdef-0123-456789abcdef"
WEEK = timedelta(days=7)
INSPECTION = Request(method="GET", path=f"/addons/{UUID}", endpoint="/addons/{addon}")
SWEEP = {"workflow": "sweep:one", "batch": "one", "resource": UUID}
CONFIG = {"ACME_SEARCH_URL": "https://u:planted-url-pass@search.acme.example", "ACME_SEARCH_TOKEN": "planted-config"}


async def list_kept(pair: Pair, **wanted: Any) -> list[RequestRow]:
    """Return what was kept, the first first."""
    await pair.parts.requests.flush()
    return (await pair.parts.database.read(list_requests, Wanted(**wanted), limit=500))[::-1]


def spell(rows: Sequence[RequestRow]) -> list[str]:
    return [f"{row.direction} {row.method} {row.path} {row.status}".replace(UUID, "…") for row in rows]


def make_keeper(database: Database, *, kept_for: timedelta = WEEK) -> RequestKeeper:
    return RequestKeeper(database, clock=read_clock, kept_for=kept_for)


def count(database: Database) -> int:
    with database.reads.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(kept_request)).scalar_one()


def make_raw(uuid: str = UUID, *, purpose: str = "provision", status: int = 200) -> RawRequest:
    return RawRequest(
        direction=Direction.FROM_HEROKU,
        purpose=purpose,
        at=read_clock(),
        method="POST",
        path="/heroku/resources",
        plain=("heroku", "resources"),
        status=status,
        seconds=0.01,
        resource_uuid=uuid or None,
    )


async def test_the_life_of_a_resource_is_told_in_both_directions(database_url: str) -> None:
    """What Heroku asked and what we asked, in order, with what it was for; each has a request id."""
    async with play_pair(database_url, HEADRACE_RECHECK_SECONDS="3600") as pair:
        addon = await provision(pair)
        await log_in(pair, addon)
        await pair.heroku.change_plan(addon, "acme-search:free")
        await pair.settle()
        await pair.heroku.deprovision(addon)
        await pair.settle()
        rows = await list_kept(pair, resource_uuid=addon.id)
        told = [f"{row.purpose}: {line}" for row, line in zip(rows, spell(rows), strict=True)]

    one = addon.id
    begun = [
        "provision: from POST /heroku/resources 202",
        "provision: to POST /oauth/token 200",
        f"provision: to GET /addons/{one} 200",
    ]
    assert begun == told[:3]
    expected = {
        f"provision: to PATCH /addons/{one}/config 200",
        f"provision: to POST /addons/{one}/actions/provision 200",
        "sso: from POST /sso/login 303",
        f"plan-change: from PUT /heroku/resources/{one} 200",
        f"deprovision: from DELETE /heroku/resources/{one} 204",
    }
    assert set() == expected - set(told)
    assert [] == [row for row in rows if not row.request_id]
    assert {"exchange_grant"} == {row.step for row in rows if row.path == "/oauth/token"}
    assert {f"provision:{one}:1"} == {row.workflow for row in rows if row.path.endswith("/actions/provision")}
    asked = json.loads(rows[0].asked)
    assert ["basic", one, MASK] == [asked["plan"], asked["uuid"], asked["oauth_grant"]["code"]]
    assert [MASK, MASK] == [json.loads(rows[1].answered)[name] for name in ("access_token", "refresh_token")]


async def test_checks_write_nothing_unless_they_fail(database_url: str) -> None:
    """A fleet of a million is checked without a row; a check that failed has one, with Heroku's own words."""
    async with play_pair(database_url, HEADRACE_RECHECK_SECONDS="3600") as pair:
        addon = await provision(pair)
        before = len(await list_kept(pair))
        for _ in range(3):
            await pair.parts.inspector.inspect(addon.id)
        quiet = await list_kept(pair)
        pair.heroku.faults.add(Fault(kind="status", status=503, path="/addons/*", count=1))
        await pair.parts.inspector.inspect_all([addon.id])
        failed = (await list_kept(pair))[-1]

    assert before == len(quiet)
    assert (CHECK, 503, addon.id, None) == (failed.purpose, failed.status, failed.resource_uuid, failed.workflow)
    assert "message" in json.loads(failed.answered)


async def test_a_million_inspections_leave_nothing_to_write(database: Database) -> None:
    """Not one of them waits for the next flush, which then does not even ask the database."""
    keeper = make_keeper(database)
    with about_only(**SWEEP):
        for _ in range(100_000):
            keeper.observe(INSPECTION, Response(status=304), 0.1)
    database.close()
    await keeper.flush()


async def test_a_burst_is_bounded_and_the_rest_is_counted(database: Database) -> None:
    """Of one resource, of nobody's, of checks that fail in an outage, and in all: orders have their rows yet."""
    keeper = make_keeper(database)
    with about_only(**SWEEP):
        for _ in range(MOST_CHECKS + 7):
            keeper.observe(INSPECTION, None, 30.0)
    for _ in range(MOST_OF_ONE + 5):
        keeper.keep(make_raw(UUID))
        keeper.keep(make_raw("", status=401))
    for number in range(MOST_WAITING):
        keeper.keep(make_raw(f"{number:08}{UUID[8:]}"))
    await keeper.flush()
    with database.reads.connect() as connection:
        rows = list_requests(connection, Wanted(), limit=2 * MOST_WAITING)
        counts = list_hour_counts(connection, since=read_clock() - timedelta(hours=2))
    kinds = Counter(
        (row.purpose, row.resource_uuid if row.resource_uuid in (UUID, None) else "another") for row in rows
    )

    others = MOST_WAITING - MOST_CHECKS - 2 * MOST_OF_ONE
    assert {
        (CHECK, UUID): MOST_CHECKS,
        ("provision", UUID): MOST_OF_ONE,
        ("provision", None): MOST_OF_ONE,
        ("provision", "another"): others,
    } == kinds
    not_kept = sum(
        count for (_, figure), by in counts.items() if figure is HourFigure.NOT_KEPT for count in by.values()
    )
    assert 7 + 2 * 5 + MOST_WAITING - others == not_kept


async def test_what_cannot_be_written_fails_nothing_and_is_written_later(database_url: str) -> None:
    """A provision goes on while the table is away; what waits is kept in bounds, and written when it is back."""
    async with play_pair(database_url, HEADRACE_RECHECK_SECONDS="3600") as pair:
        await pair.parts.database.write(rename_table, "kept_request", "away")
        addon = await provision(pair)
        done = await pair.find(addon.id)
        with pytest.raises(sa.exc.SQLAlchemyError):
            await pair.parts.requests.flush()
        await pair.parts.database.write(rename_table, "away", "kept_request")
        rows = await list_kept(pair, resource_uuid=addon.id)

    assert ("provisioned", "from POST /heroku/resources 202") == (done.state, spell(rows)[0])


def rename_table(connection: sa.Connection, old: str, new: str) -> None:
    connection.exec_driver_sql(f"ALTER TABLE {find_prefix(connection)}{old} RENAME TO {new}")


def find_prefix(connection: sa.Connection) -> str:
    schema = connection.get_execution_options()["schema_translate_map"].get(None)
    return f"{schema}." if schema else ""


async def test_a_burst_is_written_a_few_at_a_time_and_each_once(database: Database) -> None:
    """Acknowledgements come in between. What was written before the database refused one is not written again."""
    keeper = make_keeper(database)
    ids = [f"id-{number}" for number in range(3 * WRITTEN_TOGETHER)]
    ids[-1] = ids[0]
    for number, request_id in enumerate(ids):
        keeper.keep(replace(make_raw(f"{number:08}{UUID[8:]}"), request_id=request_id))
    await database.write(forbid_doubles)
    with pytest.raises(sa.exc.IntegrityError):
        await keeper.flush()
    first = count(database)
    await database.write(allow_doubles)
    await keeper.flush()
    with database.reads.connect() as connection:
        rows = list_requests(connection, Wanted(), limit=2 * len(ids))

    assert 2 * WRITTEN_TOGETHER == first
    assert sorted(ids) == sorted(row.request_id for row in rows)


def forbid_doubles(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"CREATE UNIQUE INDEX once ON {find_prefix(connection)}kept_request (request_id)")


def allow_doubles(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"DROP INDEX {find_prefix(connection)}once")


async def test_a_flush_waits_for_the_one_before(database: Database) -> None:
    """What the one before has taken is written when it returns, though nothing was left for itself."""
    keeper = make_keeper(database)
    keeper.keep(make_raw())
    first, second = asyncio.create_task(keeper.flush()), asyncio.create_task(keeper.flush())
    await second
    written = count(database)
    await first

    assert (1, 1) == (written, count(database))


async def test_a_flush_writes_what_one_that_was_cancelled_had_taken(database: Database) -> None:
    """A service that stops cancels the chore, and flushes once more."""
    keeper = make_keeper(database)
    keeper.keep(make_raw())
    chore, last = asyncio.create_task(keeper.flush()), asyncio.create_task(keeper.flush())
    asyncio.get_running_loop().call_soon(chore.cancel)
    await last

    assert (True, 1) == (chore.cancelled(), count(database))


async def test_it_can_be_turned_off(database_url: str) -> None:
    """With 0 days nothing is kept, and what was is forgotten by the worker."""
    async with play_pair(database_url) as pair:
        await provision(pair)
        assert await list_kept(pair)
    async with play_pair(database_url, HEADRACE_KEEP_REQUESTS_DAYS="0") as pair:
        await eventually(partial(has_none, pair))
        await provision(pair)
        assert [] == await list_kept(pair)


async def has_none(pair: Pair) -> bool:
    return not await list_kept(pair)


async def test_what_is_old_or_too_much_is_forgotten(database: Database) -> None:
    """By the worker, a page at a time."""
    clock = Clock()
    keeper = RequestKeeper(database, clock=clock.now, kept_for=WEEK)
    keeper.keep(make_raw())
    await keeper.flush()
    clock.advance(WEEK + timedelta(hours=1))
    await keeper.forget()

    assert 0 == count(database)


async def test_strangers_are_noted_without_a_resource_and_no_body_that_nobody_signed(sqlite_url: str) -> None:
    """A wrong password, a forged login and a delivery from nowhere: what failed, and not whom they said they were."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        before = len(await list_kept(pair))
        await pair.call("POST", json={"uuid": UUID, "plan": "basic"}, password="planted-wrong-password")
        await pair.call("GET", f"/{addon.id}/planted-path")
        await visit(pair, "/sso/login", form={**sign_form(pair, addon.id), "resource_token": "planted-forged-token"})
        await visit(pair, f"/heroku/webhooks/{addon.id}?q=planted-query", form=b"{}")
        rows = (await list_kept(pair))[before:]
        columns = "".join(f"{row}" for row in rows)

    assert [
        "from POST /heroku/resources 401",
        f"from GET /heroku/resources/{addon.id}/{MASK} 404",
        "from POST /sso/login 403",
        f"from POST /heroku/webhooks/{addon.id} 403",
    ] == spell(rows)
    assert [None] * 4 == [row.resource_uuid for row in rows]
    assert "planted" not in columns


async def test_no_secret_of_a_resource_is_in_any_row(database_url: str) -> None:
    """Grant, tokens, config values, client secret, password, salt, what proves deliveries, an email: a whole life."""
    acme = Acme(config=CONFIG)
    async with play_pair(database_url, acme=acme, HEADRACE_RECHECK_SECONDS="3600") as pair:
        pair.heroku.faults.add(Fault(kind="status", status=500, path="/addons/*/config", count=1))
        addon = await provision(pair)
        await eventually(partial(is_subscribed, pair, addon.id))
        await log_in(pair, addon)
        tokens = []
        for _ in range(2):
            token = await pair.parts.database.read(pair.parts.secrets.find_token, addon.id)
            assert token is not None
            tokens += [token.access.reveal(), token.refresh.reveal()]
            pair.heroku.expire_tokens(addon)
            await pair.heroku.change_plan(addon, "acme-search:free")
            await pair.settle()
        sent = [exchange.raw_request.decode("latin-1") for exchange in pair.heroku.traffic]
        grant = next(json.loads(body)["oauth_grant"]["code"] for body in sent if "oauth_grant" in body)
        hook = next(json.loads(body) for body in sent if '"authorization"' in body and '"include"' in body)
        await pair.heroku.deprovision(addon)
        await pair.settle()
        await list_kept(pair)
        rows = await pair.parts.database.read(dump)
    planted = [*tokens, grant, hook["secret"], hook["authorization"], *CONFIG.values(), "planted-url-pass", PASSWORD]
    planted += ["client-secret", "s4lt-for-tests", "ada@lumen.example"]

    assert len(rows) > 10
    assert 0 == sum(not text for text in planted)
    assert [] == [text for text in planted if any(text in row for row in rows)]


def dump(connection: sa.Connection) -> list[str]:
    return ["\n".join(map(str, row)) for row in connection.execute(sa.select(kept_request))]


async def is_subscribed(pair: Pair, uuid: str) -> bool:
    return any(row.purpose == "subscribe" for row in await list_kept(pair, resource_uuid=uuid))
