"""What of a board somebody asks for, and how many cards each choice would show."""

from datetime import timedelta

import pytest

from headrace.inspector.board import Board, build_board
from headrace.inspector.board_filter import Choice, Filter, list_choices, narrow, read_filter
from headrace.models import Stage, State
from scenes import NOON, place

SHOP = [
    place("shop", plan="premium"),
    place("shop-staging", stage=Stage.STAGING, state=State.FAILED),
    place("shop-pr-7", stage=Stage.REVIEW, moved_from=Stage.STAGING, moved_at=NOON - timedelta(hours=2)),
    place("blog", "blog"),
    place("notes", None),
]


def build() -> Board:
    return build_board(SHOP, opened=None, now=NOON, stale_after=timedelta(minutes=15))


@pytest.mark.parametrize(
    ("asked", "apps"),
    [
        ({}, ["blog", "notes", "shop", "shop-pr-7", "shop-staging"]),
        ({"stage": "production"}, ["blog", "shop"]),
        ({"state": "failed"}, ["shop-staging"]),
        ({"plan": "premium"}, ["shop"]),
        ({"moved": "1"}, ["shop-pr-7"]),
        ({"q": "production"}, ["blog", "shop"]),
        ({"q": "SHOP failed"}, ["shop-staging"]),
        ({"q": "shop", "stage": "review"}, ["shop-pr-7"]),
        ({"q": "zzz"}, []),
        ({"stage": "elsewhere"}, []),
    ],
)
def test_a_board_is_narrowed(asked: dict[str, str], apps: list[str]) -> None:
    """By each of them, by all of them at once, and by words of the card, its stage, its state and its pipeline."""
    shown = narrow(build(), read_filter(asked))

    assert apps == sorted(card.app for card in shown.cards)
    assert all(pipeline.cards for pipeline in shown.pipelines)


def test_a_choice_counts_what_it_would_show() -> None:
    """Given what else is chosen; and the one that is on leads back."""
    choices = list_choices(build(), Filter(stage="production"))

    assert {"development": 0, "review": 1, "staging": 1, "production": 2} == {
        stage: choice.count for stage, choice in choices.stages.items()
    }
    assert [("basic", 1), ("premium", 1)] == [(choice.value, choice.count) for choice in choices.plans]
    assert Choice(value="production", count=2, is_on=True, address="?") == choices.stages["production"]
    assert "?stage=production&plan=premium" == choices.plans[1].address


def test_where_all_are_alike_there_is_nothing_to_choose() -> None:
    """A single plan or state is no choice, and nor is a move that nobody made."""
    board = build_board([place("shop"), place("blog")], opened=None, now=NOON, stale_after=timedelta(minutes=15))
    choices = list_choices(board, Filter())

    assert ((), (), ()) == (choices.states, choices.plans, choices.moved)
