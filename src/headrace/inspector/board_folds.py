"""What of a board stands open at first, and what is folded: the eye goes to what was opened, failed or moved."""

from collections.abc import Iterator, Sequence

from headrace.inspector.board import Board, Card, Column
from headrace.models import PASSING, State

SHOWN_IN_STACK = 3
# A stage with more cards than this is a stack, whatever stage it is.
MOST_WHOLE = 6
# So few cards are no more to read than their pipelines folded.
FEW_CARDS = 6
UNCOUPLED, UNKNOWN = "uncoupled", "unknown"


def list_open(board: Board) -> frozenset[str]:
    """Return the ids of the lanes that stand open at first: the first of all, and those with something to see.

    What is in no pipeline, or in none that is known, has a lane of its own.
    """
    is_small = len(board.cards) <= FEW_CARDS
    first = board.pipelines[:1]
    lanes = {each.id for each in board.pipelines if is_small or each in first or _is_of_note(each.cards)}
    loose = ((UNCOUPLED, board.uncoupled), (UNKNOWN, board.unknown))
    return frozenset(lanes | {id_ for id_, cards in loose if is_small or not first or _is_of_note(cards)})


def is_stacked(column: Column) -> bool:
    """Whether a stage's cards are lines, all but a few folded: there are too many, or they come and go."""
    return column.stage in PASSING or len(column.cards) > MOST_WHOLE


def split_stack(cards: Sequence[Card]) -> tuple[list[Card], list[Card]]:
    """Return the first few of a stage and the rest; the one that the person came for is never folded away."""
    shown, rest = list(cards[:SHOWN_IN_STACK]), cards[SHOWN_IN_STACK:]
    shown += [card for card in rest if card.is_opened]
    return shown, [card for card in rest if not card.is_opened]


def list_seen_first(board: Board) -> list[Card]:
    """Return all cards: first what was opened, then what stands open at first, then what is folded."""
    is_open = list_open(board)
    ranked = [(0 if card.is_opened else rank, card) for rank, card in _rank(board, is_open)]
    return [card for _, card in sorted(ranked, key=lambda each: each[0])]


def _rank(board: Board, is_open: frozenset[str]) -> Iterator[tuple[int, Card]]:
    for pipeline in board.pipelines:
        for column in pipeline.columns:
            shown, folded = split_stack(column.cards) if is_stacked(column) else (column.cards, ())
            yield from ((1 if pipeline.id in is_open else 2, card) for card in shown)
            yield from ((3, card) for card in folded)
    yield from ((2, card) for card in (*board.uncoupled, *board.unknown))


def _is_of_note(cards: Sequence[Card]) -> bool:
    return any(card.is_opened or card.has_moved or card.resource.state is State.FAILED for card in cards)
