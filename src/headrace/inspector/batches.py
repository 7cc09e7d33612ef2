"""Inspecting a batch of placements: few requests, and one write for all that they brought.

What is known already is asked for conditionally, so that what has not changed costs a 304. Where several resources
of ours are in one pipeline, one list of its apps answers for all of them: presence is proof, absence is not, and
what is absent is inspected by itself. A pipeline is read once for all who are in it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from headrace.client import HerokuClient
from headrace.clock import Clock
from headrace.errors import Forbidden, NotFound, RateLimited
from headrace.inspector.batch_state import BatchState, PlaceAnswer, Tally, find_pipeline, is_as_known
from headrace.inspector.concurrency import gather_bounded
from headrace.inspector.failures import log_failure, log_unforeseen
from headrace.inspector.freshness import decide_next_inspection, decide_next_try
from headrace.logs import LogName
from headrace.models import Outcome, Pipeline, Ref
from headrace.protocol.pipelines import (
    Place,
    build_placement,
    find_place,
    list_couplings,
    name_as_known,
    read_if_allowed,
    read_whole,
)
from headrace.protocol.platform import build_coupling_by_app, build_couplings_by_pipeline, read_rate_remaining
from headrace.protocol.wire import Request, Response
from headrace.store.sql.database import Database, plan_once
from headrace.store.sql.outage import is_outage
from headrace.store.state.due import (
    Confirmed,
    ConfirmedAnew,
    Due,
    Failed,
    list_batch,
    list_checked,
    list_on_apps,
    list_siblings,
    release_batch,
    save_confirmed,
    save_failed,
)
from headrace.store.state.notices import note_refusal
from headrace.store.state.pipelines import REFUSED_FOR, list_read_pipelines, save_pipelines, save_refused_lists
from headrace.store.state.placements import Found, OnMove, save_found
from headrace.store.state.resources import hold_resources
from headrace.store.state.secrets import SealedTokens

R = TypeVar("R")

# The add-on itself, and with it the names of its app, is read again after this, or when something is said of it.
WHOLE_GOOD_FOR = timedelta(days=1)
# What a pipeline says of itself is good for this long.
PIPELINE_GOOD_FOR = timedelta(hours=6)
# One list is cheaper than as many inspections from here on.
FEWEST_SIBLINGS = 2
# With fewer requests left than this in a token's pool of 4,500, its resource waits until some have come back.
LOW_POOL = 100
POOL_PAUSE = timedelta(minutes=2)
# Of all batches of a process together, the first of them before those after it: while one is recorded and another one
# read, the third has Heroku to itself. Each with its own turn, all would ask at the same time and be recorded at once.
IN_FLIGHT = 96
# Lists and pipelines of one batch, which are few.
PIPELINES_IN_FLIGHT = 32
# Looks that are begun in one go: nobody else's turn on the event loop comes more than a millisecond or two late.
BEGUN_TOGETHER = 100


class Look(NamedTuple):
    """A look at one resource that has been begun, with the first request of it."""

    uuid: str
    chain: Generator[Request, Response, PlaceAnswer]
    request: Request


FindTokens = Callable[[sa.Connection, str], SealedTokens]


class BatchInspector:
    """Inspects batches. `on_move` is called, in the transaction that records a move, as that of `Inspector`."""

    def __init__(
        self,
        database: Database,
        client: HerokuClient,
        *,
        find_tokens: FindTokens,
        clock: Clock,
        every: timedelta,
        on_move: OnMove,
    ) -> None:
        self._database = database
        self._client = client
        self._find_tokens = find_tokens
        self._clock = clock
        self._every = every
        self._on_move = on_move
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def inspect(self, batch: str, *, since: datetime | None = None) -> Tally:
        """Inspect what is left of a batch, and record all of it in one transaction.

        With `since`, whoever has been looked at from then on is counted already.
        Whatever goes wrong with one resource's answer, when it is read or recorded, is that resource's failure alone.
        """
        state = await self._database.read(self._open, batch)
        state.since = since
        await self._ask_lists(state)
        left = [due for uuid, due in state.due.items() if uuid not in state.answers]
        looks = self._begin_looks(state, left)
        await gather_bounded(lambda look: self._end_look(state, look), looks, limit=IN_FLIGHT, slots=self._find_slots())
        await self._ask_pipelines(state)
        try:
            moved = await self._database.write(self._record, state, batch)
        except Exception as error:
            # What spoils one answer's row may be anything, and spoils it for all; a database that is away, all of them.
            if is_outage(error):
                raise
            moved = await self._record_each(state)
            await self._database.write(release_batch, batch)
        return self._report(state, moved)

    def _find_slots(self) -> asyncio.Semaphore:
        # A semaphore belongs to one event loop, and a worker has one of its own.
        return self._slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(IN_FLIGHT))

    def _open(self, connection: sa.Connection, batch: str) -> BatchState:
        state = BatchState(now=self._clock(), tokens=self._find_tokens(connection, batch))
        state.due = {due.uuid: due for due in list_batch(connection, batch)}
        for due in state.due.values():
            if due.pipeline_id and due.outcome is Outcome.PLACED and not self._is_list_refused(due, state):
                state.siblings[due.pipeline_id].append(due)
        if state.siblings:
            for sibling in list_siblings(connection, batch, state.siblings):
                state.siblings[sibling.pipeline_id or ""].append(sibling)
        return state

    async def _ask_lists(self, state: BatchState) -> None:
        """Ask each pipeline that has several of ours for its apps: who is there need not be inspected."""
        groups = []
        for pipeline_id, siblings in state.siblings.items():
            askers = [due for due in siblings if due.uuid in state.due and not self._is_whole_due(due, state)]
            if askers and len(siblings) >= FEWEST_SIBLINGS:
                groups.append((pipeline_id, askers[0].uuid, siblings))
        await gather_bounded(lambda group: self._ask_list(state, *group), groups, limit=PIPELINES_IN_FLIGHT)

    async def _ask_list(self, state: BatchState, pipeline_id: str, asker: str, siblings: list[Due]) -> None:
        try:
            await self._read_list(state, pipeline_id, asker, siblings)
        except (Forbidden, NotFound):
            state.refused_lists.append(pipeline_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, each has an inspection of its own then
            log_unforeseen(LogName.INSPECTION_FAILED, error, pipeline=pipeline_id)
            state.tally.errors[type(error).__name__] += 1

    async def _read_list(self, state: BatchState, pipeline_id: str, asker: str, siblings: list[Due]) -> None:
        path = build_couplings_by_pipeline(pipeline_id).path
        proofs = Counter(due.etag for due in siblings if due.etag and due.etag_path == path)
        known_etag = proofs.most_common(1)[0][0] if proofs else None
        couplings, etag = await self._ask(state, asker, list_couplings(pipeline_id, etag=known_etag))
        if couplings is None:
            confirmed = [due for due in siblings if (due.etag, due.etag_path) == (known_etag, path)]
            self._note_list(state, confirmed, {}, etag=known_etag, path=path)
            return
        places = {each.app.id: Place(outcome=Outcome.PLACED, coupling=each) for each in couplings}
        present = [due for due in siblings if due.app_id in places]
        known = {due.app_id for due in present}
        # Whose app has come here from elsewhere is found on the way.
        present += await self._database.read(list_on_apps, places.keys() - known) if places.keys() - known else []
        self._note_list(state, present, places, etag=etag, path=path)

    def _note_list(
        self, state: BatchState, found: list[Due], places: dict[str, Place], *, etag: str | None, path: str
    ) -> None:
        for due in found:
            if due.app_id is not None and not (due.uuid in state.due and self._is_whole_due(due, state)):
                app = Ref(id=due.app_id, name=due.app_name)
                answer = PlaceAnswer(due=due, place=places.get(due.app_id), app=app, etag=etag, path=path)
                state.answers[due.uuid] = answer

    def _begin_looks(self, state: BatchState, left: Sequence[Due]) -> Iterator[Look]:
        """Begin a look at each who is left: some of them in one go, with the tokens that they need.

        Between two requests each would take several times as long: what makes it has left the processor's caches.
        """
        for start in range(0, len(left), BEGUN_TOGETHER):
            turn = left[start : start + BEGUN_TOGETHER]
            state.tokens.open_all(due.uuid for due in turn)
            yield from [look for due in turn if (look := self._begin_look(state, due))]

    def _begin_look(self, state: BatchState, due: Due) -> Look | None:
        chain = self._look(state, due)
        try:
            return Look(due.uuid, chain, next(chain))
        except Exception as error:  # noqa: BLE001 - as below
            state.failures[due.uuid] = error
            return None

    async def _end_look(self, state: BatchState, look: Look) -> None:
        try:
            state.answers[look.uuid] = await self._go_on(state, look.uuid, look.chain, look.request)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends this resource's look and no other
            state.failures[look.uuid] = error

    def _look(self, state: BatchState, due: Due) -> Generator[Request, Response, PlaceAnswer]:
        """Ask where a resource is, and what its add-on is where that is due."""
        if due.app_id is None or self._is_whole_due(due, state):
            addon, whole, etag = yield from read_whole(due.uuid)
            known_app = Ref(id=due.app_id, name=due.app_name) if due.app_id else None
            addon = name_as_known(addon, name=due.name, app=known_app)
            path = build_coupling_by_app(addon.app.id).path
            return PlaceAnswer(due=due, place=whole, app=addon.app, etag=etag, path=path, name=addon.name)
        path = build_coupling_by_app(due.app_id).path
        known_etag = due.etag if due.etag_path == path else None
        place, etag = yield from find_place(due.app_id, known=due.outcome, etag=known_etag)
        app = Ref(id=due.app_id, name=due.app_name)
        return PlaceAnswer(due=due, place=place, app=app, etag=etag, path=path)

    def _is_list_refused(self, due: Due, state: BatchState) -> bool:
        """Whether Heroku would not list the apps of its pipeline lately."""
        return due.list_refused_at is not None and due.list_refused_at > state.now - REFUSED_FOR

    def _is_whole_due(self, due: Due, state: BatchState) -> bool:
        """Whether the add-on itself is to be read, and not its app's place alone."""
        if due.outcome is None or due.read_whole_at is None or due.checked_at is None:
            return True
        is_wanted = due.wanted_at is not None and due.wanted_at > due.checked_at
        return is_wanted or due.read_whole_at + WHOLE_GOOD_FOR <= state.now

    async def _ask_pipelines(self, state: BatchState) -> None:
        """Read each pipeline that too little is known of, once for all who are in it."""
        read_after = state.now - PIPELINE_GOOD_FOR
        askers = {}
        for uuid, answer in state.answers.items():
            pipeline_id = find_pipeline(answer)
            if pipeline_id is not None and uuid in state.due and not answer.due.is_read(pipeline_id, read_after):
                askers[pipeline_id] = uuid
        # Most of them have come from elsewhere; others may have read them since.
        known = await self._database.read(list_read_pipelines, askers.keys(), after=read_after) if askers else set()
        await gather_bounded(
            lambda each: self._ask_pipeline(state, each, askers[each]),
            askers.keys() - known,
            limit=PIPELINES_IN_FLIGHT,
        )

    async def _ask_pipeline(self, state: BatchState, pipeline_id: str, asker: str) -> None:
        try:
            pipeline = await self._ask(state, asker, read_if_allowed(pipeline_id))
        except Exception as error:  # noqa: BLE001 - a pipeline that is not read costs only its name
            log_unforeseen(LogName.INSPECTION_FAILED, error, pipeline=pipeline_id)
            state.tally.errors[type(error).__name__] += 1
            return
        state.pipelines[pipeline_id] = pipeline or Pipeline(id=pipeline_id, name="")

    async def _ask(self, state: BatchState, uuid: str, chain: Generator[Request, Response, R]) -> R:
        """Run a chain of requests with the token of one resource, and count them."""
        return await self._go_on(state, uuid, chain, next(chain))

    async def _go_on(self, state: BatchState, uuid: str, chain: Generator[Request, Response, R], request: Request) -> R:
        """Send the request that a chain has yielded, and what it yields then, to its end."""
        try:
            while True:
                response = await self._client.send(uuid, request, token=state.tokens.find(uuid))
                state.tally.requests += 1
                state.tally.unmodified += response.status == 304
                remaining = read_rate_remaining(response)
                if remaining is not None and remaining < LOW_POOL:
                    state.exhausted.add(uuid)
                request = chain.send(response)
        except StopIteration as end:
            value: R = end.value
            return value

    def _record(self, connection: sa.Connection, state: BatchState, batch: str | None = None) -> int:
        """Record what was found out, with which a batch may end, and return how many have moved."""
        plan_once(connection)
        # Before anything is written: what a list tells may be about resources of a batch that is recorded elsewhere.
        hold_resources(connection, state.answers.keys() | state.failures.keys())
        if state.since is not None:
            uuids = state.answers.keys() | state.failures.keys()
            state.counted |= list_checked(connection, uuids, since=state.since)
        save_pipelines(connection, [(each, state.now) for each in state.pipelines.values()])
        same: list[Confirmed] = []
        news: list[Found] = []
        for answer in state.answers.values():
            if is_as_known(answer):
                same.append(self._confirm(state, answer))
            elif answer.place is not None:
                news.append(self._find(state, answer, answer.place))
        save_confirmed(connection, same, now=state.now)
        moves = save_found(connection, news)
        for move in moves:
            self._on_move(connection, move.uuid, move.old, move.new)
        failed = [self._fail(state, uuid, error) for uuid, error in state.failures.items()]
        for each in failed:
            answered_at = state.due[each.uuid].checked_at
            note_refusal(connection, each.uuid, each.error, answered_at=answered_at, now=state.now)
        save_refused_lists(connection, state.refused_lists, now=state.now)
        if batch is not None:
            release_batch(connection, batch)
        # Last: it counts in rows that every process writes.
        save_failed(connection, failed)
        return len(moves)

    async def _record_each(self, state: BatchState) -> int:
        """Record by themselves the answers that could not be recorded together, and return how many have moved.

        One that cannot be recorded so either is its resource's failure. Where the database takes nothing at all, the
        failures are not recorded either, and the batch is tried again.
        """
        moved = 0
        for part in list(state.split()):
            try:
                moved += await self._database.write(self._record, part)
            except Exception as error:  # noqa: BLE001 - as above, and now it is known whose it is
                state.failures |= {uuid: error for uuid in part.answers if uuid in state.due}
                state.answers = {uuid: each for uuid, each in state.answers.items() if uuid not in part.answers}
        failed = replace(state, answers={}, pipelines={})
        return moved + await self._database.write(self._record, failed)

    def _report(self, state: BatchState, moved: int) -> Tally:
        for uuid, error in state.failures.items():
            state.tally.errors[type(error).__name__] += 1
            log_failure(LogName.INSPECTION_FAILED, error, resource=uuid)
        state.tally.answered = frozenset(state.answers)
        state.tally.inspected = len(state.tally.answered - state.counted)
        state.tally.failing = set(state.failures) - state.counted - state.tally.answered
        state.tally.moved += moved
        return state.tally

    def _confirm(self, state: BatchState, answer: PlaceAnswer) -> Confirmed:
        due, now = answer.due, state.now
        known_checked_at = due.checked_at or now
        next_check_at = self._decide_next_inspection(state, due.uuid, due.pipeline_id, changed_at=due.changed_at)
        if answer.name is None and (answer.etag, answer.path) == (due.etag, due.etag_path):
            return Confirmed(uuid=due.uuid, known_checked_at=known_checked_at, next_check_at=next_check_at)
        return ConfirmedAnew(
            uuid=due.uuid,
            known_checked_at=known_checked_at,
            next_check_at=next_check_at,
            etag=answer.etag,
            etag_path=answer.path,
            read_whole_at=due.read_whole_at if answer.name is None else now,
        )

    def _find(self, state: BatchState, answer: PlaceAnswer, place: Place) -> Found:
        uuid, coupling = answer.due.uuid, place.coupling
        pipeline_id = coupling.pipeline.id if coupling else None
        return Found(
            uuid=uuid,
            name=answer.name,
            app=answer.app,
            outcome=place.outcome,
            placement=build_placement(coupling, state.pipelines.get(coupling.pipeline.id)) if coupling else None,
            inspected_at=state.now,
            # What has just come to a place may be on its way to the next.
            next_check_at=self._decide_next_inspection(state, uuid, pipeline_id, changed_at=state.now),
            etag=answer.etag,
            etag_path=answer.path,
        )

    def _fail(self, state: BatchState, uuid: str, error: Exception) -> Failed:
        due, now = state.due[uuid], state.now
        hold_off = error.retry_after if isinstance(error, RateLimited) else timedelta(0)
        next_check_at = decide_next_try(
            now=now, answered_at=due.checked_at, every=self._every, name=uuid, hold_off=hold_off
        )
        return Failed(uuid=uuid, error=type(error).__name__, tried_at=now, next_check_at=next_check_at)

    def _decide_next_inspection(
        self, state: BatchState, uuid: str, pipeline_id: str | None, *, changed_at: datetime
    ) -> datetime:
        # The resources of one pipeline keep in step, so that one list tells about all of them.
        name = pipeline_id or uuid
        due_at = decide_next_inspection(now=state.now, changed_at=changed_at, every=self._every, name=name)
        return max(due_at, state.now + POOL_PAUSE) if uuid in state.exhausted else due_at
