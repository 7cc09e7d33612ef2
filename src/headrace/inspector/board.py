"""The board: a customer's resources by pipeline and stage, as values, JSON and plain text."""

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NotRequired, TypedDict

from headrace.inspector.panel import Panel
from headrace.models import PASSING, Outcome, Placement, Ref, Stage, State

FLOW = tuple(Stage)
MOVED_FOR = timedelta(hours=24)
TERMINAL_WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedResource:
    """One row: what the store knows of a resource and its current placement.

    `checked_at` is the last time Heroku answered about the placement, `outcome` what the last
    inspection found out; both are None for a resource that was never inspected. `has_failed` tells whether a look
    has failed since, `next_check_at` when the next is due.
    """

    uuid: str
    name: str
    plan: str
    region: str
    state: State
    app: Ref
    pipeline: Ref | None
    stage: Stage | str | None
    since: datetime
    checked_at: datetime | None
    outcome: Outcome | None
    moved_from: Stage | str | None = None
    moved_at: datetime | None = None
    panel: Panel | None = None
    next_check_at: datetime | None = None
    has_failed: bool = False

    @property
    def placement(self) -> Placement | None:
        """The pipeline and stage, when Heroku told them."""
        if self.outcome is not Outcome.PLACED or self.pipeline is None or self.stage is None:
            return None
        return Placement(pipeline=self.pipeline, stage=self.stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A resource on the board. `has_moved` holds for 24 hours after a change of stage."""

    resource: PlacedResource
    is_opened: bool
    is_stale: bool
    has_moved: bool

    @property
    def app(self) -> str:
        return _title(self.resource.app)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A stage of one pipeline and the cards that stand there."""

    stage: Stage | str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPipeline:
    """A pipeline on the board. `name` is None when Heroku would not tell it."""

    id: str
    name: str | None
    columns: tuple[Column, ...]

    @property
    def title(self) -> str:
        return _title(Ref(id=self.id, name=self.name))

    @property
    def cards(self) -> tuple[Card, ...]:
        return tuple(card for column in self.columns for card in column.cards)

    @property
    def checked_at(self) -> datetime | None:
        """The oldest check of its cards: everything shown is at least this fresh."""
        return find_oldest_check(self.cards)

    @property
    def is_stale(self) -> bool:
        return any(card.is_stale for card in self.cards)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """All that one person may see.

    `uncoupled` is what stands in no pipeline, because Heroku said so; `unknown` is what Heroku did not tell.
    """

    pipelines: tuple[BoardPipeline, ...]
    uncoupled: tuple[Card, ...]
    unknown: tuple[Card, ...]
    built_at: datetime

    @property
    def cards(self) -> tuple[Card, ...]:
        placed = tuple(card for pipeline in self.pipelines for card in pipeline.cards)
        return placed + self.uncoupled + self.unknown

    @property
    def app_count(self) -> int:
        return len({card.resource.app.id for card in self.cards})

    def has_namesake(self, pipeline: BoardPipeline) -> bool:
        """Whether another pipeline has the same title, so that the id has to tell them apart."""
        return any(other.title == pipeline.title and other.id != pipeline.id for other in self.pipelines)


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
    """The board for programs, as of `built_at`."""

    built_at: str
    pipelines: list[PipelineShape]
    uncoupled: list[CardShape]
    unknown: list[CardShape]


def build_board(
    resources: Iterable[PlacedResource], *, opened: str | None, now: datetime, stale_after: timedelta
) -> Board:
    """Return the board as of `now`; `opened` is the uuid of the resource that the person came from."""
    cards = [
        _build_card(resource, opened=opened, now=now, stale_after=stale_after)
        for resource in resources
        if resource.state is not State.DEPROVISIONED
    ]
    uncoupled = [card for card in cards if card.resource.outcome is Outcome.UNCOUPLED]
    untold = (card for card in cards if card.resource.outcome is not Outcome.UNCOUPLED)
    unknown = [card for card in untold if card.resource.placement is None]
    return Board(
        pipelines=tuple(sorted(_build_pipelines(cards), key=_by_name)),
        uncoupled=tuple(sorted(uncoupled, key=_by_app)),
        unknown=tuple(sorted(unknown, key=_by_app)),
        built_at=now,
    )


def _build_card(resource: PlacedResource, *, opened: str | None, now: datetime, stale_after: timedelta) -> Card:
    moved_at = resource.moved_at
    return Card(
        resource=resource,
        is_opened=resource.uuid == opened,
        is_stale=_is_stale(resource, now=now, stale_after=stale_after),
        has_moved=resource.moved_from is not None and moved_at is not None and now - moved_at < MOVED_FOR,
    )


def _is_stale(resource: PlacedResource, *, now: datetime, stale_after: timedelta) -> bool:
    """Whether an answer is old, and ought not to be: what has long been still is looked at more rarely."""
    if resource.checked_at is None or now - resource.checked_at <= stale_after:
        return False
    return resource.has_failed or resource.next_check_at is None or now - resource.next_check_at > stale_after


def _build_pipelines(cards: Iterable[Card]) -> Iterator[BoardPipeline]:
    stages_by_pipeline: dict[str, dict[Stage | str, list[Card]]] = defaultdict(lambda: defaultdict(list))
    for card in cards:
        if placement := card.resource.placement:
            stages_by_pipeline[placement.pipeline.id][placement.stage].append(card)
    for pipeline_id, stages in stages_by_pipeline.items():
        yield BoardPipeline(id=pipeline_id, name=_find_name(stages), columns=tuple(_build_columns(stages)))


def _find_name(stages: dict[Stage | str, list[Card]]) -> str | None:
    # A pipeline may be renamed between two checks: the latest answer that has a name is right.
    epoch = datetime.min.replace(tzinfo=UTC)
    resources = [card.resource for cards in stages.values() for card in cards]
    latest_first = sorted(resources, key=lambda resource: resource.checked_at or epoch, reverse=True)
    return next(
        (resource.pipeline.name for resource in latest_first if resource.pipeline and resource.pipeline.name), None
    )


def _build_columns(stages: dict[Stage | str, list[Card]]) -> Iterator[Column]:
    always = [stage for stage in FLOW if stage is not Stage.TEST or stage in stages]
    new_to_us = sorted(stage for stage in stages if stage not in FLOW)
    for stage in (*always, *new_to_us):
        cards = sorted(stages.get(stage, []), key=_by_app)
        # The newest of these is the one looked for.
        if stage in PASSING:
            cards.sort(key=lambda card: card.resource.since, reverse=True)
        yield Column(stage=stage, cards=tuple(cards))


def _by_name(pipeline: BoardPipeline) -> tuple[bool, str, str]:
    return pipeline.name is None, pipeline.title.casefold(), pipeline.id


def _by_app(card: Card) -> tuple[str, str, str]:
    return card.app.casefold(), card.resource.name, card.resource.uuid


def _title(ref: Ref) -> str:
    return ref.name or shorten_id(ref.id)


def shorten_id(text: str) -> str:
    """Return enough of an id to tell it from its neighbours."""
    return text if len(text) <= 8 else f"{text[:8]}…"


def find_oldest_check(cards: Iterable[Card]) -> datetime | None:
    """Return the earliest moment at which Heroku last answered for one of the cards."""
    return min((card.resource.checked_at for card in cards if card.resource.checked_at), default=None)


def board_as_json(board: Board) -> BoardShape:
    """Return the board for programs."""
    return {
        "built_at": spell_moment(board.built_at),
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


def board_as_text(board: Board) -> str:
    """Return the board for a terminal of 100 columns, a line for each stage."""
    blocks = [spell_totals(board), *(_pipeline_as_text(pipeline, board) for pipeline in board.pipelines)]
    if board.uncoupled:
        blocks.append(_group_as_text("Not in a pipeline", board.uncoupled, now=board.built_at))
    if board.unknown:
        blocks.append(_group_as_text("Pipeline not known", board.unknown, now=board.built_at))
    return "\n\n".join(blocks) + "\n"


def _pipeline_as_text(pipeline: BoardPipeline, board: Board) -> str:
    title = f"{pipeline.title} ({shorten_id(pipeline.id)})" if board.has_namesake(pipeline) else pipeline.title
    indent = max(len(_printable(column.stage)) for column in pipeline.columns) + 4
    lines = [_heading(title, pipeline.cards, now=board.built_at)]
    for column in pipeline.columns:
        label = f"  {_printable(column.stage)}".ljust(indent)
        lines.append(_wrap(label, column.cards, now=board.built_at))
    return "\n".join(lines)


def _group_as_text(title: str, cards: tuple[Card, ...], *, now: datetime) -> str:
    return "\n".join((_heading(title, cards, now=now), *(_wrap("  ", [card], now=now) for card in cards)))


def _heading(title: str, cards: tuple[Card, ...], *, now: datetime) -> str:
    freshness = spell_freshness(find_oldest_check(cards), is_stale=any(card.is_stale for card in cards), now=now)
    facts = f"{spell_count(len(cards), 'resource')}, {freshness}"
    name = textwrap.shorten(_printable(title), TERMINAL_WIDTH - len(facts) - 2, placeholder="…")
    return f"{name}{facts:>{TERMINAL_WIDTH - len(name)}}"


def _wrap(label: str, cards: Iterable[Card], *, now: datetime) -> str:
    # A no-break space keeps an app on one line with what is said about it.
    items = [_card_as_text(card, now=now).replace(" ", "\N{NO-BREAK SPACE}") for card in cards]
    lines = textwrap.wrap(
        ", ".join(items) or "-",
        TERMINAL_WIDTH,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def _card_as_text(card: Card, *, now: datetime) -> str:
    resource = card.resource
    facts = [resource.plan]
    if resource.state is not State.PROVISIONED:
        facts.append(resource.state)
    if card.has_moved and resource.moved_at:
        facts.append(f"moved from {resource.moved_from} {spell_age(now - resource.moved_at)} ago")
    if card.is_opened:
        facts.append("opened from Heroku")
    return _printable(f"{card.app} ({', '.join(facts)})")


def _printable(text: str) -> str:
    # A name must not move the cursor or turn the direction of a terminal.
    return "".join(character if character.isprintable() else "?" for character in text)


def spell_totals(board: Board) -> str:
    """Return `20 resources on 20 apps, in 3 pipelines`."""
    resources, apps = spell_count(len(board.cards), "resource"), spell_count(board.app_count, "app")
    pipelines = spell_count(len(board.pipelines), "pipeline") if board.pipelines else "no pipeline"
    return f"{resources} on {apps}, in {pipelines}"


def spell_count(count: int, noun: str) -> str:
    """Return `1 app`, `2 apps`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def spell_freshness(checked_at: datetime | None, *, is_stale: bool, now: datetime) -> str:
    """Return `checked 2 min ago`, `stale, checked 3 h ago` or `not checked yet`."""
    if checked_at is None:
        return "not checked yet"
    return f"{'stale, ' if is_stale else ''}checked {spell_age(now - checked_at)} ago"


def spell_age(age: timedelta) -> str:
    """Return an age in its largest whole unit: `40 s`, `2 min`, `3 h`, `5 d`."""
    # A clock a little ahead of ours must not give a negative age.
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:,} {unit}"
    return f"{seconds} s"


def spell_moment(moment: datetime) -> str:
    """Return a moment in UTC as ISO 8601, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
