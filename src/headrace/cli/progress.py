"""How far a command has come, on a terminal."""

import sys
import time
from typing import Self

import click

from headrace.inspector.batch_state import Tally
from headrace.wording import spell_count


class Progress:
    """A bar on a terminal; elsewhere nothing, because a log has no use for it."""

    def __init__(self, total: int, *, is_shown: bool, what: str = "looking") -> None:
        self._detail = ""
        self._bar = click.progressbar(
            length=total,
            label=what,
            show_pos=True,
            item_show_func=self._find_detail,
            file=sys.stderr,
            hidden=not is_shown or not sys.stderr.isatty(),
        )
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.__exit__(*error)  # type: ignore[arg-type]

    def show_asked(self, done: int, total: int) -> None:
        """Say how many resources of how many Heroku was asked about."""
        self._bar.length = total
        self._show(done, f"{self._rate(done):,.0f}/s")

    def show_done(self, done: int, *, failed: int) -> None:
        """Say of how many resources an order is carried out."""
        detail = f"{self._rate(done):,.0f}/s"
        self._show(done, f"{detail}, {failed:,} failed" if failed else detail)

    def show(self, tally: Tally) -> None:
        done = tally.inspected + tally.failed
        # A list of a pipeline may tell about more than are due.
        self._bar.length = max(self._bar.length or 0, done)
        errors = ", ".join(f"{count} {kind}" for kind, count in tally.errors.most_common())
        detail = f"{self._rate(done):,.0f}/s, {spell_count(tally.requests, 'request')}, {tally.unmodified:,} unmodified"
        self._show(done, f"{detail}, {errors}" if errors else detail)

    def _find_detail(self, _item: int | None) -> str:
        return self._detail

    def _show(self, done: int, detail: str) -> None:
        self._detail = detail
        self._bar.update(done - self._bar.pos)

    def _rate(self, done: int) -> float:
        return done / max(time.monotonic() - self._began, 0.001)
