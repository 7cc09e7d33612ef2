"""The one clock of the emulator, so that a test can move time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a clock showed and how fast it went; `ahead` of real time it was by so much, if it ran."""

    at: datetime
    ahead: timedelta | None
    speed: float

    def continued(self, real_time: datetime) -> datetime:
        """Tell where the clock goes on: one that stood goes on where it stood, one that ran as far ahead as it was."""
        return self.at if self.ahead is None else real_time + self.ahead


@dataclass(slots=True)
class Clock:
    """Real time until it is told otherwise: it can be stopped, set, advanced, and run at another speed.

    `speed` is emulated seconds per real second; 0 stands still. `listeners` are called after every such change.
    """

    speed: float = 1.0
    listeners: list[Callable[[], None]] = field(default_factory=list)
    # `_set_to` was the emulated time at the real time `_set_at`.
    _set_to: datetime = field(default_factory=lambda: datetime.now(UTC))
    _set_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        """Return the emulated time, which is aware."""
        if not self.speed:
            return self._set_to
        passed = datetime.now(UTC) - self._set_at
        return self._set_to + (passed if self.speed == 1 else passed * self.speed)

    def freeze(self, at: datetime | None = None) -> None:
        """Stop at a moment, or at the present one."""
        self._change(to=at or self.now(), speed=0.0)

    def run(self, speed: float = 1.0) -> None:
        """Go on from here at so many emulated seconds a real second."""
        self._change(to=self.now(), speed=speed)

    def advance(self, by: timedelta) -> None:
        """Jump ahead; what ran goes on running, what stood still stands still there."""
        self._change(to=self.now() + by, speed=self.speed)

    def set(self, at: datetime) -> None:
        """Go to a moment, be it in the past; what ran goes on running from there."""
        self._change(to=at, speed=self.speed)

    def read(self) -> Reading:
        """Return what is needed to go on from here later."""
        real_time = datetime.now(UTC)
        at = self.now()
        return Reading(at=at, ahead=at - real_time if self.speed else None, speed=self.speed)

    def go_on_from(self, reading: Reading) -> None:
        """Go on as a clock would have that was read earlier."""
        self._change(to=reading.continued(datetime.now(UTC)), speed=reading.speed)

    def real_time_until(self, at: datetime) -> timedelta | None:
        """Tell how long a moment is off if nobody touches the clock; None is for ever."""
        left = max(timedelta(0), at - self.now())
        if not self.speed and left:
            return None
        return left / self.speed if left else left

    def _change(self, *, to: datetime, speed: float) -> None:
        self._set_to, self._set_at, self.speed = to, datetime.now(UTC), speed
        for listener in self.listeners:
            listener()
