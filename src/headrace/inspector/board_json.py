"""The board for programs."""

from collections.abc import Iterable
from typing import NotRequired, TypedDict

from headrace.hooks.panel import Panel
from headrace.inspector.board import Board, Card
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
    `message` is what the customer was told of a provision that failed.
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
    panel: PanelShape | None


class PipelineShape(TypedDict):
    """A pipeline for programs.

    `columns` names every stage that the board has a column for, in order of flow; `stages` has only those with a
    resource.
    """

    id: str
    name: str | None
    columns: list[str]
    stages: dict[str, list[CardShape]]


class BoardShape(TypedDict):
    """The board for programs, as of `built_at`; `heroku_silent_since` is null while Heroku answers.

    `complete` is false where Heroku does not confirm all that this person may see: then what is missing may well be
    there, and nothing may be counted or denied.
    """

    built_at: str
    heroku_silent_since: str | None
    complete: bool
    pipelines: list[PipelineShape]
    uncoupled: list[CardShape]
    unknown: list[CardShape]


def board_as_json(board: Board) -> BoardShape:
    """Return the board for programs."""
    return {
        "built_at": spell_moment(board.built_at),
        "heroku_silent_since": spell_moment(board.heroku_silent_since) if board.heroku_silent_since else None,
        "complete": board.is_complete,
        "pipelines": [
            {
                "id": pipeline.id,
                "name": pipeline.name,
                "columns": [str(column.stage) for column in pipeline.columns],
                "stages": {
                    str(column.stage): _cards_as_json(column.cards) for column in pipeline.columns if column.cards
                },
            }
            for pipeline in board.pipelines
        ],
        "uncoupled": _cards_as_json(board.uncoupled),
        "unknown": _cards_as_json(board.unknown),
    }


def _cards_as_json(cards: Iterable[Card]) -> list[CardShape]:
    return [_card_as_json(card) for card in cards]


def _card_as_json(card: Card) -> CardShape:
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
        "panel": _panel_as_json(resource.panel) if resource.panel else None,
    }
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
