"""What of a board a browser is sent that has most of it already, and what it makes of that."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from headrace.inspector.board import Board, Card, PlacedResource, build_board
from headrace.inspector.board_folds import is_stacked
from headrace.inspector.board_parts import BoardParts, Known, New, Run
from headrace.models import Stage
from scenes import NOON, SCENES, build_scene, change_some, place_pipeline, place_reviews


def build(resources: Sequence[PlacedResource]) -> Board:
    return build_board(resources, opened=None, now=NOON, stale_after=timedelta(minutes=15))


def list_parts(board: Board, known: Known | None = None, *, period: int = 0) -> tuple[list[Run | New], list[Run | New]]:
    """The lanes, and the cards of all that are new, in the order of the page."""
    parts = BoardParts(board, known, period=period)
    lanes = [*parts.lanes, *(part for _, part in parts.loose)]
    return lanes, [card for lane in lanes if isinstance(lane, New) for card in _list_cards(parts, lane)]


def _list_cards(parts: BoardParts, lane: New) -> Iterator[Run | New]:
    if isinstance(lane.part, tuple):
        yield from parts.cards(lane.part)
        return
    for column in lane.part.columns:
        yield from parts.cards(column.cards, is_line=is_stacked(column))


def learn(board: Board, *, period: int = 0) -> Known:
    """What a browser has once it was sent all of a board."""
    lanes, cards = list_parts(board, period=period)
    return Known(lanes=_name(lanes), cards=_name(cards))


def _name(parts: list[Run | New]) -> tuple[str, ...]:
    assert not any(isinstance(part, Run) for part in parts)
    return tuple(part.digest for part in parts if isinstance(part, New))


def stand(parts: list[Run | New], had: Sequence[str]) -> list[str]:
    """The digests as they stand in a browser that has put back what it had."""
    runs = ((part.digest,) if isinstance(part, New) else had[part.first : part.last + 1] for part in parts)
    return [digest for run in runs for digest in run]


def list_new(parts: list[Run | New]) -> list[Card]:
    return [part.part for part in parts if isinstance(part, New)]


def test_of_a_move_one_card_and_its_lane_are_sent() -> None:
    """However many others stand in the same lane."""
    resources = [*place_pipeline("atlas", each=3), *place_pipeline("shop", each=2), *place_reviews("shop", 300)]
    moved = [
        replace(each, stage=Stage.PRODUCTION, moved_from=Stage.STAGING, moved_at=NOON)
        if each.app.name == "shop-staging-1"
        else each
        for each in resources
    ]
    known = learn(build(resources))
    lanes, cards = list_parts(build(moved), known)

    assert [Run(first=0, last=0)] == [lane for lane in lanes if isinstance(lane, Run)]
    assert ["shop-staging-1"] == [card.app for card in list_new(cards)]
    assert list(learn(build(moved)).lanes) == stand(lanes, known.lanes)


@pytest.mark.parametrize("scene", SCENES)
def test_of_what_a_browser_has_nothing_is_sent(scene: str) -> None:
    """All of it stands where it stood."""
    board = build_scene(scene)
    known = learn(board)
    lanes, _ = list_parts(board, known)

    assert list_new(lanes) == []
    assert list(known.lanes) == stand(lanes, known.lanes)


def test_whatever_changes_a_browser_ends_with_what_everybody_has() -> None:
    """Random changes of random boards: what is new, and what was there, make what a fresh page has."""
    random = Random(20261130)
    for _ in range(200):
        before = [*place_pipeline("atlas", each=random.randint(1, 9)), *place_reviews("shop", random.randint(0, 12))]
        after = change_some(random, before)
        period = random.choice([0, 1])
        known, whole = learn(build(before)), learn(build(after), period=period)
        lanes, cards = list_parts(build(after), known, period=period)
        fresh = [*_list_fresh(build(after), lanes)]

        assert list(whole.lanes) == stand(lanes, known.lanes)
        assert fresh == stand(cards, known.cards)


def _list_fresh(board: Board, lanes: list[Run | New]) -> Iterator[str]:
    """The digests of the cards of the lanes that are new, as somebody who has nothing is sent them."""
    parts = BoardParts(board)
    for lane in lanes:
        if isinstance(lane, New):
            yield from _name(list(_list_cards(parts, lane)))


def test_a_check_changes_no_digest_and_a_period_those_of_lanes() -> None:
    """The browser lets ages grow by itself; now and then it is told how old what it shows is."""
    resources = place_pipeline("shop", each=2)
    checked = [replace(each, checked_at=NOON, next_check_at=NOON, has_failed=False) for each in resources]
    known = learn(build(resources))

    assert [] == list_new(list_parts(build(checked), known)[0])
    lanes, cards = list_parts(build(checked), known, period=1)
    assert 1 == len(list_new(lanes))
    assert [] == list_new(cards)


def test_what_looks_otherwise_is_another_card() -> None:
    """One that is a line, where there are many, is not what stood alone."""
    few, many = place_pipeline("shop", stages=(Stage.STAGING,)), place_pipeline("shop", each=7, stages=(Stage.STAGING,))
    _, cards = list_parts(build(many), learn(build(few)))

    assert 7 == len(list_new(cards))


def test_of_what_is_not_complete_all_is_sent() -> None:
    """The browser keeps what is not confirmed beside it, and so has to know what is."""
    board = replace(build(place_pipeline("shop")), is_confirmed=False)
    lanes, cards = list_parts(board, learn(build(place_pipeline("shop"))))

    assert not any(isinstance(part, Run) for part in (*lanes, *cards))
