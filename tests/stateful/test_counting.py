"""Whatever happens, a day that was counted by what had changed is as if all of it had been counted."""

import asyncio

import pytest
from hypothesis import given

from stateful.counting import HISTORIES, Action, Counted, Mortal
from stateful.trying import trying


@pytest.mark.long
def test_a_day_counted_by_what_changed_is_as_if_all_had_been_counted(database_url: str) -> None:
    """After any history: changes stored late, imports, days without a worker, two workers, and workers that die."""
    database = Mortal(database_url)

    @trying(60)
    @given(history=HISTORIES)
    def play(history: list[tuple[Action, int]]) -> None:
        asyncio.run(play_counted(database, history))

    play()
    database.close()


async def play_counted(database: Mortal, history: list[tuple[Action, int]]) -> None:
    counted = Counted(database)
    await counted.play(history)
    await counted.look()
