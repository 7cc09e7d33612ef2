"""What is kept of requests with Heroku has bounds: of one resource, of checks, in all, and of its age."""

from datetime import UTC, datetime, timedelta

from headrace.protocol.kept_requests import Direction, KeptRequest
from headrace.store.sql.database import Database
from headrace.store.state.kept_requests import (
    CHECK,
    Wanted,
    forget_requests,
    list_excess_requests,
    list_requests,
    save_requests,
)

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
ONE, TWO = "11111111-89ab-cdef-0123-456789abcdef", "22222222-89ab-cdef-0123-456789abcdef"


def make(number: int, *, uuid: str | None = ONE, purpose: str = "provision") -> KeptRequest:
    return KeptRequest(
        direction=Direction.FROM_HEROKU,
        purpose=purpose,
        at=NOON + timedelta(minutes=number),
        method="POST",
        path=f"/{number}",
        status=202,
        ms=1,
        request_id="",
        resource_uuid=uuid,
        workflow=None,
        step=None,
        asked="",
        answered="",
    )


def forget(database: Database, rows: list[KeptRequest], *, since: int = 0, **most: int) -> list[str]:
    """Keep rows, forget what is too much of them or older than a row, and return the paths that are left."""
    with database.transaction() as connection:
        save_requests(connection, rows)
        ids = list_excess_requests(connection, before=NOON + timedelta(minutes=since), limit=100, **most)
        forget_requests(connection, ids)
        return [row.path for row in list_requests(connection, Wanted(), limit=100)]


def test_the_latest_of_a_resource_stay(database: Database) -> None:
    """Others' are counted by themselves, and so are those that are nobody's."""
    rows = [make(number, uuid=uuid) for number, uuid in enumerate((ONE, ONE, TWO, ONE, None, None, None))]

    assert ["/6", "/5", "/3", "/2", "/1"] == forget(database, rows, of_one=2)


def test_the_latest_of_all_stay(database: Database) -> None:
    """Whosever they are."""
    assert ["/4", "/3"] == forget(
        database, [make(number, uuid=f"{number:08}{ONE[8:]}") for number in range(5)], in_all=2
    )


def test_checks_push_out_no_orders(database: Database) -> None:
    """In an outage there are many of them; what belongs to orders stays."""
    rows = [make(number, purpose=CHECK if number else "provision") for number in range(5)]

    assert ["/4", "/0"] == forget(database, rows, of_checks=1)


def test_what_is_old_goes(database: Database) -> None:
    """From a moment on."""
    assert ["/4", "/3"] == forget(database, [make(number) for number in range(5)], since=3)
