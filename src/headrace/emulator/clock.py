"""The one clock of the emulator, so that a test can move time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class Clock:
    """Real time until it is frozen or advanced; an advanced clock goes on running."""

    _frozen_at: datetime | None = None
    _offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        return (self._frozen_at or datetime.now(UTC)) + self._offset

    def freeze(self, at: datetime | None = None) -> None:
        """Stop at a moment, or at the present one."""
        self._frozen_at = at or self.now()
        self._offset = timedelta(0)

    def advance(self, by: timedelta) -> None:
        self._offset += by
