"""Heroku asks for a plan change again: it hears of that very change, whatever waits before it and whoever answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from headrace.assembly import Parts
from headrace.emulator import Clock, Switches, describe
from headrace.service import AddonService, find_assembly
from headrace.settings import read_settings
from headrace.store.state.notices import list_open_notices
from headrace.testing import eventually
from pair import Acme, Pair, play_pair

Answer = tuple[int, Any]
DONE: Answer = (200, {"message": "The plan is basic now."})
REFUSED: Answer = (422, {"message": "Your data does not fit this plan."})
# Long enough for a call to be recorded and to wait.
MOMENT_SECONDS = 0.3


@pytest.mark.parametrize(("first", "second"), [("basic", "tiny"), ("tiny", "basic")])
async def test_a_repeat_hears_of_its_own_change_while_another_is_worked_on(
    database_url: str, first: str, second: str
) -> None:
    """One is done and one refused: the repeat of the second is told what became of the second."""
    expected = {"basic": DONE, "tiny": REFUSED}
    acme = Acme()
    async with play_pair(database_url, acme=acme) as pair:
        uuid = await _provision(pair)
        acme.may_go_on.clear()
        one = asyncio.create_task(_change(pair, uuid, first))
        await eventually(lambda: acme.changed)
        other = await _ask_and_wait(pair, uuid, second)
        again = await _ask_and_wait(pair, uuid, second)
        acme.may_go_on.set()

        assert [expected[first], expected[second], expected[second]] == [await one, await other, await again]
        assert [first, second] == [change.new_plan for change in acme.changed]


async def test_three_changes_wait_and_a_repeat_of_the_last_hears_of_the_last(database_url: str) -> None:
    """However many wait before it."""
    acme = Acme()
    async with play_pair(database_url, acme=acme) as pair:
        uuid = await _provision(pair)
        acme.may_go_on.clear()
        first = asyncio.create_task(_change(pair, uuid, "premium"))
        await eventually(lambda: acme.changed)
        calls = [await _ask_and_wait(pair, uuid, plan) for plan in ("basic", "tiny", "tiny")]
        acme.may_go_on.set()

        assert [200, 200, 422, 422] == [(await call)[0] for call in [first, *calls]]
        assert ["premium", "basic", "tiny"] == [change.new_plan for change in acme.changed]


@pytest.mark.parametrize(
    ("plan", "answer", "later"),
    [("tiny", REFUSED, REFUSED), ("basic", DONE, (200, {"message": "The plan is basic already."}))],
)
async def test_a_repeat_within_a_minute_gets_the_same_answer(
    database_url: str, plan: str, answer: Answer, later: Answer
) -> None:
    """Its first answer was lost; after the minute it is a new wish, and of a no the hook is asked again."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        uuid = await _provision(pair)
        first = await _change(pair, uuid, plan)
        clock.advance(timedelta(seconds=50))
        again = await _change(pair, uuid, plan)
        asked = len(pair.acme.changed)
        clock.advance(timedelta(seconds=20))
        after = await _change(pair, uuid, plan)

        assert (answer, answer, later) == (first, again, after)
        assert (1, 2 if plan == "tiny" else 1) == (asked, len(pair.acme.changed))


@pytest.mark.parametrize("between", ["free", "basic"])
async def test_what_is_asked_for_after_another_change_is_a_new_one(database_url: str, between: str) -> None:
    """Also after a change to the plan that it has: Heroku has wanted something else since."""
    async with play_pair(database_url) as pair:
        uuid = await _provision(pair)
        answers = [await _change(pair, uuid, plan) for plan in ("tiny", between, "tiny")]

        changes = [plan for plan in ("tiny", between, "tiny") if plan != "free"]
        assert [REFUSED, REFUSED] == [answers[0], answers[2]]
        assert changes == [change.new_plan for change in pair.acme.changed]


async def test_a_plan_that_was_left_and_is_asked_for_again_is_changed_to_again(database_url: str) -> None:
    """There and back and there, within a minute."""
    async with play_pair(database_url) as pair:
        uuid = await _provision(pair)
        answers = [await _change(pair, uuid, plan) for plan in ("basic", "free", "basic")]

        assert [200, 200, 200] == [status for status, _ in answers]
        assert ["basic", "free", "basic"] == [change.new_plan for change in pair.acme.changed]
        assert "basic" == (await pair.find(uuid)).plan


