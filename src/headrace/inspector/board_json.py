"""The board for programs: all of it, or what has changed of the one that a reader has."""

from collections.abc import Sequence
from itertools import islice
from typing import NotRequired, TypedDict, cast

from headrace.hooks.panel import Panel
from headrace.inspector.board import Board, BoardPipeline, Card, find_oldest_check
from headrace.inspector.board_folds import is_stacked
from headrace.inspector.board_parts import BoardParts, Known, Run
from headrace.wording import spell_moment


class FigureShape(TypedDict):
    """A figure for programs: `text` is the value as a card shows it."""

    label: str
    text: str
    trend: list[float]


class PanelShape(TypedDict):
    """The partner's own content of a card."""

    figures: list[FigureShape]
    sentence: str | None
    href: str | None


class CardShape(TypedDict):
    """A card for programs. `uuid` is the resource's; moments are UTC, ISO 8601 to the second.

    `opened` marks the resource that the person looks from; `moved`, that its stage changed within the last 24 hours.
    `message` is what the customer was told of a provision that failed. `panel` is null where the partner has none, and
    left out where it was not asked for: the reader has said what is open there, and this card is not in sight.
    `digest` is of all this but `checked_at`.
    """

    resource: str
    app: str
    plan: str
    state: str
    uuid: str
    region: str
    since: str
    checked_at: str | None
    stale: bool
    opened: bool
    moved: bool
    moved_from: NotRequired[str]
    moved_at: NotRequired[str]
    outcome: str | None
    message: str | None
    panel: NotRequired[PanelShape | None]
    digest: str


class PipelineShape(TypedDict):
    """A pipeline for programs.

    `columns` names every stage that the board has a column for, in order of flow; `stages` has only those with a
    resource. `digest` is of all this.
    """

    id: str
    name: str | None
    columns: list[str]
    stages: dict[str, list[CardShape]]
    digest: str


class BoardHead(TypedDict):
    """What holds of a whole board."""

    built_at: str
    heroku_silent_since: str | None
    complete: bool


class BoardShape(BoardHead):
    """The board for programs, as of `built_at`; `heroku_silent_since` is null while Heroku answers.

    `complete` is false where Heroku does not confirm all that this person may see: then what is missing may well be
    there, and nothing may be counted or denied.
    """

    pipelines: list[PipelineShape]
    uncoupled: list[CardShape]
    unknown: list[CardShape]


# What stands here of the lists that a reader has named: the first and the last of them.
PipelineRun = tuple[int, int]
# And when Heroku answered about the one of them that it has not answered about for longest.
CardRun = tuple[int, int, str | None]


class ChangedPipelineShape(TypedDict):
    """A pipeline that a reader has not; of its cards, those that the reader has are runs."""

    id: str
    name: str | None
    columns: list[str]
    stages: dict[str, list[CardShape | CardRun]]
    digest: str


class ChangesShape(BoardHead):
    """The board for a reader that has some of it, with runs in place of that.

    A run is `[first, last]` of the pipelines, `[first, last, checked_at]` of the cards, by their places in the lists
    that the reader has sent; each of those cards was checked then or later. Where `complete` is false there are none.
    """

    pipelines: list[ChangedPipelineShape | PipelineRun]
    uncoupled: list[CardShape | CardRun]
    unknown: list[CardShape | CardRun]


def board_as_json(board: Board) -> BoardShape:
    """Return the board for programs, which is what has changed for a reader that has nothing."""
    return cast("BoardShape", changes_as_json(board, Known()))


def changes_as_json(board: Board, known: Known, *, period: int = 0) -> ChangesShape:
    """Return the board for a program that has what is known; `period` is as `BoardParts` has it."""
    parts = BoardParts(board, known, period=period)
    return {
        "built_at": spell_moment(board.built_at),
        "heroku_silent_since": spell_moment(board.heroku_silent_since) if board.heroku_silent_since else None,
        "complete": board.is_complete,
        "pipelines": [
            (lane.first, lane.last) if isinstance(lane, Run) else _pipeline_as_json(lane.part, lane.digest, parts)
            for lane in parts.lanes
        ],
        "uncoupled": _cards_as_json(board.uncoupled, parts),
        "unknown": _cards_as_json(board.unknown, parts),
    }


def _pipeline_as_json(pipeline: BoardPipeline, digest: str, parts: BoardParts) -> ChangedPipelineShape:
    return {
        "id": pipeline.id,
        "name": pipeline.name,
        "columns": [str(column.stage) for column in pipeline.columns],
        "stages": {
            str(column.stage): _cards_as_json(column.cards, parts, is_line=is_stacked(column))
            for column in pipeline.columns
            if column.cards
        },
        "digest": digest,
    }


def _cards_as_json(cards: Sequence[Card], parts: BoardParts, *, is_line: bool = False) -> list[CardShape | CardRun]:
    shapes: list[CardShape | CardRun] = []
    left = iter(cards)
    for part in parts.cards(cards, is_line=is_line):
        if isinstance(part, Run):
            oldest = find_oldest_check(islice(left, part.last - part.first + 1))
            shapes.append((part.first, part.last, spell_moment(oldest) if oldest else None))
        else:
            shapes.append(_card_as_json(next(left), part.digest))
    return shapes


def _card_as_json(card: Card, digest: str) -> CardShape:
    resource = card.resource
    fields: CardShape = {
        "resource": resource.name,
        "app": resource.app.name or resource.app.id,
        "plan": resource.plan,
        "state": str(resource.state),
        "uuid": resource.uuid,
        "region": resource.region,
        "since": spell_moment(resource.since),
        "checked_at": spell_moment(resource.checked_at) if resource.checked_at else None,
        "stale": card.is_stale,
        "opened": card.is_opened,
        "moved": card.has_moved,
        "outcome": resource.outcome and str(resource.outcome),
        "message": resource.message,
        "digest": digest,
    }
    if resource.is_asked:
        fields["panel"] = _panel_as_json(resource.panel) if resource.panel else None
    if resource.moved_from is not None:
        fields["moved_from"] = str(resource.moved_from)
    if resource.moved_at is not None:
        fields["moved_at"] = spell_moment(resource.moved_at)
    return fields


def _panel_as_json(panel: Panel) -> PanelShape:
    figures: list[FigureShape] = [
        {"label": figure.label, "text": figure.text, "trend": list(figure.trend)} for figure in panel.figures
    ]
    return {"figures": figures, "sentence": panel.sentence, "href": panel.href}
