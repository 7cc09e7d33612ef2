"""A service that is moved: the same Heroku and the same address, with another database behind it each time."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from headrace.copying.installation import Copied, copy_installation
from headrace.emulator import Emulator, load_world
from headrace.emulator import run as run_emulator
from headrace.process.ports import bind
from headrace.store.sql.database import Database
from headrace.store.sql.tables import METADATA
from headrace.store.sql.tables.counted import pulse
from pair import Acme, Pair, serve_pair, write_world


@dataclass
class Home:
    """A Heroku, and the socket on which it finds the add-on, whatever database is behind it."""

    heroku: Emulator
    bound: socket.socket
    acme: Acme = field(default_factory=Acme)

    @asynccontextmanager
    async def serve(self, url: str, **options: Any) -> AsyncIterator[Pair]:
        # Serving closes its socket.
        with self.bound.dup() as bound:
            async with serve_pair(self.heroku, bound, url, acme=self.acme, **options) as pair:
                yield pair


@asynccontextmanager
async def make_home(**options: Any) -> AsyncIterator[Home]:
    with bind("127.0.0.1", 0) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        world = load_world(write_world(url, base_path="/heroku/resources", sso_path="/sso/login"))
        async with run_emulator(world, **options) as heroku:
            yield Home(heroku, bound)


@contextmanager
def opened(url: str, setting: str = "DATABASE_URL") -> Iterator[Database]:
    database = Database(url, setting=setting)
    yield database
    database.close()


def copy(source: str, target: str, **options: Any) -> Copied:
    with opened(source, "FROM") as old, opened(target, "TO") as new:
        return copy_installation(old, new, **options)


def let_time_pass(url: str) -> None:
    """Make it a minute since any process wrote that it lives."""
    minute = timedelta(minutes=1)
    with opened(url) as database, database.transaction() as connection:
        for row in connection.execute(sa.select(pulse)).all():
            mine = pulse.c.process_id == row.process_id
            connection.execute(sa.update(pulse).where(mine).values(at=row.at - minute))


def read_rows(url: str) -> dict[str, list[str]]:
    """Return what every table of ours holds, as text and in one order."""
    with opened(url) as database, database.reads.connect() as connection:
        return {
            table.name: sorted(str(tuple(row)) for row in connection.execute(sa.select(table)))
            for table in METADATA.sorted_tables
        }
