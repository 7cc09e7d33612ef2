"""How far a command has come, on a terminal."""

import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from headrace.inspector.batch_state import Tally
from headrace.wording import spell_count


class Progress:
    """A bar on a terminal; elsewhere nothing, because a log has no use for it."""

    def __init__(self, total: int, *, is_shown: bool, what: str = "looking") -> None:
        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not is_shown or not console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=total, detail="")
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show_asked(self, done: int, total: int) -> None:
        """Say how many resources of how many Heroku was asked about."""
        self._bar.update(self._task, completed=done, total=total, detail=f"{self._rate(done):,.0f}/s")

    def show_done(self, done: int, *, failed: int) -> None:
        """Say of how many resources an order is carried out."""
        detail = f"{self._rate(done):,.0f}/s"
        self._bar.update(self._task, completed=done, detail=f"{detail}, {failed:,} failed" if failed else detail)

    def show(self, tally: Tally) -> None:
        done = tally.inspected + tally.failed
        errors = ", ".join(f"{count} {kind}" for kind, count in tally.errors.most_common())
        detail = f"{self._rate(done):,.0f}/s, {spell_count(tally.requests, 'request')}, {tally.unmodified:,} unmodified"
        self._bar.update(self._task, completed=done, detail=f"{detail}, {errors}" if errors else detail)

    def _rate(self, done: int) -> float:
        return done / max(time.monotonic() - self._began, 0.001)
