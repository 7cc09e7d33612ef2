"""Tokens of programs and operators: known by a digest, good until they are revoked, one of a name at a time."""

import pytest
import sqlalchemy as sa

from headrace.errors import MisuseError, NothingToDo
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import api_token
from headrace.store.state.people.api_tokens import (
    Scope,
    add_api_token,
    find_api_token,
    is_api_token_good,
    list_api_tokens,
    revoke_api_token,
)
from store.making import HOUR, NOON


def test_a_token_is_known_by_itself_and_stored_nowhere(database: Database) -> None:
    """What a dump of the database has opens nothing."""
    with database.transaction() as connection:
        token = add_api_token(connection, "grace", {Scope.WRITE, Scope.READ}, now=NOON)
        found = find_api_token(connection, token.reveal())
        stored = connection.execute(sa.select(api_token)).one()

    assert found is not None
    assert ("grace", (Scope.READ, Scope.WRITE)) == (found.name, found.scopes)
    assert token.reveal() not in str(stored)
    assert token.reveal() not in repr(token)


@pytest.mark.parametrize("other", ["", "headrace_", "é", "\0", "\udc80"])
def test_what_is_no_token_is_nobodys(database: Database, other: str) -> None:
    """Whatever text it is; one letter more or less is another one."""
    with database.transaction() as connection:
        token = add_api_token(connection, "grace", {Scope.READ}, now=NOON).reveal()
        found = [find_api_token(connection, text) for text in (other, token + other[:1] + "x", token[:-1])]

    assert [None] * 3 == found


def test_a_revoked_token_is_good_for_nothing_and_its_name_is_free(database: Database) -> None:
    """The next one of this name is another token; both are listed."""
    with database.transaction() as connection:
        old = add_api_token(connection, "deploy", {Scope.READ}, now=NOON)
        row = find_api_token(connection, old.reveal())
        assert row is not None
        was_good = is_api_token_good(connection, row.id)
        revoke_api_token(connection, "deploy", now=NOON + HOUR)
        new = add_api_token(connection, "deploy", {Scope.READ}, now=NOON + HOUR)

        assert (True, False) == (was_good, is_api_token_good(connection, row.id))
        assert find_api_token(connection, old.reveal()) is None
        assert find_api_token(connection, new.reveal()) is not None
        assert [NOON + HOUR, None] == [each.revoked_at for each in list_api_tokens(connection)]


def test_a_name_has_one_token_at_a_time(database: Database) -> None:
    """So that a timeline's name is one person's or program's."""
    with database.transaction() as connection:
        add_api_token(connection, "grace", {Scope.READ}, now=NOON)
        with pytest.raises(MisuseError, match="There is a token grace already"):
            add_api_token(connection, "grace", {Scope.READ}, now=NOON)


@pytest.mark.parametrize("name", ["", " ", " grace", "x" * 61, "gra\nce", "\0", "operator", "environment", "command"])
def test_a_name_that_says_nothing_or_something_else_is_refused(database: Database, name: str) -> None:
    """Timelines say `operator`, `environment` and the like of orders that no token gave."""
    with database.transaction() as connection, pytest.raises(MisuseError):
        add_api_token(connection, name, {Scope.READ}, now=NOON)


def test_a_token_may_something(database: Database) -> None:
    """One without a scope would open nothing."""
    with database.transaction() as connection, pytest.raises(MisuseError, match="read, write, operate"):
        add_api_token(connection, "grace", (), now=NOON)


def test_revoking_what_is_not_there_is_said(database: Database) -> None:
    """A slip of the pen would leave the token good that was meant."""
    with database.transaction() as connection, pytest.raises(NothingToDo, match="no token grce"):
        revoke_api_token(connection, "grce", now=NOON)
