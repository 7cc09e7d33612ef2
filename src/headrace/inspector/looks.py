"""Looking at a batch of placements: few requests, and one write for all that they brought.

What is known already is asked for conditionally, so that what has not changed costs a 304. Where several resources
of ours are in one pipeline, one list of its apps answers for all of them: presence is proof, absence is not, and
what is absent is looked at by itself. A pipeline is read once for all who are in it.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from headrace.client import Clock, HerokuClient
from headrace.errors import Forbidden, HeadraceError, NotFound, RateLimited
from headrace.inspector.freshness import decide_next_look, decide_next_try
from headrace.inspector.turns import ask_each
from headrace.models import Outcome, Pipeline, Ref, Token
from headrace.protocol.pipelines import (
    Place,
    build_placement,
    find_place,
    list_couplings,
    read_if_allowed,
    read_whole,
)
from headrace.protocol.platform import build_coupling_by_app, build_couplings_by_pipeline, read_rate_remaining
from headrace.protocol.wire import Request, Response
from headrace.store.database import Database, plan_anew
from headrace.store.looks import (
    Confirmed,
    Due,
    Failed,
    list_batch,
    list_on_apps,
    list_read_pipelines,
    list_siblings,
    release_batch,
    save_confirmed,
    save_failed,
    save_refused_lists,
    select_batch,
)
from headrace.store.placements import Found, OnMove, save_found, save_pipelines
from headrace.store.resources import lock_resources

log = logging.getLogger(__name__)

R = TypeVar("R")

# The add-on itself, and with it the names of its app, is read again after this, or when something is said of it.
WHOLE_GOOD_FOR = timedelta(days=1)
# What a pipeline says of itself is good for this long.
PIPELINE_GOOD_FOR = timedelta(hours=6)
# A pipeline whose apps Heroku would not list is asked again after this.
REFUSED_FOR = timedelta(days=1)
# One list is cheaper than as many looks from here on.
FEWEST_SIBLINGS = 2
# With fewer requests left than this in a token's pool of 4,500, its resource waits until some have come back.
LOW_POOL = 100
POOL_PAUSE = timedelta(minutes=2)
IN_FLIGHT = 32

FindTokens = Callable[[sa.Connection, sa.Select[tuple[str]]], dict[str, Token]]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What looking came to. `unmodified` are the requests that were answered with a 304."""

    looked: int = 0
    failed: int = 0
    moved: int = 0
    requests: int = 0
    unmodified: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        self.looked += other.looked
        self.failed += other.failed
        self.moved += other.moved
        self.requests += other.requests
        self.unmodified += other.unmodified
        self.errors.update(other.errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Heroku said of one resource. `place` None: all is as `due` has it. `name` is set when the add-on was read.

    `etag` proves it, at the path of the read that told it.
    """

    due: Due
    place: Place | None
    app: Ref
    etag: str | None
    path: str
    name: str | None = None


@dataclass(slots=True, kw_only=True)
class Notebook:
    """What is known and learnt while one batch is looked at."""

    now: datetime
    due: dict[str, Due] = field(default_factory=dict)
    siblings: dict[str, list[Due]] = field(default_factory=lambda: defaultdict(list))
    tokens: dict[str, Token] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    failures: dict[str, HeadraceError] = field(default_factory=dict)
    refused_lists: list[str] = field(default_factory=list)
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    exhausted: set[str] = field(default_factory=set)
    tally: Tally = field(default_factory=Tally)


class Looker:
    """Looks at batches. `on_move` is called, in the transaction that records a move, as that of `Inspector`."""

    def __init__(
        self, database: Database, client: HerokuClient, *, find_tokens: FindTokens, clock: Clock, every: timedelta
    ) -> None:
        self._database = database
        self._client = client
        self._find_tokens = find_tokens
        self._clock = clock
        self._every = every
        self.on_move: OnMove = lambda _connection, _uuid, _old, _new: None

    async def look_at(self, batch: str) -> Tally:
        """Look at what is left of a batch, and record all of it in one transaction."""
        notebook = await self._database.read(self._open, batch)
        await self._ask_lists(notebook)
        left = [due for uuid, due in notebook.due.items() if uuid not in notebook.answers]
        await ask_each(lambda due: self._ask_place(notebook, due), left, at_a_time=IN_FLIGHT)
        await self._ask_pipelines(notebook)
        await self._database.write(self._record, notebook, batch)
        return notebook.tally

    def _open(self, connection: sa.Connection, batch: str) -> Notebook:
        notebook = Notebook(now=self._clock())
        notebook.due = {due.uuid: due for due in list_batch(connection, batch)}
        notebook.tokens = self._find_tokens(connection, select_batch(batch))
        for due in notebook.due.values():
            if due.pipeline_id and due.outcome is Outcome.PLACED and not self._is_list_refused(due, notebook):
                notebook.siblings[due.pipeline_id].append(due)
        if notebook.siblings:
            for sibling in list_siblings(connection, batch, notebook.siblings):
                notebook.siblings[sibling.pipeline_id or ""].append(sibling)
        return notebook

    async def _ask_lists(self, notebook: Notebook) -> None:
        """Ask each pipeline that has several of ours for its apps: whoever is there needs no look of their own."""
        groups = []
        for pipeline_id, siblings in notebook.siblings.items():
            askers = [due for due in siblings if due.uuid in notebook.due and not self._is_whole_due(due, notebook)]
            if askers and len(siblings) >= FEWEST_SIBLINGS:
                groups.append((pipeline_id, askers[0].uuid, siblings))
        await ask_each(lambda group: self._ask_list(notebook, *group), groups, at_a_time=IN_FLIGHT)

    async def _ask_list(self, notebook: Notebook, pipeline_id: str, asker: str, siblings: list[Due]) -> None:
        path = build_couplings_by_pipeline(pipeline_id).path
        proofs = Counter(due.etag for due in siblings if due.etag and due.etag_path == path)
        known_etag = proofs.most_common(1)[0][0] if proofs else None
        try:
            couplings, etag = await self._ask(notebook, asker, list_couplings(pipeline_id, etag=known_etag))
        except (Forbidden, NotFound):
            notebook.refused_lists.append(pipeline_id)
            return
        except HeadraceError:
            # Each has a look of its own then, and fails by itself if it does.
            return
        if couplings is None:
            confirmed = [due for due in siblings if (due.etag, due.etag_path) == (known_etag, path)]
            self._note_list(notebook, confirmed, {}, etag=known_etag, path=path)
            return
        places = {each.app.id: Place(outcome=Outcome.PLACED, coupling=each) for each in couplings}
        present = [due for due in siblings if due.app_id in places]
        known = {due.app_id for due in present}
        # Whose app has come here from elsewhere is found on the way.
        present += await self._database.read(list_on_apps, places.keys() - known) if places.keys() - known else []
        self._note_list(notebook, present, places, etag=etag, path=path)

    def _note_list(
        self, notebook: Notebook, found: list[Due], places: dict[str, Place], *, etag: str | None, path: str
    ) -> None:
        for due in found:
            if due.app_id is not None and not (due.uuid in notebook.due and self._is_whole_due(due, notebook)):
                app = Ref(id=due.app_id, name=due.app_name)
                answer = Answer(due=due, place=places.get(due.app_id), app=app, etag=etag, path=path)
                notebook.answers[due.uuid] = answer

    async def _ask_place(self, notebook: Notebook, due: Due) -> None:
        try:
            if due.app_id is None or self._is_whole_due(due, notebook):
                addon, place, etag = await self._ask(notebook, due.uuid, read_whole(due.uuid))
                path = build_coupling_by_app(addon.app.id).path
                answer = Answer(due=due, place=place, app=addon.app, etag=etag, path=path, name=addon.name)
            else:
                path = build_coupling_by_app(due.app_id).path
                known_etag = due.etag if due.etag_path == path else None
                chain = find_place(due.app_id, known=due.outcome, etag=known_etag)
                place_or_none, etag = await self._ask(notebook, due.uuid, chain)
                app = Ref(id=due.app_id, name=due.app_name)
                answer = Answer(due=due, place=place_or_none, app=app, etag=etag, path=path)
        except HeadraceError as error:
            notebook.failures[due.uuid] = error
        else:
            notebook.answers[due.uuid] = answer

    def _is_list_refused(self, due: Due, notebook: Notebook) -> bool:
        """Whether Heroku would not list the apps of its pipeline lately."""
        return due.list_refused_at is not None and due.list_refused_at > notebook.now - REFUSED_FOR

    def _is_whole_due(self, due: Due, notebook: Notebook) -> bool:
        """Whether the add-on itself is to be read, and not its app's place alone."""
        if due.outcome is None or due.read_whole_at is None or due.checked_at is None:
            return True
        is_wanted = due.wanted_at is not None and due.wanted_at > due.checked_at
        return is_wanted or due.read_whole_at + WHOLE_GOOD_FOR <= notebook.now

    async def _ask_pipelines(self, notebook: Notebook) -> None:
        """Read each pipeline that too little is known of, once for all who are in it."""
        read_after = notebook.now - PIPELINE_GOOD_FOR
        askers = {}
        for uuid, answer in notebook.answers.items():
            pipeline_id = find_pipeline(answer)
            if pipeline_id is not None and uuid in notebook.due and not answer.due.is_read(pipeline_id, read_after):
                askers[pipeline_id] = uuid
        # Most of them have come from elsewhere; others may have read them since.
        known = await self._database.read(list_read_pipelines, askers.keys(), after=read_after) if askers else set()
        await ask_each(
            lambda each: self._ask_pipeline(notebook, each, askers[each]),
            askers.keys() - known,
            at_a_time=IN_FLIGHT,
        )

    async def _ask_pipeline(self, notebook: Notebook, pipeline_id: str, asker: str) -> None:
        try:
            pipeline = await self._ask(notebook, asker, read_if_allowed(pipeline_id))
        except HeadraceError as error:
            notebook.tally.errors[type(error).__name__] += 1
            return
        notebook.pipelines[pipeline_id] = pipeline or Pipeline(id=pipeline_id, name="")

    async def _ask(self, notebook: Notebook, uuid: str, chain: Generator[Request, Response, R]) -> R:
        """Run a chain of requests with the token of one resource, and count them."""
        try:
            request = next(chain)
            while True:
                response = await self._client.send(uuid, request, token=notebook.tokens.get(uuid))
                notebook.tally.requests += 1
                notebook.tally.unmodified += response.status == 304
                remaining = read_rate_remaining(response)
                if remaining is not None and remaining < LOW_POOL:
                    notebook.exhausted.add(uuid)
                request = chain.send(response)
        except StopIteration as end:
            value: R = end.value
            return value

    def _record(self, connection: sa.Connection, notebook: Notebook, batch: str) -> None:
        plan_anew(connection)
        # Before anything is written: what a list tells may be about resources of a batch that is recorded elsewhere.
        lock_resources(connection, notebook.answers.keys() | notebook.failures.keys())
        save_pipelines(connection, notebook.pipelines.values(), now=notebook.now)
        same = [answer for answer in notebook.answers.values() if is_as_known(answer)]
        save_confirmed(connection, [self._confirm(notebook, answer) for answer in same], now=notebook.now)
        news = [
            self._find(notebook, answer, answer.place)
            for answer in notebook.answers.values()
            if answer.place is not None and not is_as_known(answer)
        ]
        for moved in save_found(connection, news):
            if moved.old is not None:
                notebook.tally.moved += 1
                self.on_move(connection, moved.uuid, moved.old, moved.new)
        save_failed(connection, [self._fail(notebook, uuid, error) for uuid, error in notebook.failures.items()])
        save_refused_lists(connection, notebook.refused_lists, now=notebook.now)
        release_batch(connection, batch)
        notebook.tally.looked += len(notebook.answers)
        notebook.tally.failed += len(notebook.failures)

    def _confirm(self, notebook: Notebook, answer: Answer) -> Confirmed:
        due, now = answer.due, notebook.now
        return Confirmed(
            uuid=due.uuid,
            known_checked_at=due.checked_at or now,
            next_check_at=self._decide_next_look(notebook, due.uuid, due.pipeline_id, changed_at=due.changed_at),
            etag=answer.etag,
            etag_path=answer.path,
            read_whole_at=now if answer.name is not None else due.read_whole_at,
        )

    def _find(self, notebook: Notebook, answer: Answer, place: Place) -> Found:
        uuid, coupling = answer.due.uuid, place.coupling
        pipeline_id = coupling.pipeline.id if coupling else None
        return Found(
            uuid=uuid,
            name=answer.name,
            app=answer.app,
            outcome=place.outcome,
            placement=build_placement(coupling, notebook.pipelines.get(coupling.pipeline.id)) if coupling else None,
            looked_up_at=notebook.now,
            # What has just come to a place may be on its way to the next.
            next_check_at=self._decide_next_look(notebook, uuid, pipeline_id, changed_at=notebook.now),
            etag=answer.etag,
            etag_path=answer.path,
        )

    def _fail(self, notebook: Notebook, uuid: str, error: HeadraceError) -> Failed:
        due, now = notebook.due[uuid], notebook.now
        notebook.tally.errors[type(error).__name__] += 1
        log.warning("inspection.failed", extra={"resource": uuid, "error": str(error)})
        hold_off = error.retry_after if isinstance(error, RateLimited) else timedelta(0)
        next_check_at = decide_next_try(
            now=now, answered_at=due.checked_at, every=self._every, name=uuid, hold_off=hold_off
        )
        return Failed(uuid=uuid, error=type(error).__name__, tried_at=now, next_check_at=next_check_at)

    def _decide_next_look(
        self, notebook: Notebook, uuid: str, pipeline_id: str | None, *, changed_at: datetime
    ) -> datetime:
        # The resources of one pipeline keep in step, so that one list tells about all of them.
        look = decide_next_look(now=notebook.now, changed_at=changed_at, every=self._every, name=pipeline_id or uuid)
        return max(look, notebook.now + POOL_PAUSE) if uuid in notebook.exhausted else look


def is_as_known(answer: Answer) -> bool:
    """Whether an answer says what is known already, so that only the time of the look has to be noted."""
    due, place = answer.due, answer.place
    if due.checked_at is None:
        return False
    names = (answer.name, answer.app.id, answer.app.name)
    if answer.name is not None and names != (due.name, due.app_id, due.app_name):
        return False
    if place is None:
        return True
    if place.outcome not in (Outcome.PLACED, Outcome.UNCOUPLED):
        return place.outcome is due.outcome
    coupling = place.coupling
    found = (coupling.pipeline.id, coupling.stage) if coupling else (None, None)
    return (place.outcome, *found) == (due.outcome, due.pipeline_id, due.stage)


def find_pipeline(answer: Answer) -> str | None:
    """The id of the pipeline that an answer speaks of."""
    if answer.place is None:
        return answer.due.pipeline_id
    return answer.place.coupling.pipeline.id if answer.place.coupling else None