async def test_a_repeat_at_another_web_process_hears_the_same(database_url: str) -> None:
    """While the change waits and after it is settled: what is known stands in the store."""
    acme = Acme()
    async with play_pair(database_url, acme=acme) as pair, _other_web(pair, database_url) as other:
        uuid = await _provision(pair)
        acme.may_go_on.clear()
        calls = [asyncio.create_task(_change(pair, uuid, "basic"))]
        await eventually(lambda: acme.changed)
        calls.append(await _ask_and_wait(pair, uuid, "tiny"))
        waiting = asyncio.create_task(other.calls.change_plan(uuid, "tiny"))
        await asyncio.wait({waiting}, timeout=MOMENT_SECONDS)
        acme.may_go_on.set()
        told = [(await call)[0] for call in calls]
        at_other = [await waiting, await other.calls.change_plan(uuid, "tiny")]

        assert [200, 422] == told
        assert [REFUSED] * 2 == [(answer.status, {"message": answer.message}) for answer in at_other]
        assert ["basic", "tiny"] == [change.new_plan for change in acme.changed]


async def test_a_repeat_after_a_restart_hears_the_same(database_url: str) -> None:
    """Nothing of it is in a process's memory."""
    async with play_pair(database_url) as pair:
        uuid = await _provision(pair)
        first = await _change(pair, uuid, "tiny")
    async with play_pair(database_url) as pair:
        again = await _change(pair, uuid, "tiny")

        assert (REFUSED, REFUSED) == (first, again)
        assert [] == pair.acme.changed


async def test_a_change_that_waits_over_a_restart_tells_its_repeats_its_own_outcome(database_url: str) -> None:
    """Both are answered 202 and left; the worker that goes on with them settles each by itself."""
    acme = Acme()
    async with play_pair(database_url, acme=acme, HEADRACE_ANSWER_SECONDS="0.2") as pair:
        uuid = await _provision(pair)
        acme.error, acme.failures_left = OSError("the cloud is away"), 1000
        answers = [await _change(pair, uuid, plan) for plan in ("basic", "tiny")]
    async with play_pair(database_url) as pair:
        again = await _change(pair, uuid, "tiny")
        await pair.settle()

        assert ([202, 202], REFUSED) == ([status for status, _ in answers], again)
        assert "basic" == (await pair.find(uuid)).plan


async def test_a_repeat_of_a_change_that_was_promised_and_refused_hears_no(database_url: str) -> None:
    """Had its 202 been lost, Heroku would now be right; the notice stays, because it may have taken it."""
    acme = Acme()
    async with play_pair(database_url, acme=acme, HEADRACE_ANSWER_SECONDS="0.2") as pair:
        uuid = await _provision(pair)
        acme.may_go_on.clear()
        promised, _ = await _change(pair, uuid, "tiny")
        acme.may_go_on.set()
        await pair.settle()
        again = await _change(pair, uuid, "tiny")

        assert (202, REFUSED) == (promised, again)
        assert ["plan_change.failed"] == [row.kind for row in await pair.parts.database.read(list_open_notices)]
        assert 1 == len(acme.changed)


async def test_a_repeat_without_a_grant_brings_the_config_again(sqlite_url: str) -> None:
    """The answer is how Heroku gets it."""
    async with play_pair(sqlite_url, switches=Switches(legacy_body=True)) as pair:
        uuid = await _provision(pair)
        answers = [await _change(pair, uuid, "basic") for _ in range(2)]

        config = {"ACME_SEARCH_URL": f"https://search.acme.example/{uuid}"}
        assert [(200, {"message": "The plan is basic now.", "config": config})] * 2 == answers


async def _provision(pair: Pair) -> str:
    addon = await pair.heroku.create_addon("shop", "acme-search:free")
    await pair.settle()
    return addon.id


async def _change(pair: Pair, uuid: str, plan: str) -> Answer:
    return await pair.call("PUT", f"/{uuid}", json={"plan": plan})


async def _ask_and_wait(pair: Pair, uuid: str, plan: str) -> asyncio.Task[Answer]:
    """Ask for a change that cannot be answered yet."""
    call = asyncio.create_task(_change(pair, uuid, plan))
    done, _ = await asyncio.wait({call}, timeout=MOMENT_SECONDS)
    assert not done
    return call


@asynccontextmanager
async def _other_web(pair: Pair, database_url: str) -> AsyncIterator[Parts]:
    """The parts of a web process that has nothing in common with the first but its database."""
    settings = describe(pair.heroku).addon_services[0].settings
    service = AddonService(read_settings({**settings, "DATABASE_URL": database_url}))
    Acme().register(service)
    parts = find_assembly(service).assemble()
    yield parts
    await parts.client.close()
    parts.database.close()
