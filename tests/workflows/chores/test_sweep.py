"""The sweep: what is due is looked up, once, and what Heroku does not tell leaves what was known."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from headrace.emulator import Clock
from headrace.errors import HeadraceError, PlatformError
from headrace.inspector.freshness import SPREAD
from headrace.store.state.due import claim_batch
from headrace.store.state.placements import (
    InspectionRow,
    PlacementRow,
    find_current_placement,
    find_inspection,
)
from headrace.testing import eventually
from headrace.workflows.chores.sweep import LEASE
from pair import Pair, play_pair

# Every five minutes, spread by a tenth.
RECHECK = timedelta(minutes=5) * (1 + SPREAD)


async def test_only_what_is_due_is_looked_up(sqlite_url: str) -> None:
    """Five minutes after the last look, and not before."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        older = await _provision(pair, "shop")
        clock.advance(timedelta(seconds=200))
        newer = await _provision(pair, "blog")
        before = await _find_check(pair, newer)
        clock.advance(timedelta(seconds=150))
        now = clock.now()
        await pair.sweep()
        # The worker sweeps too: whoever claimed it, it is looked up now.
        await eventually(lambda: _is_checked_since(pair, older, now))

        assert before == await _find_check(pair, newer)
        assert 1 == _count_looks(pair, newer)


async def test_what_is_due_is_looked_up_once_however_many_sweep(database_url: str) -> None:
    """A placement is claimed before it is looked up."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        apps = ("shop", "blog", "shop-dev", "ada-notes")
        uuids = [await _provision(pair, app) for app in apps]
        before = len(list(pair.heroku.traffic))
        clock.advance(RECHECK)
        now = clock.now()
        await asyncio.gather(*(pair.sweep() for _ in range(4)))
        for uuid in uuids:
            await eventually(lambda uuid=uuid: _is_checked_since(pair, uuid, now))  # type: ignore[misc]

        asked = list(pair.heroku.traffic)[before:]
        assert 4 == sum(exchange.path.endswith("/pipeline-couplings") for exchange in asked)


async def test_a_claim_lapses_when_its_worker_dies(database_url: str) -> None:
    """What a dead worker took is due again after the lease, not before."""
    async with play_pair(database_url) as pair:
        await _provision(pair, "shop")
        due = pair.parts.clock() + RECHECK

        claims = [
            await pair.parts.database.write(claim_batch, "batch", now=now, limit=10, lease=LEASE)
            for now in (due, due, due + LEASE - timedelta(seconds=1), due + LEASE)
        ]
        assert [1, 0, 0, 1] == claims


async def test_a_resource_that_is_gone_is_never_due(sqlite_url: str) -> None:
    """Nobody asks Heroku about what was removed."""
    async with play_pair(sqlite_url) as pair:
        uuid = await _provision(pair, "shop")
        await pair.call("DELETE", f"/{uuid}")
        await pair.settle()
        later = pair.parts.clock() + timedelta(days=1)

        assert 0 == await pair.parts.database.write(claim_batch, "batch", now=later, limit=10, lease=LEASE)


def revoke(pair: Pair, uuid: str) -> None:
    pair.heroku.revoke_tokens(uuid)


def empty_rate_pool(pair: Pair, _uuid: str) -> None:
    pair.heroku.switches.rate_limit = 0


def remove_silently(pair: Pair, uuid: str) -> None:
    pair.heroku.state.remove_addon(pair.heroku.state.addons[uuid])


@pytest.mark.parametrize(
    ("break_heroku", "error"),
    [(revoke, "TokenRejected"), (empty_rate_pool, "RateLimited"), (remove_silently, "NotFound")],
)
async def test_a_look_that_fails_keeps_what_was_known(
    sqlite_url: str, break_heroku: Callable[[Pair, str], None], error: str
) -> None:
    """The placement stays as Heroku last told it, and beside it stands what went wrong since and when."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        uuid = await _provision(pair, "shop")
        place, known = await _find_placement(pair, uuid), await _find_check(pair, uuid)
        pair.heroku.move("shop", "staging")
        clock.advance(RECHECK)
        now = clock.now()
        break_heroku(pair, uuid)
        with pytest.raises(PlatformError):
            await pair.parts.inspector.inspect(uuid)

        check = await _find_check(pair, uuid)
        assert place == await _find_placement(pair, uuid)
        assert (known.outcome, known.checked_at, error) == (check.outcome, check.checked_at, check.error)
        assert check.tried_at is not None
        assert check.tried_at >= now
        assert [] == pair.acme.moved
        assert 0 == await pair.parts.database.write(claim_batch, "batch", now=now, limit=10, lease=LEASE)


async def test_one_failure_costs_the_others_nothing(sqlite_url: str) -> None:
    """The sweep goes on, and the next good answer takes the error away."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        broken, good = await _provision(pair, "shop"), await _provision(pair, "blog")
        token = await pair.parts.database.read(pair.parts.secrets.find_token, broken)
        assert token is not None
        await pair.parts.database.write(pair.parts.secrets.delete, broken, "token")
        clock.advance(RECHECK)
        now = clock.now()
        await pair.sweep()
        await eventually(lambda: _is_checked_since(pair, good, now))
        await eventually(lambda: _has_error(pair, broken, "GrantError"))
        await pair.parts.database.write(pair.parts.secrets.save_token, broken, token)
        await pair.parts.inspector.inspect(broken)

        assert (None, None) == ((await _find_check(pair, broken)).error, (await _find_check(pair, good)).error)


async def test_an_expired_token_is_refreshed_on_the_way(sqlite_url: str) -> None:
    """A look after the eight hours is a look like any other."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        uuid = await _provision(pair, "shop")
        pair.heroku.expire_tokens(uuid)
        revoked = await pair.parts.inspector.inspect(uuid)
        clock.advance(timedelta(hours=9))
        expired = await pair.parts.inspector.inspect(uuid)

        assert ["shop", "shop"] == [look.placement and look.placement.pipeline.name for look in (revoked, expired)]


async def test_an_unknown_resource_is_an_error_of_ours(sqlite_url: str) -> None:
    """Looking up a uuid that nobody stored tells so, and stores nothing."""
    async with play_pair(sqlite_url) as pair:
        with pytest.raises(HeadraceError, match="01234567-89ab-cdef-0123-456789abcdef"):
            await pair.parts.inspector.inspect("01234567-89ab-cdef-0123-456789abcdef")


async def _provision(pair: Pair, app: str) -> str:
    addon = await pair.heroku.create_addon(app, "acme-search:basic")
    await pair.settle()
    return addon.id


async def _find_check(pair: Pair, uuid: str) -> InspectionRow:
    check = await pair.parts.database.read(find_inspection, uuid)
    assert check is not None
    return check


async def _find_placement(pair: Pair, uuid: str) -> PlacementRow | None:
    return await pair.parts.database.read(find_current_placement, uuid)


async def _is_checked_since(pair: Pair, uuid: str, moment: object) -> bool:
    checked_at = (await _find_check(pair, uuid)).checked_at
    return checked_at is not None and checked_at >= moment  # type: ignore[operator]


async def _has_error(pair: Pair, uuid: str, error: str) -> bool:
    return error == (await _find_check(pair, uuid)).error


def _count_looks(pair: Pair, uuid: str) -> int:
    """How often Heroku was asked for an add-on."""
    return sum(
        (exchange.direction, exchange.method, exchange.path) == ("to Heroku", "GET", f"/addons/{uuid}")
        for exchange in pair.heroku.traffic
    )
