"""What was used once is known for longer than it is good for, by whatever clock."""

from datetime import timedelta

from headrace.store.sql.database import Database
from headrace.store.state.people.logins import (
    add_ended_session,
    claim_login,
    forget_old_logins,
    has_old_logins,
    is_session_ended,
)
from store.making import HOUR, NOON

SIX_MINUTES = timedelta(minutes=6)
AHEAD = timedelta(days=2)


def test_a_used_form_is_known_for_an_hour_longer_than_it_is_good(database: Database) -> None:
    """And then it is forgotten, once others have come."""
    with database.transaction() as connection:
        claim_login(connection, ["used"], expires_at=NOON + SIX_MINUTES)
        claim_login(connection, ["later"], expires_at=NOON + 3 * HOUR)
        forget_old_logins(connection, now=NOON + SIX_MINUTES + HOUR, attempts_before=NOON)
        known = not claim_login(connection, ["used"], expires_at=NOON + SIX_MINUTES)
        forget_old_logins(connection, now=NOON + SIX_MINUTES + HOUR + timedelta(seconds=1), attempts_before=NOON)
        forgotten = claim_login(connection, ["used"], expires_at=NOON + SIX_MINUTES)

        assert (True, True) == (known, forgotten)


def test_a_worker_whose_clock_is_ahead_makes_no_used_form_new(database: Database) -> None:
    """By Heroku's own moments no form that is still good is older than an hour, whatever the worker's clock says."""
    with database.transaction() as connection:
        claim_login(connection, ["used"], expires_at=NOON + SIX_MINUTES)
        claim_login(connection, ["of the same hour"], expires_at=NOON + SIX_MINUTES + HOUR)
        forget_old_logins(connection, now=NOON + AHEAD, attempts_before=NOON)

        assert not claim_login(connection, ["used"], expires_at=NOON + SIX_MINUTES)


def test_a_worker_whose_clock_is_ahead_revives_no_session(database: Database) -> None:
    """What was ended stays ended for as long as its cookie is good."""
    with database.transaction() as connection:
        add_ended_session(connection, "ended", forgotten_at=NOON + HOUR)
        forget_old_logins(connection, now=NOON + AHEAD, attempts_before=NOON)

        assert is_session_ended(connection, "ended")


def test_nobody_goes_to_forget_where_nothing_is_old(database: Database) -> None:
    """The latest stays, however old it is: an idle service asks once for that, and deletes nothing."""
    with database.transaction() as connection:
        claim_login(connection, ["used"], expires_at=NOON)
        claim_login(connection, ["later"], expires_at=NOON + 3 * HOUR)
        seen = [has_old_logins(connection, now=NOON + at, attempts_before=NOON) for at in (HOUR, AHEAD)]
        forget_old_logins(connection, now=NOON + AHEAD, attempts_before=NOON)
        seen.append(has_old_logins(connection, now=NOON + AHEAD, attempts_before=NOON))

    assert [False, True, False] == seen
