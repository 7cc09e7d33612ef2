"""Two processes from one command: they start, end and crash together as one service would."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

import family
from headrace.process.parent import ASKED_TO_STOP, Child, Parent, is_over
from headrace.testing import eventually

LIVE = ["live"]


@dataclass
class Family:
    """A parent under test, and what its children have written down."""

    process: asyncio.subprocess.Process
    folder: Path

    def read(self) -> list[str]:
        path = self.folder / "events"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [re.sub(r" \d+$", "", line) for line in lines]

    def find_pid(self, who: str) -> int:
        lines = (self.folder / "events").read_text(encoding="utf-8").splitlines()
        return int(next(line for line in lines if line.startswith(f"{who} began")).split()[-1])

    async def wait_for(self, event: str, times: int = 1) -> None:
        await eventually(lambda: self.read().count(event) == times)

    async def wait(self) -> int:
        return await asyncio.wait_for(self.process.wait(), 120)


@asynccontextmanager
async def run_family(folder: Path, *, web: list[str] = LIVE, worker: list[str] = LIVE) -> AsyncIterator[Family]:
    """Run a parent in a process group of its own; each list says what a child's first start does, its second, ..."""
    plan = json.dumps({"web": web, "worker": worker})
    process = await asyncio.create_subprocess_exec(
        sys.executable, family.__file__, str(folder), plan, start_new_session=True
    )
    try:
        yield Family(process, folder)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: str(number.name))
async def test_a_signal_ends_the_web_process_and_then_the_worker(tmp_path: Path, number: signal.Signals) -> None:
    """The worker starts when the web process is ready, and ends when that has ended: who asked may wait for it."""
    async with run_family(tmp_path) as family:
        await family.wait_for("worker ready")
        family.process.send_signal(number)
        status = await family.wait()

    events = ["web began", "web ready", "worker began", "worker ready", "web ended", "worker ended"]
    assert (0, events) == (status, family.read())


async def test_a_signal_may_come_to_all_and_more_than_once(tmp_path: Path) -> None:
    """Heroku sends it to every process of a dyno, and a terminal too: the order stays."""
    async with run_family(tmp_path) as family:
        await family.wait_for("worker ready")
        for _ in range(3):
            with suppress(ProcessLookupError):
                os.killpg(family.process.pid, signal.SIGTERM)
        status = await family.wait()

    assert (0, ["web ended", "worker ended"]) == (status, family.read()[4:])


def test_a_signal_and_the_words_of_those_who_had_it_too_may_be_heard_together() -> None:
    """On a busy machine the parent is the last to run."""
    web, worker = Child("web", []), Child("worker", [])
    parent = Parent(web, worker)
    with ExitStack() as stack:

        def link(word: bytes) -> socket.socket:
            ours, its = (stack.enter_context(end) for end in socket.socketpair())
            its.send(word)
            return ours

        parent.signals = link(bytes([signal.SIGTERM]))
        for child in (web, worker):
            child.pid, child.leash = os.getpid(), link(ASKED_TO_STOP)
        parent._wait()  # noqa: SLF001 - what happens to be ready in one round

    assert parent.stopped_at is not None
    assert 0 == parent.status


@pytest.mark.parametrize("who", ["web", "worker"])
async def test_who_stops_one_of_the_two_stops_both(tmp_path: Path, who: str) -> None:
    """In the same order; that is no failure."""
    async with run_family(tmp_path) as family:
        await family.wait_for("worker ready")
        os.kill(family.find_pid(who), signal.SIGTERM)
        status = await family.wait()

    assert (0, ["web ended", "worker ended"]) == (status, family.read()[4:])


async def test_when_one_ends_so_does_the_other(tmp_path: Path) -> None:
    """A worker that has nothing to do any more leaves no web process behind that acknowledges for nobody."""
    async with run_family(tmp_path, worker=["end"]) as family:
        status = await family.wait()

    assert (0, "web ended") == (status, family.read()[-1])


