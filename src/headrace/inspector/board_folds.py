"""What of a board stands open at first, and what is folded: the eye goes to what was opened, failed or moved."""

from collections.abc import Collection, Iterator, Sequence

from headrace.inspector.board import Board, Card, Column
from headrace.models import PASSING, State

SHOWN_IN_STACK = 3
# A stage with more cards than this is a stack, whatever stage it is.
MOST_WHOLE = 6
# So few cards are no more to read than their pipelines folded.
FEW_CARDS = 6
UNCOUPLED, UNKNOWN = "uncoupled", "unknown"


def list_open(board: Board, *, is_narrowed: bool = False) -> frozenset[str]:
    """Return the ids of the lanes that stand open at first: the first of all, and those with something to see.

    Where the board `is_narrowed` to what somebody looks for, that is all of them. What is in no pipeline, or in none
    that is known, has a lane of its own.
    """
    is_all = is_narrowed or len(board.cards) <= FEW_CARDS
    first = board.pipelines[:1]
    lanes = {each.id for each in board.pipelines if is_all or each in first or _is_of_note(each.cards)}
    loose = ((UNCOUPLED, board.uncoupled), (UNKNOWN, board.unknown))
    return frozenset(lanes | {id_ for id_, cards in loose if is_all or not first or _is_of_note(cards)})


def is_stacked(column: Column) -> bool:
    """Whether a stage's cards are lines, all but a few folded: there are too many, or they come and go."""
    return column.stage in PASSING or len(column.cards) > MOST_WHOLE


def split_stack(cards: Sequence[Card]) -> tuple[list[Card], list[Card]]:
    """Return the first few of a stage and the rest; the one that the person came for is never folded away."""
    shown, rest = list(cards[:SHOWN_IN_STACK]), cards[SHOWN_IN_STACK:]
    shown += [card for card in rest if card.is_opened]
    return shown, [card for card in rest if not card.is_opened]


def name_fold(pipeline_id: str, stage: str) -> str:
    """Return the id of what is folded at a stage of a pipeline."""
    return f"{pipeline_id}-{stage}"


def list_seen(board: Board, is_open: Collection[str]) -> list[Card]:
    """Return what is in sight where these lanes and folds are open: what was opened comes first."""
    seen = [card for lane, fold, card in _list_places(board) if lane in is_open and (not fold or fold in is_open)]
    opened = board.opened
    return [*([opened] if opened else []), *(card for card in seen if card is not opened)]


def list_seen_first(board: Board) -> list[Card]:
    """Return all cards: first what was opened, then what stands open at first, then what is folded."""
    is_open = list_open(board)
    ranked = [(not card.is_opened, bool(fold), lane not in is_open, card) for lane, fold, card in _list_places(board)]
    return [card for *_, card in sorted(ranked, key=lambda each: each[:3])]


def _list_places(board: Board) -> Iterator[tuple[str, str, Card]]:
    """Return each card with the lane that it is in, and the fold in there, if it is in one."""
    for pipeline in board.pipelines:
        for column in pipeline.columns:
            shown, folded = split_stack(column.cards) if is_stacked(column) else (column.cards, ())
            yield from ((pipeline.id, "", card) for card in shown)
            yield from ((pipeline.id, name_fold(pipeline.id, column.stage), card) for card in folded)
    for id_, cards in ((UNCOUPLED, board.uncoupled), (UNKNOWN, board.unknown)):
        yield from ((id_, "", card) for card in cards)


def _is_of_note(cards: Sequence[Card]) -> bool:
    return any(card.is_opened or card.has_moved or card.resource.state is State.FAILED for card in cards)
