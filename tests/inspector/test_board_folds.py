"""What of a board stands open at first, and whose panel is asked for first."""

from datetime import timedelta

from headrace.inspector.board import Board, PlacedResource, build_board
from headrace.inspector.board_folds import list_open, list_seen_first
from headrace.models import Stage, State
from scenes import NOON, make_id, place, place_pipeline, place_reviews


def build(*resources: PlacedResource, opened: str | None = None) -> Board:
    return build_board(resources, opened=opened, now=NOON, stale_after=timedelta(minutes=15))


def test_what_was_opened_failed_or_moved_stands_open() -> None:
    """The first of all too; what is quiet is folded."""
    quiet = [each for name in ("a", "b", "c") for each in place_pipeline(name)]
    failed = place("f", "f", state=State.FAILED)
    moved = place("m", "m", moved_from=Stage.STAGING, moved_at=NOON - timedelta(hours=1))
    opened = place("z", "z")
    board = build(*quiet, failed, moved, opened, opened=opened.uuid)

    assert {make_id(name) for name in ("z", "f", "m")} <= list_open(board)
    assert not {make_id("a"), make_id("b")} & list_open(board)
    assert {make_id("a")} <= list_open(build(*quiet))


def test_a_small_board_is_open() -> None:
    """So few cards are no more to read than their folds."""
    assert {make_id("a"), make_id("b"), "uncoupled"} <= list_open(
        build(place("a", "a"), place("b", "b"), place("c", None))
    )


def test_what_is_seen_comes_before_what_is_folded() -> None:
    """The card that was opened, then its pipeline, then others, and last the old review apps."""
    reviews = place_reviews("shop", 9)
    board = build(*place_pipeline("atlas", each=2), place("shop"), *reviews, opened=reviews[8].uuid)
    apps = [card.app for card in list_seen_first(board)]

    assert ["shop-pr-1", "shop-pr-9", "shop-pr-8", "shop-pr-7", "shop"] == apps[:5]
    assert [f"shop-pr-{number}" for number in (6, 5, 4, 3, 2)] == apps[-5:]
