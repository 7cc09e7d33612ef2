"""The client secret is wrong: what is under way waits for the right one and says so, and no grant is burnt."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from headrace.assembly import Parts
from headrace.doctor import Finding, Level, examine
from headrace.emulator import Clock, Emulator, Fault, describe, load_world
from headrace.emulator import run as run_emulator
from headrace.encryption import make_key
from headrace.logs import LogName
from headrace.models import State
from headrace.process.ports import bind
from headrace.protocol.retries import TABLE, Policy
from headrace.service import AddonService, find_assembly
from headrace.serving import serving
from headrace.settings import read_settings
from headrace.store.reports.histories import find_token_health
from headrace.store.state.notices import NoticeKind, list_notices_of, list_open_notices
from headrace.store.state.resources import find_resource, list_running
from headrace.testing import eventually
from pair import SLUG, WORLD

# As long as in life, and more often.
SOON = Policy(timedelta(milliseconds=20), timedelta(milliseconds=100), timedelta(hours=11))
IMPATIENT = {kind: SOON if policy.within else policy for kind, policy in TABLE.items()}
OTHER = "the-secret-of-another-service"
# The same over all releases; without it one is derived from the client secret, at an emulator.
KEY = make_key()
APPS = ("shop", "blog", "eves-app")


async def test_provisions_wait_for_the_right_client_secret(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A notice for each, and one line in the log; deployed with the right secret, all of them go on."""
    async with _heroku() as heroku:
        async with _deployed(heroku, database_url, secret=OTHER) as parts:
            addons = [await heroku.create_addon(app, f"{SLUG}:basic") for app in APPS]
            await eventually(lambda: _count_refused(parts, len(APPS)))
            notices = await parts.database.read(list_open_notices)
            states = {addon.state for addon in addons}
        async with _deployed(heroku, database_url) as parts:
            await _settle(heroku, parts)
            left = await parts.database.read(list_open_notices)

        assert {State.PROVISIONING} == states
        assert {State.PROVISIONED} == {addon.state for addon in addons}
        assert ({"setting": "HEADRACE_CLIENT_SECRET"}, []) == (notices[0].detail, left)
        lines = [each for each in caplog.records if each.msg == LogName.CLIENT_SECRET_REFUSED]
        assert [logging.ERROR] == [each.levelno for each in lines]
        assert "HEADRACE_CLIENT_SECRET" in lines[0].hint  # type: ignore[attr-defined]


async def test_a_grant_that_ends_before_the_right_client_secret_comes_is_lost(database_url: str) -> None:
    """Five minutes, and then as for every grant that was lost; what waited for the secret waits no more."""
    clock = Clock()
    async with _heroku(clock) as heroku, _deployed(heroku, database_url, secret=OTHER, clock=clock) as parts:
        addon = await heroku.create_addon("shop", f"{SLUG}:basic")
        await eventually(lambda: _count_refused(parts, 1))
        clock.advance(timedelta(minutes=4))
        still = await _find_state(parts, addon.id)
        clock.advance(timedelta(minutes=2))
        await _settle(heroku, parts)

        assert (State.PROVISIONING, State.FAILED) == (still, await _find_state(parts, addon.id))
        assert ["grant.lost"] == [each.kind for each in await parts.database.read(list_open_notices)]


async def test_a_refresh_waits_for_the_right_client_secret_and_says_so(sqlite_url: str) -> None:
    """A plan change with config needs a token that lives; the doctor names the setting too."""
    async with _heroku() as heroku:
        async with _deployed(heroku, sqlite_url) as parts:
            addon = await heroku.create_addon("shop", f"{SLUG}:free")
            await _settle(heroku, parts)
        heroku.expire_tokens(addon)
        async with _deployed(heroku, sqlite_url, secret=OTHER, HEADRACE_ANSWER_SECONDS="0.2") as parts:
            await heroku.change_plan(addon, "basic")
            await eventually(lambda: _count_refused(parts, 1))
            await parts.inspector.inspect_all([addon.id])
            (tokens,) = [each for each in await examine(parts) if each.subject == "tokens"]
        async with _deployed(heroku, sqlite_url) as parts:
            await _settle(heroku, parts)
            plan = (await parts.database.read(find_resource, addon.id)).plan  # type: ignore[union-attr]
            notices = await parts.database.read(list_notices_of, addon.id)

        assert ("basic", ["worker"]) == (plan, [each.settled_by for each in notices])
        assert Level.FAIL is tokens.level
        assert "HEADRACE_CLIENT_SECRET" in tokens.text


