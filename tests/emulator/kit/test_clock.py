"""The emulator's own time: stopped, set, advanced and scaled."""

import asyncio
from datetime import UTC, datetime, timedelta

from headrace.emulator import Clock
from headrace.emulator.kit.agenda import Agenda

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
    first = await asyncio.wait_for(done.get(), 60)
    clock.run(36_000_000)
    second = await asyncio.wait_for(done.get(), 60)
    running.cancel()

    assert ["early", "late"] == [first, second]
