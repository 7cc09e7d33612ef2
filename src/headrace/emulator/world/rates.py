"""The rate pool of each token owner: it empties by one a request and refills steadily (contract §9)."""

from dataclasses import dataclass
from datetime import datetime

from headrace.emulator.kit.clock import Clock
from headrace.emulator.kit.errors import Declined
from headrace.emulator.kit.switches import Switches

REFILL_PER_SECOND = 75 / 60


@dataclass(slots=True)
class Pool:
    level: float
    at: datetime


class RatePools:
    """`owner` is the id of a user or of an add-on."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self.clock = clock
        self.switches = switches
        self._pools: dict[str, Pool] = {}

    def remaining(self, owner: str) -> int:
        """Tell how many requests are left, which costs none."""
        return int(self._refilled(owner).level)

    def spend(self, owner: str) -> int:
        """Take one request out of a pool, and tell how many are left."""
        pool = self._refilled(owner)
        if pool.level < 1:
            raise Declined(429, "rate_limit", "Your account reached the API rate limit. Please wait a few minutes.")
        pool.level -= 1
        return int(pool.level)

    def forget(self, owner: str) -> None:
        """Let go of the pool of whoever is gone."""
        self._pools.pop(owner, None)

    def fill(self) -> None:
        """Make every pool full."""
        self._pools.clear()

    def _refilled(self, owner: str) -> Pool:
        now, full = self.clock.now(), float(self.switches.rate_limit)
        pool = self._pools.get(owner)
        if pool is None:
            pool = self._pools[owner] = Pool(full, now)
        passed = (now - pool.at).total_seconds()
        # A clock that was put back refills nothing.
        level = pool.level + passed * REFILL_PER_SECOND if passed > 0 else pool.level
        pool.level = min(full, level)
        pool.at = now
        return pool
