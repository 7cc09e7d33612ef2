"""A whole installation from one database to another: what has to hold, the copy, and the comparison, all or nothing.

Everything happens in one transaction of the new database, so a copy that is killed leaves it without a row. The old one
is only read, and held meanwhile so that nobody else writes to it. Work under way comes along: rows of ours and of the
engine's are of one moment, and what a worker had begun there waits in its queue here, as after a crash.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from headrace.copying.tables import (
    Content,
    copy_rows,
    count_rows,
    list_tables,
    read_content,
    set_counters,
    spell_table,
)
from headrace.errors import ConfigurationError
from headrace.running import prepare
from headrace.store.reports.vitals import ALIVE_FOR
from headrace.store.sql.database import Database, let_idle
from headrace.store.sql.migrate import find_newer, is_migrated
from headrace.store.sql.outage import is_forbidden, is_outage, read_said
from headrace.store.sql.tables import METADATA
from headrace.store.sql.tables.schema import change_count
from headrace.store.sql.usable import explained, require_usable
from headrace.store.state.pulses import list_pulses, read_database_clock
from headrace.workflows.engine import ledger

# How long others who hold a table of a PostgreSQL are waited for.
LOCK_TIMEOUT = "10s"
# What PostgreSQL calls it when somebody else would not let go of a table.
HELD = "55P03"

# How many rows have been copied, of how many.
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """How many rows of how many tables came along, and how many workflows that were under way."""

    tables: int
    rows: int
    under_way: int


def copy_installation(
    source: Database, target: Database, tell: Tell = lambda _done, _total: None, *, metadata: sa.MetaData = METADATA
) -> Copied:
    """Copy every row of every table, ours and the engine's, and compare what was read with what is there afterwards.

    The `setting` of each database is what it is called in errors. `metadata` has our tables.

    Raises:
        ConfigurationError: nothing was copied; the text says why, and what to do.
    """
    if source.url == target.url:
        raise ConfigurationError([f"{source.setting} and {target.setting} are one database; name another one."])
    _require_copyable(source)
    if newer := prepare(target):
        raise ConfigurationError([f"{target.setting}: {newer}."])
    with explained(source), _held_to_read(source, metadata) as old, explained(target), _refused(source, target):
        _require_unserved(source, old)
        with _held_to_write(target, metadata) as new:
            tables = list_tables(old, new, metadata)
            _require_empty(target, new, tables)
            return _copy(old, new, tables, tell)


def _copy(old: sa.Connection, new: sa.Connection, tables: list[sa.Table], tell: Tell) -> Copied:
    total, done = sum(count_rows(old, table) for table in tables), 0

    def tell_more(count: int) -> None:
        nonlocal done
        done += count
        tell(done, total)

    for table in reversed(tables):
        new.execute(sa.delete(table))
    for table in tables:
        read = copy_rows(old, new, table, tell_more)
        _require_same(table, read, read_content(new, table))
        set_counters(new, table)
    return Copied(tables=len(tables), rows=done, under_way=_put_back(new))


def _require_same(table: sa.Table, read: Content, found: Content) -> None:
    if read != found:
        counts = f"{read.count:,} rows were read and {found.count:,} are there"
        raise ConfigurationError([f"nothing was copied: the table {table.name} came out different ({counts})."])


def _put_back(new: sa.Connection) -> int:
    """Have what some worker had begun wait in its queue; return how much is not done, waiting or begun."""
    rows = ledger.workflow_status
    new.execute(sa.update(rows).where(rows.c.status == "PENDING").values(ledger.PUT_BACK))
    unfinished = sa.select(sa.func.count()).select_from(rows).where(rows.c.status.in_(ledger.UNFINISHED))
    return new.execute(unfinished).scalar_one()


def _require_copyable(source: Database) -> None:
    """See that there is an installation of this release."""
    if source.is_sqlite and not Path(source.engine.url.database or "").is_file():
        raise ConfigurationError([f"{source.setting}: there is no file {source.engine.url.database}."])
    require_usable(source)
    with explained(source), source.reads.connect() as connection:
        if newer := find_newer(connection):
            raise ConfigurationError([f"{source.setting}: {newer}."])
        if not is_migrated(connection) or not ledger.is_prepared(connection):
            raise ConfigurationError(
                [f"{source.setting}: the database is not up to date; run `headrace migrate` with it in DATABASE_URL."]
            )


def _require_unserved(source: Database, old: sa.Connection) -> None:
    now = read_database_clock(old)
    alive = [pulse for pulse in list_pulses(old) if now - pulse.at < ALIVE_FOR]
    if not alive:
        return
    process = "worker" if alive[0].is_worker else "web process"
    ago = max((now - alive[0].at).total_seconds(), 0.0)
    what = f"{source.setting} is served: a {process} wrote to it {ago:.0f} s ago"
    counts = f"a process counts as living for {ALIVE_FOR.total_seconds():.0f} s after it last wrote"
    raise ConfigurationError([f"{what}. Stop web and worker, and copy then; {counts}."])


def _require_empty(target: Database, new: sa.Connection, tables: list[sa.Table]) -> None:
    """See that there is nothing but what a migration writes: how many changes were counted, none."""
    full = []
    for table in tables:
        some = sa.select(sa.literal(1)).select_from(table).limit(1)
        if table.name == change_count.name:
            some = some.where(table.c.last > 0)
        if new.execute(some).first() is not None:
            full.append(table.name)
    if full:
        named = ", ".join(full[:3]) + (", …" if len(full) > 3 else "")
        schemas = "a file that is not there yet" if target.is_sqlite else f"or drop the schemas {_name_schemas(target)}"
        raise ConfigurationError(
            [f"{target.setting} is in use already (rows in {named}); name an empty database, {schemas}."]
        )


def _name_schemas(target: Database) -> str:
    return f"{target.place.tables} and {target.place.engine}"


@contextmanager
def _held_to_read(source: Database, metadata: sa.MetaData) -> Iterator[sa.Connection]:
    """Open a transaction that sees one moment, and in which nobody else writes."""
    with source.transaction() as connection:
        if not source.is_sqlite:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            _lock(source, connection, metadata, mode="SHARE")
        yield connection


@contextmanager
def _held_to_write(target: Database, metadata: sa.MetaData) -> Iterator[sa.Connection]:
    """Open a transaction in which nobody else writes, another copy neither."""
    with target.transaction() as connection:
        if not target.is_sqlite:
            _lock(target, connection, metadata, mode="EXCLUSIVE")
        yield connection


def _lock(database: Database, connection: sa.Connection, metadata: sa.MetaData, *, mode: str) -> None:
    tables = [*metadata.sorted_tables, ledger.workflow_status]
    names = ", ".join(spell_table(connection, table) for table in tables)
    # While one of the two works, the other is idle.
    let_idle(connection)
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    try:
        connection.exec_driver_sql(f"LOCK TABLE {names} IN {mode} MODE")
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != HELD:
            raise
        what = f"{database.setting}: somebody has held a table for {LOCK_TIMEOUT}"
        raise ConfigurationError([f"{what}; see that no process of the service and no other copy runs."]) from None


@contextmanager
def _refused(source: Database, target: Database) -> Iterator[None]:
    """Say in a line what the new database does not take: SQLite holds no length of a text, and a NUL."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if is_outage(error) or is_forbidden(error):
            raise
        what = f"{target.setting} does not take a row of {source.setting}"
        raise ConfigurationError([f"nothing was copied: {what} ({read_said(error)})."]) from None
