"""The emulator's own time: stopped, set, advanced and scaled."""

import asyncio
from datetime import UTC, datetime, timedelta

from headrace.emulator import Clock, Emulator
from headrace.emulator.agenda import Agenda
from headrace.models import State

from .acme import Acme, accept_for_later

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_frozen_clock_moves_only_when_it_is_told() -> None:
    """Stopped is stopped; an advance while stopped is exact."""
    clock = Clock()
    clock.freeze(NOON)
    clock.advance(8 * HOUR)

    assert NOON + 8 * HOUR == clock.now()
    assert None is clock.real_time_until(NOON + 9 * HOUR)
    assert timedelta(0) == clock.real_time_until(NOON)


def test_a_scaled_clock_runs_from_where_it_was() -> None:
    """At 3600 times an hour is a second off."""
    clock = Clock()
    clock.freeze(NOON)
    clock.run(3600)
    wait = clock.real_time_until(NOON + HOUR)

    assert wait is not None
    assert timedelta(0) < wait <= timedelta(seconds=1)
    assert NOON <= clock.now() < NOON + HOUR


async def test_the_agenda_wakes_when_the_clock_jumps_or_something_earlier_comes() -> None:
    """What waits for a moment far away notices every change of the clock and of the agenda."""
    clock, done = Clock(), asyncio.Queue[str]()
    clock.freeze(NOON)
    agenda = Agenda(clock)
    running = asyncio.create_task(agenda.run())
    agenda.add(NOON + 12 * HOUR, lambda: done.put_nowait("late"))
    agenda.add(NOON + HOUR, lambda: done.put_nowait("early"))
    clock.advance(2 * HOUR)
    first = await asyncio.wait_for(done.get(), 5)
    clock.run(36_000_000)
    second = await asyncio.wait_for(done.get(), 5)
    running.cancel()

    assert ["early", "late"] == [first, second]


async def test_twelve_hours_pass_in_a_moment(heroku: Emulator, acme: Acme) -> None:
    """An add-on that nobody marks provisioned goes by itself when its limit is over (contract §3)."""
    acme.reactions["POST"] = accept_for_later
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    heroku.clock.advance(timedelta(hours=11, minutes=59))
    before = addon.state
    heroku.clock.run(1_000_000)
    async with asyncio.timeout(5):
        while addon.state is not State.DEPROVISIONED:
            await asyncio.sleep(0)

    assert State.PROVISIONING == before
    assert addon.id not in heroku.state.addons
