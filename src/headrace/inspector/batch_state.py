"""What is known and learnt while one batch is inspected, as values."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from headrace.models import Outcome, Pipeline, Ref
from headrace.protocol.pipelines import Place
from headrace.store.state.due import Due
from headrace.store.state.secrets import SealedTokens


@dataclass(slots=True, kw_only=True)
class Tally:
    """What inspecting came to. `unmodified` are the requests that were answered with a 304.

    Of many batches each resource counts once, as inspected or as failed, in whichever of them it was looked at.
    """

    inspected: int = 0
    failing: set[str] = field(default_factory=set)
    moved: int = 0
    requests: int = 0
    unmodified: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    # Of one batch alone: of a fleet they are too many.
    answered: frozenset[str] = frozenset()

    @property
    def failed(self) -> int:
        return len(self.failing)

    def add(self, other: "Tally") -> None:
        """Add what another batch came to."""
        self.inspected += other.inspected
        self.failing |= other.failing
        self.failing -= other.answered
        self.moved += other.moved
        self.requests += other.requests
        self.unmodified += other.unmodified
        self.errors.update(other.errors)


class PlaceAnswer(msgspec.Struct, frozen=True, kw_only=True):
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
class BatchState:
    """What is known and learnt while one batch is inspected."""

    now: datetime
    tokens: SealedTokens
    due: dict[str, Due] = field(default_factory=dict)
    siblings: dict[str, list[Due]] = field(default_factory=lambda: defaultdict(list))
    answers: dict[str, PlaceAnswer] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    refused_lists: list[str] = field(default_factory=list)
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    exhausted: set[str] = field(default_factory=set)
    # Whoever was looked at from then on, by another batch too, is counted already.
    since: datetime | None = None
    counted: set[str] = field(default_factory=set)
    tally: Tally = field(default_factory=Tally)

    def split(self) -> "Iterator[BatchState]":
        """What each resource's answer alone has to be recorded of this."""
        for uuid, answer in self.answers.items():
            read = self.pipelines.get(find_pipeline(answer) or "")
            pipelines = {read.id: read} if read else {}
            yield replace(self, answers={uuid: answer}, failures={}, refused_lists=[], pipelines=pipelines)


def is_as_known(answer: PlaceAnswer) -> bool:
    """Whether an answer says what is known already, so that only the time of the inspection has to be noted."""
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


def find_pipeline(answer: PlaceAnswer) -> str | None:
    """The id of the pipeline that an answer speaks of."""
    if answer.place is None:
        return answer.due.pipeline_id
    return answer.place.coupling.pipeline.id if answer.place.coupling else None
