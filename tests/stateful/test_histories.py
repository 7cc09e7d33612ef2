"""Whatever happens in whatever order, what was promised comes true."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateful.histories import HISTORIES, Action
from stateful.playing import play_history
from stateful.trying import trying


@pytest.mark.long
@trying(20)
@given(history=HISTORIES, is_backfill_open=st.booleans())
def test_whatever_happens_what_was_promised_comes_true(
    *, history: list[Action], is_backfill_open: bool, sqlite_template: Path
) -> None:
    """After any history of calls, faults, moves and restarts, we, Heroku and the partner's cloud agree."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "headrace.db"
        shutil.copy(sqlite_template, path)
        asyncio.run(play_history(history, f"sqlite:///{path}", is_backfill_open=is_backfill_open))
