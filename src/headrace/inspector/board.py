"""The board: a customer's resources by pipeline and stage."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from headrace.hooks.panel import Panel
from headrace.models import PASSING, Outcome, Placement, Ref, Stage, State

FLOW = tuple(Stage)
MOVED_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedResource:
    """One row: what the store knows of a resource and its current placement.

    `checked_at` is the last time Heroku answered about the placement, `outcome` what the last
    inspection found out; both are None for a resource that was never inspected. `has_failed` tells whether
    one has failed since, `next_check_at` when the next is due. `message` is what the customer was told of a provision
    that failed. `is_asked` is false where the partner was not asked for a panel, because the card is not in sight.
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
    is_asked: bool = True
    next_check_at: datetime | None = None
    has_failed: bool = False
    message: str | None = None

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

    def line_up(self, stages: Iterable[Stage | str]) -> list[Column]:
        """Return a column for each of these stages, so that they stand below those of other pipelines."""
        found = {column.stage: column for column in self.columns}
        return [found.get(stage) or Column(stage=stage, cards=()) for stage in stages]

    @property
    def has_opened(self) -> bool:
        return any(card.is_opened for card in self.cards)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """All that one person may see.

    `uncoupled` is what stands in no pipeline, because Heroku said so; `unknown` is what Heroku did not tell.
    `heroku_silent_since` is since when Heroku has answered nobody; it is the same on everybody's board. `is_confirmed`
    tells whether Heroku has confirmed all that its last answers had this person in.
    """

    pipelines: tuple[BoardPipeline, ...]
    uncoupled: tuple[Card, ...]
    unknown: tuple[Card, ...]
    built_at: datetime
    heroku_silent_since: datetime | None = None
    is_confirmed: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether anything may be counted or denied. Where this is False, what is not shown may well be there."""
        return self.is_confirmed and self.heroku_silent_since is None

    @property
    def stages(self) -> tuple[Stage | str, ...]:
        """Every stage that a pipeline has a column for, in order of flow: columns are the same for all of them."""
        found = {column.stage for pipeline in self.pipelines for column in pipeline.columns}
        return (*(stage for stage in FLOW if stage in found), *sorted(found - set(FLOW)))

    @property
    def opened(self) -> Card | None:
        """The card of the resource that the person came from."""
        return next((card for card in self.cards if card.is_opened), None)

    @property
    def cards(self) -> tuple[Card, ...]:
        placed = tuple(card for pipeline in self.pipelines for card in pipeline.cards)
        return placed + self.uncoupled + self.unknown

    def has_namesake(self, pipeline: BoardPipeline) -> bool:
        """Whether another pipeline has the same title, so that the id has to tell them apart."""
        return any(other.title == pipeline.title and other.id != pipeline.id for other in self.pipelines)


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
        pipelines=tuple(sorted(_build_pipelines(cards), key=_by_opened_and_name)),
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
    """Whether an answer is old, and ought not to be: what has long been still is inspected more rarely."""
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


def _by_opened_and_name(pipeline: BoardPipeline) -> tuple[bool, bool, str, str]:
    return not pipeline.has_opened, pipeline.name is None, pipeline.title.casefold(), pipeline.id


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
