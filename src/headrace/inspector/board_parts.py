"""What of a board its reader has already, so that it is sent what has changed: some cards, and the lanes they are in.

Each lane and each card has a digest of what it shows. A reader, which is a page's script or a program, names those that
it has, in the order in which they stand there; it is told where they stand now, and is sent the others. How long ago
something was checked is in no digest, for the reader lets that grow by itself; `period` is, and goes up when all lanes
are to be renewed.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from operator import attrgetter
from typing import Any, ClassVar

import msgspec

from headrace.inspector.board import Board, BoardPipeline, Card, PlacedResource
from headrace.inspector.board_folds import UNCOUPLED, UNKNOWN, is_stacked

# What of a resource is when it was looked at, which goes on.
PASSING_FIELDS = {"checked_at", "next_check_at", "has_failed"}
_find_lasting = attrgetter(*(each.name for each in fields(PlacedResource) if each.name not in PASSING_FIELDS))
# 36 bits: a card that changed is taken for another one once in millions of changes of a board of thousands.
DIGEST_LETTERS = 6


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader has: the digests of its lanes and of its cards, each in the order in which they stand there."""

    lanes: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What the reader has, from one place in its list to another."""

    is_known: ClassVar[bool] = True

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A card or a lane that the reader has not: `part` is a card, or a pipeline, or the cards that are in none."""

    is_known: ClassVar[bool] = False

    part: Any
    digest: str


Parts = Iterator[Run | New]


class BoardParts:
    """Parts a board, as it is to be shown, into what a reader has and what is new to it."""

    def __init__(self, shown: Board, known: Known | None = None, *, period: int = 0) -> None:
        self._shown = shown
        self._period = period
        # Of what is not all there a reader keeps what it has, so it is sent all of the rest.
        known = known if known and shown.is_complete else Known()
        self._lanes = _find_places(known.lanes)
        self._cards = _find_places(known.cards)

    @cached_property
    def lanes(self) -> list[Run | New]:
        """The pipelines that are shown."""
        lanes = ((pipeline, self._digest_pipeline(pipeline)) for pipeline in self._shown.pipelines)
        return list(_part(lanes, self._lanes))

    @cached_property
    def loose(self) -> list[tuple[str, Run | New]]:
        """What is in no pipeline, and what is in none that is known: the id of each lane, and its cards."""
        found = ((UNCOUPLED, self._shown.uncoupled), (UNKNOWN, self._shown.unknown))
        return [
            (id_, part)
            for id_, cards in found
            if cards
            for part in _part([(cards, self._digest_loose(id_, cards))], self._lanes)
        ]

    def cards(self, cards: Iterable[Card], *, is_line: bool = False) -> list[Run | New]:
        """The cards of one place; `is_line` tells which of its two looks a card has there."""
        return list(_part(((card, digest_card(card, is_line=is_line)) for card in cards), self._cards))

    def _digest_pipeline(self, pipeline: BoardPipeline) -> str:
        columns = [
            (column.stage, [digest_card(card, is_line=is_stacked(column)) for card in column.cards])
            for column in pipeline.columns
        ]
        title = (pipeline.id, pipeline.title, self._shown.has_namesake(pipeline))
        return _digest(title, self._shown.stages, columns, self._period)

    def _digest_loose(self, id_: str, cards: Sequence[Card]) -> str:
        return _digest(id_, [digest_card(card, is_line=False) for card in cards], self._period)


def digest_card(card: Card, *, is_line: bool) -> str:
    """Return the digest of what a card shows: when it was checked only if that is too long ago."""
    checked_at = card.resource.checked_at
    shown = checked_at if card.is_stale else checked_at is not None
    return _digest(_find_lasting(card.resource), shown, card.is_opened, card.is_stale, card.has_moved, is_line)


def _digest(*shown: object) -> str:
    digest = hashlib.blake2b(msgspec.msgpack.encode(shown), digest_size=6).digest()
    return urlsafe_b64encode(digest)[:DIGEST_LETTERS].decode()


def _find_places(digests: Sequence[str]) -> Mapping[str, int]:
    return {digest: place for place, digest in enumerate(digests)}


def _part(parts: Iterable[tuple[Any, str]], places: Mapping[str, int]) -> Parts:
    """Return what is new, and runs of what is known, in order."""
    run: Run | None = None
    for part, digest in parts:
        place = places.get(digest)
        if run is not None and place == run.last + 1:
            run = replace(run, last=place)
            continue
        if run is not None:
            yield run
        run = None if place is None else Run(first=place, last=place)
        if place is None:
            yield New(part=part, digest=digest)
    if run is not None:
        yield run
