"""Two installations in one PostgreSQL, each in its own schema: they share nothing."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.sql.migrate import is_migrated
from headrace.store.state.resources import list_running
from headrace.testing import eventually
from headrace.workflows.engine.bell import Bell
from headrace.workflows.engine.lease import WorkerLease, find_lock_class, name_channel
from installations import OLD, beside
from lab.kit.databases import make_on_server
from pair import play_pair
from workers import prepare_site, serve_process

LONG_SECONDS = 60.0
LOCKS = "SELECT DISTINCT pid, classid, objid FROM pg_locks WHERE locktype = 'advisory' AND database = :database"


@pytest.fixture
def shared_url(postgres_server: str) -> Iterator[str]:
    with make_on_server(postgres_server) as url:
        yield url


def test_an_old_installation_has_the_locks_and_the_channel_of_older_releases() -> None:
    """Their workers and this release's serve it side by side, and must not take each other's place."""
    assert (0x6865, "headrace", 0x68656164) == (find_lock_class(OLD), name_channel(OLD), OLD.migration_lock)


async def test_two_installations_provision_at_once(shared_url: str, tmp_path: Path) -> None:
    """Each with workers of its own, from the first table on."""
    async with prepare_site(shared_url, tmp_path) as site:
        site.let_hooks_go_on()
        environment = site.environment | {"HEADRACE_DATABASE_SCHEMA": "second"}
        async with (
            play_pair(shared_url, HEADRACE_DATABASE_SCHEMA="first") as first,
            serve_process(tmp_path, environment, site.port, "--one-process"),
        ):
            mine = await first.heroku.create_addon("shop", "acme-search:basic")
            theirs = await site.heroku.create_addon("shop", "acme-search:basic")
            await first.settle()
            await eventually(lambda: theirs.state == State.PROVISIONED)

            assert State.PROVISIONED == mine.state
            assert [mine.id] == [each.uuid for each in first.acme.created]
            assert 2 == len(_list_locks(shared_url))
    with _opened(shared_url, "first") as one, _opened(shared_url, "second") as other:
        assert [True, True] == [_is_migrated(each) for each in (one, other)]
        assert [[], []] == [_list_running(each) for each in (one, other)]


@pytest.mark.parametrize(("rung", "silent"), [("first", "second"), ("second", "first")])
def test_each_hears_its_own_bell(shared_url: str, rung: str, silent: str) -> None:
    """Both are the first worker of their installation, and are told what is enqueued there and nothing else."""
    with _opened(shared_url, rung) as one, _opened(shared_url, silent) as other:
        leases = [WorkerLease(each) for each in (one, other)]
        names = [each.acquire() for each in leases]
        bell = Bell(one)
        bell.ring()
        has_heard = _has_news(leases[0], within=LONG_SECONDS)
        bell.close()
        other_has_heard = _has_news(leases[1], within=0.1)
        held = [each.is_held() for each in leases]
        for lease in leases:
            lease.release()

    assert ["worker-0", "worker-0"] == names
    assert ([True, True], True, False) == (held, has_heard, other_has_heard)


def _has_news(lease: WorkerLease, *, within: float) -> bool:
    listening = select.poll()
    for each in lease.list_sockets():
        listening.register(each, select.POLLIN)
    return bool(listening.poll(within * 1000))


def _list_locks(url: str) -> set[tuple[int, int]]:
    """Return the locks that are held in a database, each as its two numbers."""
    with beside(url) as connection:
        number = connection.execute(sa.text("SELECT oid FROM pg_database WHERE datname = current_database()")).scalar()
        rows = connection.execute(sa.text(LOCKS), {"database": number})
        return {(row.classid, row.objid) for row in rows}


def _is_migrated(database: Database) -> bool:
    with database.reads.connect() as connection:
        return is_migrated(connection)


def _list_running(database: Database) -> list[str]:
    with database.reads.connect() as connection:
        return [uuid for uuid, _ in list_running(connection, after="", limit=9)]


@contextmanager
def _opened(url: str, schema: str) -> Iterator[Database]:
    database = Database(url, schema=schema)
    yield database
    database.close()
