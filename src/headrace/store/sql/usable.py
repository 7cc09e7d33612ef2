"""Whether a database can be used, looked at before anything starts; and what to do about it in a line, if not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from headrace.errors import ConfigurationError
from headrace.store.sql.database import Database, list_patience
from headrace.store.sql.migrate import is_migrated, require_ours
from headrace.store.sql.outage import DATABASE_ERRORS, is_forbidden, is_outage, read_said
from headrace.store.sql.pool import BoundedPool, answering
from headrace.store.sql.schemas import list_missing

# Each look is at two clients of one server: in turn, and not always in the same turn, so that no pooler that gives
# each the next of its connections shows both the same picture every time.
TURNS = (0, 1, 1, 0, 0, 1, 0, 1, 1, 0)
# Whoever starts a service, or looks what is wrong with it, waits no longer for one answer.
ANSWERS_WITHIN_SECONDS = 10.0
POOLED = (
    "it leads to a pooler that gives every transaction another session, such as PgBouncer in transaction "
    "mode; workers tell each other apart by sessions. Set it to the database's own address, or to a pool in session "
    "mode."
)
FOLLOWER = "it leads to a follower, which takes no writes; set it to the address of the one that it follows."
READ_ONLY = (
    "the database takes no writes (its sessions begin read-only); see whether it is over its plan's "
    "size, and what `SHOW default_transaction_read_only` says."
)


def require_usable(database: Database) -> None:
    """Connect, and look for what would only show later: what takes no writes, shares sessions out, or is another's.

    Raises:
        ConfigurationError: it cannot be used; the text says what to do.
    """
    with explained(database):
        if problem := find_misfit(database):
            raise ConfigurationError([problem])
        with answering(database.engine, within=ANSWERS_WITHIN_SECONDS), database.reads.connect() as connection:
            require_ours(database, connection)
            if not database.is_sqlite and not is_migrated(connection):
                list_missing(connection, database.place)


def find_misfit(database: Database, *, within: float = ANSWERS_WITHIN_SECONDS) -> str | None:
    """Say what kind of database it is, where that is none to work with; nothing, where it is one.

    Raises:
        SQLAlchemyError: it does not answer, or not within so many seconds.
    """
    if database.is_sqlite:
        with database.reads.connect():
            return None
    # A pooler mixes up what the driver prepares.
    engine = sa.create_engine(
        database.engine.url,
        poolclass=BoundedPool,
        most=2,
        isolation_level="AUTOCOMMIT",
        connect_args={"prepare_threshold": None, **list_patience(database.engine.url)},
    )
    try:
        with answering(engine, within=within), engine.connect() as first, engine.connect() as second:
            misfit = _find_misfit(first, second)
            return misfit and f"{database.setting}: {misfit}"
    finally:
        engine.dispose()


def _find_misfit(first: sa.Connection, second: sa.Connection) -> str | None:
    if first.execute(sa.text("SELECT pg_is_in_recovery()")).scalar_one():
        return FOLLOWER
    if first.execute(sa.text("SELECT current_setting('transaction_read_only')")).scalar_one() == "on":
        return READ_ONLY
    return POOLED if _is_pooled(first, second) else None


def _is_pooled(first: sa.Connection, second: sa.Connection) -> bool:
    """Whether two clients, both connected, meet the same session, or one of them two: a server has one for each.

    Every statement of these connections is a transaction of its own. None is ever held open, for which a pool of one
    connection would let the other wait.
    """
    met = [{client.execute(sa.select(sa.func.pg_backend_pid())).scalar_one()} for client in (first, second)]
    for turn in TURNS:
        met[turn].add((first, second)[turn].execute(sa.select(sa.func.pg_backend_pid())).scalar_one())
    return any(len(sessions) > 1 for sessions in met) or met[0] == met[1]


@contextmanager
def explained(database: Database) -> Iterator[None]:
    """Turn an outage into a line that says what to do.

    Raises:
        ConfigurationError: the database cannot be used.
    """
    try:
        yield
    except DATABASE_ERRORS as error:
        if not is_outage(error) and not is_forbidden(error):
            raise
        raise ConfigurationError([explain(database, error)]) from None


def explain(database: Database, error: BaseException) -> str:
    """Say in one line why a database cannot be used, and what to do."""
    return f"{database.setting}: {_explain(database, error)}"


def _explain(database: Database, error: BaseException) -> str:
    said = read_said(error)
    if is_forbidden(error):
        return f"its role may not do what headrace does ({said}); grant it that, or name the owner of the tables."
    if not database.is_sqlite:
        return f"PostgreSQL cannot be used ({said}); {_advise(said)}"
    path = Path(database.engine.url.database or "")
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}; make it, or name a file in another one."
    what = f"{path} cannot be used ({said})"
    return f"{what}; see that it is a file of SQLite's, that it may be written and that there is room."


def _advise(said: str) -> str:
    """What a server says of connections that are used up has no code of its own, only words, in its own language."""
    if "too many" in said or "connection slots" in said:
        return (
            "others have all of its connections: end some of them, lower HEADRACE_DATABASE_CONNECTIONS, or take a "
            "larger plan."
        )
    if "not answered" in said:
        return "look whether it waits for a lock (`pg_stat_activity`), and what stands between it and this machine."
    return "see that it runs, that it has connections left, and that host, user, password and database are right."
