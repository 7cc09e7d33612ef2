"""Who asks about many things has so many slots, and shares them with others in the order in which they came."""

import asyncio

from headrace.inspector.concurrency import gather_bounded
from headrace.testing import eventually


class Answering:
    """Answers when it is told to, and knows who has been asked about and who is still waiting."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.waiting: dict[str, asyncio.Future[str]] = {}

    async def ask(self, name: str) -> str:
        self.asked.append(name)
        self.waiting[name] = asyncio.get_running_loop().create_future()
        return await self.waiting[name]

    def answer(self, name: str) -> None:
        self.waiting.pop(name).set_result(name)

    async def wait_until_asked(self, *names: str) -> None:
        await eventually(lambda: self.asked == [*names])


async def test_the_first_who_asks_has_all_slots_until_its_items_are_taken() -> None:
    """While one batch is asked about, the one before it is recorded: they do not end at the same time."""
    heroku, slots = Answering(), asyncio.Semaphore(2)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(gather_bounded(heroku.ask, ["a1", "a2", "a3"], limit=2, slots=slots))
        await heroku.wait_until_asked("a1", "a2")
        second = group.create_task(gather_bounded(heroku.ask, ["b1", "b2"], limit=2, slots=slots))

        heroku.answer("a1")
        await heroku.wait_until_asked("a1", "a2", "a3")
        heroku.answer("a2")
        await heroku.wait_until_asked("a1", "a2", "a3", "b1")

        # Nobody waits for the last answers of the first: each slot is the second's as soon as it is free.
        assert {"a3", "b1"} == heroku.waiting.keys()
        heroku.answer("a3")
        await heroku.wait_until_asked("a1", "a2", "a3", "b1", "b2")
        heroku.answer("b1")
        heroku.answer("b2")

    assert (["a1", "a2", "a3"], ["b1", "b2"]) == (first.result(), second.result())


async def test_one_who_is_stopped_leaves_its_slots_to_others() -> None:
    """A command that is interrupted has batches that wait for their turn."""
    heroku, slots = Answering(), asyncio.Semaphore(1)
    first = asyncio.create_task(gather_bounded(heroku.ask, ["a1", "a2"], limit=1, slots=slots))
    await heroku.wait_until_asked("a1")
    second = asyncio.create_task(gather_bounded(heroku.ask, ["b1"], limit=1, slots=slots))
    first.cancel()
    await heroku.wait_until_asked("a1", "b1")
    heroku.answer("b1")

    assert ["b1"] == await second
    assert first.cancelled()
