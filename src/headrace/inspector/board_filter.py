"""Which cards of a board somebody wants to see, as the page's address says it, and how many each choice would show."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode

from headrace.inspector.board import Board, BoardPipeline, Card
from headrace.models import State

LONGEST_TEXT = 100
MOVED = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a card has to be; an empty field asks for nothing. Every word of `q` has to be somewhere on the card."""

    q: str = ""
    stage: str = ""
    state: str = ""
    plan: str = ""
    moved: str = ""

    @property
    def is_on(self) -> bool:
        return self != Filter()

    @property
    def address(self) -> str:
        """The query of a page that shows this, with its question mark; of everything, the page itself."""
        asked = {field.name: getattr(self, field.name) for field in fields(self) if getattr(self, field.name)}
        return "?" + urlencode(asked)

    @property
    def words(self) -> list[str]:
        return self.q.casefold().split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One value to choose: the address that has it, or has it no more, and how many cards that shows."""

    value: str
    count: int
    is_on: bool
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What there is to choose from; a kind of which all cards are alike has nothing to choose."""

    stages: Mapping[str, Choice]
    states: tuple[Choice, ...]
    plans: tuple[Choice, ...]
    moved: tuple[Choice, ...]


def read_filter(query: Mapping[str, str]) -> Filter:
    """Return what an address asks for; what it says beside is not about cards."""
    return Filter(**{field.name: query.get(field.name, "").strip()[:LONGEST_TEXT] for field in fields(Filter)})


def narrow(board: Board, wanted: Filter) -> Board:
    """Return the board with the cards that are wanted, and the pipelines that have one."""
    if not wanted.is_on:
        return board
    pipelines = (_narrow_pipeline(pipeline, wanted) for pipeline in board.pipelines)
    return replace(
        board,
        pipelines=tuple(pipeline for pipeline in pipelines if pipeline.cards),
        uncoupled=tuple(card for card in board.uncoupled if _is_wanted(card, "", "", wanted)),
        unknown=tuple(card for card in board.unknown if _is_wanted(card, "", "", wanted)),
    )


def list_choices(board: Board, wanted: Filter) -> Choices:
    """Return every choice, with how many cards it would show beside what else is wanted."""
    placed = list(_list_placed(board))
    cards = [card for card, _, _ in placed]
    stages = {str(stage): _build_choice(placed, wanted, "stage", str(stage)) for stage in board.stages}
    states = _list_in_order((card.resource.state for card in cards), State)
    plans = sorted({card.resource.plan for card in cards})
    moved = [MOVED] if any(card.has_moved for card in cards) else []
    return Choices(
        stages=stages,
        states=tuple(_build_choice(placed, wanted, "state", each) for each in states if len(states) > 1),
        plans=tuple(_build_choice(placed, wanted, "plan", each) for each in plans if len(plans) > 1),
        moved=tuple(_build_choice(placed, wanted, "moved", each) for each in moved),
    )


def _build_choice(placed: list[tuple[Card, str, str]], wanted: Filter, kind: str, value: str) -> Choice:
    is_on = getattr(wanted, kind) == value
    chosen = replace(wanted, **{kind: value})
    return Choice(
        value=value,
        count=sum(_is_wanted(*each, chosen) for each in placed),
        is_on=is_on,
        address=(replace(wanted, **{kind: ""}) if is_on else chosen).address,
    )


def _list_placed(board: Board) -> Iterator[tuple[Card, str, str]]:
    """Every card, with its stage and its pipeline's title."""
    for pipeline in board.pipelines:
        for column in pipeline.columns:
            for card in column.cards:
                yield card, str(column.stage), pipeline.title
    for card in (*board.uncoupled, *board.unknown):
        yield card, "", ""


def _list_in_order(found: Iterable[State], order: Iterable[State]) -> list[str]:
    there = set(found)
    return [str(each) for each in order if each in there]


def _narrow_pipeline(pipeline: BoardPipeline, wanted: Filter) -> BoardPipeline:
    title = pipeline.title
    columns = (
        replace(
            column,
            cards=tuple(card for card in column.cards if _is_wanted(card, str(column.stage), title, wanted)),
        )
        for column in pipeline.columns
    )
    return replace(pipeline, columns=tuple(columns))


def _is_wanted(card: Card, stage: str, title: str, wanted: Filter) -> bool:
    resource = card.resource
    asked = ((wanted.stage, stage), (wanted.state, str(resource.state)), (wanted.plan, resource.plan))
    if any(value and value != has for value, has in asked) or (wanted.moved and not card.has_moved):
        return False
    if not wanted.q:
        return True
    names = f"{card.app} {resource.name} {title}"
    text = f"{names} {resource.plan} {resource.state} {resource.region} {stage}".casefold()
    return all(word in text for word in wanted.words)
