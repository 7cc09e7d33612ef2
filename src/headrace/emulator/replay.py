"""What a recording sent to a partner, sent again: the same order, with grants and tokens that live."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from headrace.emulator.emulator import Emulator
from headrace.emulator.kit.errors import Declined, invalid
from headrace.emulator.recording import RecordedExchange, Subject, describe_exchange
from headrace.emulator.world.records import Addon, App
from headrace.emulator.world.traffic import Exchange

# Reading does not count, and a provider may look things up as often as it likes.
CALLBACK = re.compile(r"/addons/[^/]+/(config|actions/[a-z]+)")
CALLBACK_WITHIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A recorded call, what the provider answered now, and every difference; a fault's victim is not compared."""

    recorded: RecordedExchange
    answer: RecordedExchange | None
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        status = self.answer.status if self.answer else None
        verdict = "differs" if self.problems else "as recorded"
        line = f"{self.recorded.method:6} {self.recorded.path}  {status or 'no answer'}  {verdict}"
        return "\n".join([line, *(f"  {problem}" for problem in self.problems)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a replay; `missing` are the calls that the provider had made to Heroku and did not make now."""

    replayed: tuple[Replayed, ...]
    missing: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return not self.missing and not any(replayed.problems for replayed in self.replayed)

    def __str__(self) -> str:
        good = sum(not replayed.problems for replayed in self.replayed)
        missing = [f"The provider has not called {call}, as it had." for call in self.missing]
        return "\n".join(
            [*map(str, self.replayed), *missing, f"{len(self.replayed)} calls, {good} answered as recorded."]
        )


async def replay(
    emulator: Emulator,
    recording: Sequence[RecordedExchange],
    *,
    speed: float | None = None,
    callback_within: timedelta = CALLBACK_WITHIN,
) -> Report:
    """Send what was sent to partners, one call at a time, and compare the answers.

    What a provider had called back with before a call, it has to call back with again before that call is sent. With a
    `speed` calls also keep their distances, at 1 as recorded; without one nothing else is waited for.
    """
    player = _Player(emulator=emulator, callback_within=callback_within)
    emulator.traffic.listeners.append(player.notice)
    try:
        return await player.play(recording, speed)
    finally:
        emulator.traffic.listeners.remove(player.notice)


def list_members(body: Any, place: str = "") -> Iterator[str]:
    """Name every member of a JSON value, those of inner objects with a dot."""
    if isinstance(body, dict):
        for name, value in body.items():
            yield f"{place}{name}"
            yield from list_members(value, f"{place}{name}.")


@dataclass(slots=True, kw_only=True)
class _Player:
    emulator: Emulator
    callback_within: timedelta
    addons: dict[str, Addon] = field(default_factory=dict)
    expected: Counter[str] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    answers: list[Exchange] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    subject: Subject | None = None

    async def play(self, recording: Sequence[RecordedExchange], speed: float | None) -> Report:
        began, replayed = asyncio.get_running_loop().time(), []
        for exchange in recording:
            if _is_callback(exchange):
                self.expected[f"{exchange.method} {exchange.path}"] += 1
            if exchange.direction == "to Heroku" or exchange.subject is None:
                continue
            await self._await_callbacks()
            if speed is not None:
                await asyncio.sleep(began + exchange.at / speed - asyncio.get_running_loop().time())
            replayed.append(await self._send(exchange, exchange.subject))
        await self._await_callbacks()
        return Report(replayed=tuple(replayed), missing=tuple(sorted((self.expected - self.noticed).elements())))

    def notice(self, exchange: Exchange) -> None:
        if exchange.direction == "to partner":
            self.answers.append(exchange)
            # It is still there, whatever its answer leads to.
            addon = self.subject and self.emulator.state.addons.get(self.subject.uuid)
            self.addons |= {addon.id: addon} if addon else {}
        elif _is_callback(exchange):
            self.noticed[f"{exchange.method} {exchange.path}"] += 1
            self.changed.set()

    async def _await_callbacks(self) -> None:
        """Give up in silence; what has not come is told at the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.callback_within.total_seconds()):
                while self.expected - self.noticed:
                    self.changed.clear()
                    await self.changed.wait()

    async def _send(self, recorded: RecordedExchange, subject: Subject) -> Replayed:
        self.answers.clear()
        self.subject, declined = subject, ""
        try:
            await self._repeat(recorded, subject)
        except Declined as error:
            declined = error.message
        sent = next((exchange for exchange in self.answers if exchange.method == recorded.method), None)
        if sent is None:
            return Replayed(recorded=recorded, answer=None, problems=(f"It could not be sent: {declined}",))
        answer = describe_exchange(sent, at=recorded.at, subject=subject)
        return Replayed(recorded=recorded, answer=answer, problems=tuple(_compare(recorded, answer)))

    async def _repeat(self, recorded: RecordedExchange, subject: Subject) -> None:
        """Do what Heroku did; Declined is raised for what the provider refuses, and for what the world lacks."""
        emulator = self.emulator
        place = self._prepare_app(subject)
        there = emulator.state.addons.get(subject.uuid)
        if recorded.method == "POST":
            if there is not None:
                await emulator.send_provision(there)
                return
            plan = _read_plan(recorded, subject)
            options = recorded.request.get("options")
            await emulator.create_addon(place, plan, options=options, name=subject.name, addon_id=subject.uuid)
            return
        addon = there or self.addons.get(subject.uuid)
        if addon is None:
            raise invalid(f"There is no add-on {subject.name}. Begin with what was there when the recording began.")
        if recorded.method == "PUT":
            await emulator.change_plan(addon, _read_plan(recorded, subject))
        else:
            await emulator.deprovision(addon)

    def _prepare_app(self, subject: Subject) -> App:
        """Have the app there, and where it stood in its pipeline."""
        state = self.emulator.state
        if state.find_owner(subject.owner) is None:
            raise invalid(f"The world has no {subject.owner}.")
        app = state.apps.find(subject.app) or self.emulator.create_app(
            subject.app, owner=subject.owner, region=subject.region
        )
        stands = app.coupling and (app.coupling.pipeline.name, app.coupling.stage)
        if stands != (subject.pipeline and (subject.pipeline, subject.stage)):
            self.emulator.uncouple(app)
            if subject.pipeline is not None and subject.stage is not None:
                if subject.pipeline not in state.pipelines:
                    state.add_pipeline(subject.pipeline, owner=app.owner)
                self.emulator.couple(app, subject.pipeline, subject.stage)
        return app


def _is_callback(exchange: Exchange | RecordedExchange) -> bool:
    """Whether a provider set config vars or marked its add-on, with success."""
    is_success = exchange.status is not None and exchange.status < 300
    return exchange.direction == "to Heroku" and is_success and CALLBACK.fullmatch(exchange.path) is not None


def _read_plan(recorded: RecordedExchange, subject: Subject) -> str:
    """A body that a fault had spoilt is text, and names no plan."""
    name = recorded.request.get("plan") if isinstance(recorded.request, dict) else ""
    return f"{subject.service}:{name}"


def _compare(recorded: RecordedExchange, answer: RecordedExchange) -> Iterator[str]:
    """Compare status and members; what a fault did to an answer is not the provider's doing."""
    if recorded.fault:
        return
    if recorded.status != answer.status:
        yield f"status: {answer.status or 'no answer'}; recorded {recorded.status or 'no answer'}"
        return
    before, now = set(list_members(recorded.response)), set(list_members(answer.response))
    yield from (f"{name}: recorded, and not in the answer" for name in sorted(before - now))
    yield from (f"{name}: in the answer, and not recorded" for name in sorted(now - before))