async def test_a_stop_in_the_middle_of_a_refresh_keeps_nobody_waiting(sqlite_url: str) -> None:
    """Whoever goes on with it refreshes at once, and not when the lease of the other ends."""
    async with _heroku() as heroku:
        async with _deployed(heroku, sqlite_url) as parts:
            addon = await heroku.create_addon("shop", f"{SLUG}:free")
            await _settle(heroku, parts)
        heroku.expire_tokens(addon)
        slow = heroku.faults.add(Fault(kind="latency", path="/oauth/token", seconds=3600))
        async with _deployed(heroku, sqlite_url, HEADRACE_ANSWER_SECONDS="0.2") as parts:
            await heroku.change_plan(addon, "basic")
            await eventually(lambda: _is_refreshing(parts, addon.id))
        heroku.faults.remove(slow)
        async with _deployed(heroku, sqlite_url) as parts:
            assert not await _is_refreshing(parts, addon.id)
            await _settle(heroku, parts)

        assert "basic" == addon.plan.name


async def test_a_removal_does_not_wait_for_the_right_client_secret(sqlite_url: str) -> None:
    """Nothing of it needs Heroku."""
    async with _heroku() as heroku, _deployed(heroku, sqlite_url, secret=OTHER) as parts:
        addon = await heroku.create_addon("shop", f"{SLUG}:basic")
        await eventually(lambda: _count_refused(parts, 1))
        await heroku.deprovision(addon)
        await _settle(heroku, parts)

        assert State.DEPROVISIONED == await _find_state(parts, addon.id)
        assert [] == await parts.database.read(list_open_notices)


async def test_two_client_secrets_do_while_one_is_rotated(sqlite_url: str) -> None:
    """Whichever is in force, nothing waits; the doctor says which that is, and when the old one can go."""
    async with _heroku() as heroku:
        right = describe(heroku).addon_services[0].settings["HEADRACE_CLIENT_SECRET"]
        async with _deployed(heroku, sqlite_url, secret=f"{OTHER},{right}") as parts:
            untried = await _ask_doctor(parts)
            addon = await heroku.create_addon("shop", f"{SLUG}:free")
            await _settle(heroku, parts)
            before = await _ask_doctor(parts)
        async with _deployed(heroku, sqlite_url, secret=f"{heroku.reset_secret(SLUG).reveal()},{right}") as parts:
            await parts.inspector.inspect_all([addon.id])
            after = await _ask_doctor(parts)
        async with _deployed(heroku, sqlite_url, secret=f"{right},{OTHER}") as parts:
            neither = await _ask_doctor(parts)

        assert State.PROVISIONED is addon.state
        assert [Level.WARN, Level.WARN, Level.OK, Level.WARN] == [
            each.level for each in (untried, before, after, neither)
        ]
        assert "no token is there" in untried.text
        assert "takes the second client secret in HEADRACE_CLIENT_SECRET" in before.text
        assert "the second can be taken out" in after.text
        assert "which is right is not known: The client secret is wrong" in neither.text


async def _ask_doctor(parts: Parts) -> Finding:
    (found,) = [each for each in await examine(parts) if each.subject == "oauth"]
    return found


@asynccontextmanager
async def _heroku(clock: Clock | None = None) -> AsyncIterator[Emulator]:
    async with run_emulator(load_world(WORLD.replace("SERVICE", "http://127.0.0.1:9")), clock=clock) as heroku:
        yield heroku


@asynccontextmanager
async def _deployed(
    heroku: Emulator, database_url: str, *, secret: str | None = None, clock: Clock | None = None, **environment: str
) -> AsyncIterator[Parts]:
    """Run a release of the service with this client secret until the block ends."""
    with bind("127.0.0.1", 0) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        heroku.point(SLUG, base_url=f"{url}/heroku/resources", sso_url=f"{url}/sso/login")
        settings = {
            **describe(heroku).addon_services[0].settings,
            "DATABASE_URL": database_url,
            "HEADRACE_KEYS": KEY,
            **environment,
        }
        if secret is not None:
            settings["HEADRACE_CLIENT_SECRET"] = secret
        service = AddonService(read_settings(settings))
        assembly = find_assembly(service)
        assembly.retries = IMPATIENT
        assembly.clock = clock.now if clock else assembly.clock
        _register(service)
        async with serving(service.asgi(), bound):
            yield assembly.assemble()


def _register(service: AddonService) -> None:
    @service.on_provision
    def create(_provision: object) -> dict[str, str]:
        return {"ACME_SEARCH_URL": "https://old.acme.example"}

    @service.on_plan_change
    def resize(_change: object) -> dict[str, str]:
        return {"ACME_SEARCH_URL": "https://new.acme.example"}

    @service.on_deprovision
    def drop(_gone: object) -> None: ...


async def _count_refused(parts: Parts, count: int) -> bool:
    notices = await parts.database.read(list_open_notices)
    return [NoticeKind.CLIENT_SECRET_REFUSED] * count == [each.kind for each in notices]


async def _is_refreshing(parts: Parts, uuid: str) -> bool:
    return (await parts.database.read(find_token_health, uuid, now=parts.clock())).is_being_refreshed


async def _find_state(parts: Parts, uuid: str) -> State:
    row = await parts.database.read(find_resource, uuid)
    assert row is not None
    return row.state


async def _settle(heroku: Emulator, parts: Parts) -> None:
    async def is_settled() -> bool:
        return not await parts.database.read(list_running, after="", limit=1)

    await heroku.settle()
    await eventually(is_settled)