@pytest.mark.parametrize("who", ["web", "worker"])
async def test_what_cannot_start_ends_both_at_once(tmp_path: Path, who: str) -> None:
    """It has said why; its status is the command's."""
    async with run_family(tmp_path, **{who: ["cannot start"]}) as family:
        status = await family.wait()

    assert (3, 1) == (status, family.read().count(f"{who} began"))
    assert family.read().count("web ready") == family.read().count("web ended")


async def test_what_crashes_twice_before_it_was_ready_ends_both(tmp_path: Path) -> None:
    """Whoever started the command starts it again, with pauses of their own."""
    async with run_family(tmp_path, worker=["crash at once"]) as family:
        status = await family.wait()

    assert (7, 2, 1) == (status, family.read().count("worker began"), family.read().count("web ended"))


@pytest.mark.parametrize("who", ["web", "worker"])
async def test_what_crashes_is_started_again_and_the_other_goes_on(tmp_path: Path, who: str) -> None:
    """Killed or fallen over: the log says which, and when it comes again."""
    other = {"web": "worker", "worker": "web"}[who]
    async with run_family(tmp_path, **{who: ["crash", "live"]}) as family:
        await family.wait_for(f"{who} ready", times=2)
        os.kill(_last_pid(family, who), signal.SIGKILL)
        await family.wait_for(f"{who} ready", times=3)
        began = family.read().count(f"{other} began")
        family.process.send_signal(signal.SIGTERM)
        status = await family.wait()

    assert (0, 1) == (status, began)


@pytest.mark.parametrize("who", ["web", "worker"])
async def test_who_does_not_listen_is_killed(tmp_path: Path, who: str) -> None:
    """Before a platform does it to all of them."""
    async with run_family(tmp_path, **{who: ["not listen"]}) as family:
        await family.wait_for("worker ready")
        family.process.send_signal(signal.SIGTERM)
        status = await family.wait()

    other = {"web": "worker", "worker": "web"}[who]
    assert (0, [f"{other} ended"]) == (status, family.read()[4:])


async def test_children_whose_parent_is_dead_end_too(tmp_path: Path) -> None:
    """Nobody would start them again, or stop them."""
    async with run_family(tmp_path) as family:
        await family.wait_for("worker ready")
        family.process.kill()
        await eventually(lambda: {"web ended", "worker ended"} <= set(family.read()))


async def test_a_containers_first_process_buries_orphans(tmp_path: Path) -> None:
    """What a hook leaves behind becomes its child, and would stay as a zombie."""
    async with run_family(tmp_path, worker=["leave an orphan"]) as family:
        await family.wait_for("orphan began")
        await eventually(lambda: not Path(f"/proc/{family.find_pid('orphan')}").exists())


@pytest.mark.parametrize(
    ("status", "was_ready", "failed_starts", "expected"),
    [
        (0, True, 0, True),
        (-signal.SIGTERM, True, 0, True),
        (-signal.SIGKILL, True, 0, False),
        (1, True, 0, False),
        (3, True, 0, False),
        (2, False, 1, True),
        (3, False, 1, True),
        (-signal.SIGKILL, False, 1, False),
        (-signal.SIGKILL, False, 2, True),
    ],
)
def test_who_ends_takes_the_other_along(status: int, was_ready: bool, failed_starts: int, expected: bool) -> None:  # noqa: FBT001
    """When it was asked to end, or cannot start."""
    child = Child("web", [], ready_at=1.0 if was_ready else None, failed_starts=failed_starts)

    assert expected == is_over(child, status)


def test_pauses_between_crashes_grow_to_half_a_minute() -> None:
    """And are short again for who has been ready for a while."""
    child = Child("worker", [])
    pauses = [child.start_later(0.0) for _ in range(7)]
    child.ready_at = 100.0
    child.note_end(200.0)

    assert [1, 2, 4, 8, 16, 30, 30] == pauses
    assert 1 == child.start_later(0.0)


def _last_pid(family: Family, who: str) -> int:
    lines = (family.folder / "events").read_text(encoding="utf-8").splitlines()
    return int([line for line in lines if line.startswith(f"{who} began")][-1].split()[-1])
