"""A resource's timeline: what was recorded, what Heroku delivered and which steps were taken, joined in order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any

from headrace.store.reports.deliveries import DeliveryRow
from headrace.store.reports.histories import LifecycleRow
from headrace.store.state.timeline import FAILURES, MILESTONES
from headrace.workflows.engine.attempts import Attempt
from headrace.workflows.engine.ids import read_kind

PAGE = 60
# What differs between lines that say the same again.
VOLATILE = ("attempt", "seconds", "next_after_seconds", "event", "created_at")
WIDEST_NUMBER = 20


class Source(StrEnum):
    """Where a line comes from. Those of one moment stand in this order."""

    EVENT = "event"
    DELIVERY = "delivery"
    STEP = "step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a timeline. An event has the name under which it was recorded, a step its own."""

    at: datetime
    source: Source
    id: str
    name: str
    detail: Mapping[str, Any]

    @property
    def key(self) -> tuple[datetime, int, str]:
        return build_key(self.at, self.source, self.id)

    @property
    def is_failure(self) -> bool:
        return self.detail.get("reason") is not None or self.name in FAILURES

    @property
    def is_milestone(self) -> bool:
        return self.source is Source.EVENT and self.name in MILESTONES


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Lines that say the same one after the other: the first of them, how many there are, and when the last was."""

    line: Line
    count: int
    last_at: datetime


def build_key(at: datetime, source: Source, id_: str) -> tuple[datetime, int, str]:
    """Return by what lines are put in order; numbers are compared as numbers."""
    return (at, list(Source).index(source), id_.zfill(WIDEST_NUMBER))


def join_lines(
    events: Iterable[LifecycleRow],
    deliveries: Iterable[DeliveryRow],
    attempts: Mapping[str, Sequence[Attempt]],
    *,
    since: tuple[datetime, int, str] | None,
    is_newest_first: bool,
) -> list[Line]:
    """Return all of these in order, from behind `since` on."""
    lines = [*map(_read_event, events), *map(_read_delivery, deliveries)]
    lines += [line for workflow in attempts.values() for line in _read_attempts(workflow)]
    lines.sort(key=lambda line: line.key, reverse=is_newest_first)
    if since is None:
        return lines
    return [line for line in lines if (line.key < since if is_newest_first else line.key > since)]


def fold_lines(lines: Iterable[Line]) -> list[Fold]:
    """Fold lines that say the same one after the other."""
    folds = []
    for _, run in groupby(lines, key=_what_it_says):
        same = list(run)
        folds.append(Fold(line=same[0], count=len(same), last_at=same[-1].at))
    return folds


def spell_title(line: Line) -> str:
    """Return `Provision requested`, `Step run_hook of a provision` or `Delivery of api:app update`."""
    if line.source is Source.DELIVERY:
        return f"Delivery of {line.name}"
    if line.source is Source.STEP:
        return f"Step {line.name} of a {line.detail['workflow'].replace('-', ' ')}"
    words = line.name.replace(".", " ").replace("_", " ")
    return words[:1].upper() + words[1:]


def _what_it_says(line: Line) -> tuple[Source, str, str]:
    said = {name: value for name, value in sorted(line.detail.items()) if name not in VOLATILE}
    return (line.source, line.name, repr(said))


def _read_event(row: LifecycleRow) -> Line:
    return Line(at=row.at, source=Source.EVENT, id=str(row.id), name=row.name, detail=row.detail)


def _read_delivery(row: DeliveryRow) -> Line:
    detail = {"event": row.event_id, "created_at": row.created_at}
    name = f"{row.entity} {row.action}"
    return Line(at=row.received_at, source=Source.DELIVERY, id=row.event_id, name=name, detail=detail)


def _read_attempts(attempts: Sequence[Attempt]) -> Iterator[Line]:
    for index, attempt in enumerate(attempts):
        ended_at = attempt.ended_at or attempt.began_at
        if ended_at is None:
            continue
        detail: dict[str, Any] = {
            "workflow": read_kind(attempt.workflow_id),
            "attempt": 1 + sum(before.step == attempt.step for before in attempts[:index]),
        }
        if attempt.began_at is not None:
            detail["seconds"] = (ended_at - attempt.began_at).total_seconds()
        if attempt.reason is not None:
            detail["reason"] = attempt.reason
        if attempt.wait is not None:
            detail["next_after_seconds"] = attempt.wait
        id_ = f"{attempt.workflow_id}:{attempt.number:06}"
        yield Line(at=ended_at, source=Source.STEP, id=id_, name=attempt.step, detail=detail)
