"""Whether a process is ready, as whoever sends it requests is told."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from browsing import visit
from headrace.doctor import Finding, Level, examine
from headrace.errors import ConfigurationError
from headrace.running import prepare
from headrace.store.sql.database import Database
from headrace.testing import eventually
from outages import full, read_only
from pair import Pair, play_pair


async def test_a_service_whose_database_takes_no_writes_is_not_ready(database_url: str) -> None:
    """Nothing could be acknowledged; it is ready again by itself, and the doctor sees it too."""
    async with play_pair(database_url, has_worker=False) as pair:
        before = await _ask(pair)
        with read_only(pair.parts.database):
            await eventually(lambda: _has_problem(pair, "read"))
            found = await _examine(pair)
        await eventually(lambda: _is_ready(pair))

    assert (200, []) == before
    assert (Level.FAIL, True) == (found.level, "read" in found.text)


async def test_a_file_that_is_full_is_not_ready(sqlite_url: str) -> None:
    """Although what is in it is still read, and a change of a few letters would be taken."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        with full(pair.parts.database):
            await eventually(lambda: _has_problem(pair, "database or disk is full"))
            found = await _examine(pair)
        await eventually(lambda: _is_ready(pair))

    assert (Level.FAIL, True) == (found.level, "database or disk is full" in found.text)


def test_a_file_that_is_full_before_its_tables_are_made_is_said_in_a_line(tmp_path: Path) -> None:
    """There was room when the start looked at it."""
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    sa.event.listen(database.engine, "checkout", lambda made, *_: made.execute("PRAGMA max_page_count = 20"))
    with pytest.raises(ConfigurationError, match=r"cannot be used \(database or disk is full\)"):
        prepare(database)
    database.close()


async def _ask(pair: Pair) -> tuple[int, list[str]]:
    page = await visit(pair, "/ready")
    return page.status, json.loads(page.text).get("problems", [])


async def _is_ready(pair: Pair) -> bool:
    return (await _ask(pair))[0] == 200


async def _has_problem(pair: Pair, text: str) -> bool:
    status, problems = await _ask(pair)
    return status == 503 and any("takes no writes" in problem and text in problem for problem in problems)


async def _examine(pair: Pair) -> Finding:
    (found,) = [finding for finding in await examine(pair.parts) if finding.subject == "database"]
    return found
