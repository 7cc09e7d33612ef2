"""What operators see first: the fleet's figures, what happened last, and whether the service keeps up."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from headrace.fleet.counting import load_insights
from headrace.fleet.health import Health, load_health
from headrace.fleet.insights import Insights, Move, find_percentile
from headrace.models import Stage
from headrace.store.reports.figures.insights import LatestMove, list_latest_moves, list_provision_times
from headrace.store.state.due import find_longest_due
from headrace.store.state.notices import count_up_to

PROVISIONS_OF = timedelta(hours=24)
# How many moves are shown, and up to how many notices are counted.
SHOWN_MOVES = 6
MOST_NOTICES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisions:
    """How long provisions took: the latest thousand at the most of those that Heroku asked for since a moment."""

    since: datetime
    count: int
    p95_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The figures and the present; `sync_lag_seconds` is None where no placement is to be looked at."""

    health: Health
    figures: Insights
    reached_production: tuple[LatestMove, ...]
    latest_moves: tuple[LatestMove, ...]
    provisions: Provisions
    sync_lag_seconds: float | None
    open_notices: int


def load_overview(
    connection: sa.Connection, *, days: int, small_plans: Collection[str], now: datetime, recheck_every: timedelta
) -> Overview:
    """Return the figures of so many days up to the latest that was counted, and the present."""
    moves = list_latest_moves(connection)
    due_since = find_longest_due(connection)
    return Overview(
        health=load_health(connection, now=now, recheck_every=recheck_every),
        figures=load_insights(connection, days=days, small_plans=small_plans, now=now),
        reached_production=tuple(move for move in moves if has_reached_production(move))[:SHOWN_MOVES],
        latest_moves=tuple(moves[:SHOWN_MOVES]),
        provisions=_load_provisions(connection, since=now - PROVISIONS_OF),
        sync_lag_seconds=None if due_since is None else max(0.0, (now - due_since).total_seconds()),
        open_notices=count_up_to(connection, MOST_NOTICES),
    )


def has_reached_production(move: LatestMove | Move) -> bool:
    """Whether it is a move to production from another stage, or from no pipeline."""
    return move.to_stage == Stage.PRODUCTION != move.from_stage


def _load_provisions(connection: sa.Connection, *, since: datetime) -> Provisions:
    took = sorted(list_provision_times(connection, since=since))
    return Provisions(since=since, count=len(took), p95_seconds=find_percentile(took, 95))
