"""What happens in a week of pull requests, planned before any of it: the same seed plans the same week."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Kind = Literal["open", "test", "move", "transfer", "promote", "close"]

SLOT = timedelta(minutes=10)
SLOTS_A_DAY = timedelta(days=1) // SLOT
DAYS = 7
# When people work, in slots of a day; on the last two days of the week they do little.
WORKDAY = range(8 * 6, 19 * 6)
WEEKEND_SHARE = 0.1
# Most pull requests are merged on the day that they are opened, some wait for days.
MEAN_LIFE = timedelta(hours=9)
TEST_SHARE = 0.3
# Days apart, so that a service that looks at every place twice a day sees the one move before the other.
MOVING_DAYS = (1, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much goes on: teams, pipelines, and pull requests in the week; each pipeline has three lasting apps."""

    teams: int = 4
    pipelines: int = 12
    pull_requests: int = 500


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One thing that somebody does: in which slot of the week, to which pipeline, and with which pull request."""

    slot: int
    kind: Kind
    pipeline: int
    number: int = 0


def plan_week(size: Size, seed: int) -> list[Step]:
    """Return the steps of a week in their order; every pull request that is opened is closed before its end."""
    chance = random.Random(seed)  # noqa: S311 - the same week for the same seed
    return sorted([*_plan_pull_requests(size, chance), *_plan_lasting(size, chance)])


def _plan_pull_requests(size: Size, chance: random.Random) -> Iterator[Step]:
    last = DAYS * SLOTS_A_DAY - 1
    for number in range(1, size.pull_requests + 1):
        pipeline = chance.randrange(size.pipelines)
        opened = min(_pick_slot(chance), last - 1)
        life = max(1, round(chance.expovariate(SLOT / MEAN_LIFE)))
        yield Step(opened, "open", pipeline, number)
        yield Step(min(opened + life, last), "close", pipeline, number)
        if chance.random() < TEST_SHARE:
            yield Step(opened, "test", pipeline, number)


def _plan_lasting(size: Size, chance: random.Random) -> Iterator[Step]:
    """A promotion a day for each pipeline, an app that is moved twice, and one that changes hands."""
    for pipeline in range(size.pipelines):
        for day in range(DAYS):
            yield Step(day * SLOTS_A_DAY + chance.choice(WORKDAY), "promote", pipeline)
        for day in MOVING_DAYS:
            yield Step(day * SLOTS_A_DAY + chance.choice(WORKDAY), "move", pipeline)
        yield Step(_pick_slot(chance), "transfer", pipeline)


def _pick_slot(chance: random.Random) -> int:
    weights = [1.0] * 5 + [WEEKEND_SHARE] * 2
    [day] = chance.choices(range(DAYS), weights)
    return day * SLOTS_A_DAY + chance.choice(WORKDAY)
