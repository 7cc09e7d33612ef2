"""The board in words: for a terminal, and what a page says of the whole of it."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from headrace.inspector.board import Board, BoardPipeline, Card, find_oldest_check, shorten_id
from headrace.models import State
from headrace.wording import spell_age, spell_count, spell_name

TERMINAL_WIDTH = 100


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
    indent = max(len(spell_name(column.stage)) for column in pipeline.columns) + 4
    lines = [_heading(title, pipeline.cards, now=board.built_at)]
    for column in pipeline.columns:
        label = f"  {spell_name(column.stage)}".ljust(indent)
        lines.append(_wrap(label, column.cards, now=board.built_at))
    return "\n".join(lines)


def _group_as_text(title: str, cards: tuple[Card, ...], *, now: datetime) -> str:
    return "\n".join((_heading(title, cards, now=now), *(_wrap("  ", [card], now=now) for card in cards)))


def _heading(title: str, cards: tuple[Card, ...], *, now: datetime) -> str:
    freshness = spell_freshness(find_oldest_check(cards), is_stale=any(card.is_stale for card in cards), now=now)
    facts = f"{spell_count(len(cards), 'resource')}, {freshness}"
    name = textwrap.shorten(spell_name(title), TERMINAL_WIDTH - len(facts) - 2, placeholder="…")
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
    return spell_name(f"{card.app} ({', '.join(facts)})")


def spell_totals(board: Board) -> str:
    """Return `12 resources in 3 pipelines: 11 provisioned, 1 failed`; where not all is known, nothing is counted."""
    if not board.is_complete:
        return "Heroku has not confirmed all that may be here"
    if not board.cards:
        return "No resources yet"
    where = f" in {spell_count(len(board.pipelines), 'pipeline')}" if board.pipelines else ""
    return f"{spell_count(len(board.cards), 'resource')}{where}: {spell_states(board.cards)}"


def spell_states(cards: Sequence[Card]) -> str:
    """Return `all provisioned`, or `11 provisioned, 1 failed`."""
    counts = Counter(card.resource.state for card in cards)
    if len(counts) == 1:
        (state,) = counts
        return state if len(cards) == 1 else f"all {state}"
    # What is well comes first.
    order = sorted(counts, key=lambda state: (state is not State.PROVISIONED, list(State).index(state)))
    return ", ".join(f"{counts[state]:,} {state}" for state in order)


def spell_freshness(checked_at: datetime | None, *, is_stale: bool, now: datetime) -> str:
    """Return `checked 2 min ago`, `stale, checked 3 h ago` or `not checked yet`."""
    if checked_at is None:
        return "not checked yet"
    return f"{'stale, ' if is_stale else ''}checked {spell_age(now - checked_at)} ago"
