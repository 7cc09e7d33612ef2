"""A file of SQLite's that is moved, replaced or deleted while a service runs on it, and one that others have locked."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest
import sqlalchemy as sa

from browsing import visit
from headrace.store.sql.database import LOCKED_SECONDS, Database
from headrace.testing import eventually
from pair import Pair, play_pair

GRANT = {"code": "a-code", "type": "authorization_code", "expires_at": "2099-01-01T00:00:00Z"}
BODY = {"uuid": "01234567-89ab-cdef-0123-456789abcdef", "plan": "basic", "oauth_grant": GRANT}
OTHER = {**BODY, "uuid": "11234567-89ab-cdef-0123-456789abcdef"}
MOVED = "its file was moved, replaced or deleted while it was open"
# Heroku gives up on a provision after 25 to 30 seconds.
HEROKUS_PATIENCE = 25.0


def move(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))


def replace(path: Path) -> None:
    """Put a backup in its place, as an operator restores one."""
    backup = path.with_name("backup.db")
    with closing(sqlite3.connect(path)) as now, closing(sqlite3.connect(backup)) as then:
        now.backup(then)
    backup.replace(path)


def delete(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("do", [move, replace, delete])
async def test_nothing_is_acknowledged_into_a_file_that_nobody_will_open_again(
    sqlite_url: str, do: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """It would be lost at the next start. The service and its worker are not ready, and say why."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with play_pair(sqlite_url) as pair:
        before = await pair.call("POST", json=BODY)
        do(path)
        status, _ = await pair.call("POST", json=OTHER)
        await eventually(lambda: _is_said_at_ready(pair))
        await eventually(lambda: MOVED in "".join(str(line.__dict__.get("said")) for line in caplog.records))
        # Nothing made one anew, which would look as if all were well.
        is_there = await asyncio.to_thread(path.exists)

    assert 202 == before[0]
    assert 503 == status
    assert [] == [line for line in caplog.records if line.exc_info]
    assert (do is replace) == is_there


def test_a_file_that_goes_just_as_it_is_opened_again_is_not_made_anew(sqlite_url: str) -> None:
    """Whoever looks for it then finds none, and not an empty one."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    database = Database(sqlite_url)
    with database.reads.connect():
        sa.event.listen(database.reads, "do_connect", lambda *_: path.unlink())
        with pytest.raises(sa.exc.OperationalError):
            database.reads.connect()
    database.close()

    assert not path.exists()


async def test_a_file_that_is_put_back_is_gone_on_with(sqlite_url: str) -> None:
    """It is the one that was open all the time."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with play_pair(sqlite_url, has_worker=False) as pair:
        move(path)
        refused, _ = await pair.call("POST", json=BODY)
        path.with_name("elsewhere.db").rename(path)
        taken, _ = await pair.call("POST", json=BODY)

    assert (503, 202) == (refused, taken)


async def test_a_provision_is_answered_within_herokus_patience_while_others_have_the_lock(sqlite_url: str) -> None:
    """Of two the second waits for the first one's turn as well."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    async with play_pair(sqlite_url, has_worker=False) as pair:
        with closing(sqlite3.connect(path, isolation_level=None)) as foreign:
            foreign.execute("BEGIN IMMEDIATE")
            began = monotonic()
            first = asyncio.create_task(pair.call("POST", json=BODY))
            # Half of the first one's time is gone when the second comes.
            await asyncio.wait([first], timeout=LOCKED_SECONDS / 2)
            answers = [await pair.call("POST", json=OTHER), await first]
            waited = monotonic() - began - LOCKED_SECONDS / 2
            foreign.execute("ROLLBACK")
        later, _ = await pair.call("POST", json=BODY)

    assert [503, 503] == [status for status, _ in answers]
    assert waited < HEROKUS_PATIENCE
    assert 202 == later


async def _is_said_at_ready(pair: Pair) -> bool:
    page = await visit(pair, "/ready")
    return page.status == 503 and any(MOVED in problem for problem in json.loads(page.text).get("problems", []))
