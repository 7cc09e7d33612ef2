"""Queries about the tokens of programs and operators: what each is called, what it may, and whether it was revoked.

A token has 256 random bits, so its digest is enough to know it by: nobody can try so many (see docs/decisions.md).
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from secrets import token_urlsafe
from typing import Any

import sqlalchemy as sa

from headrace.errors import MisuseError, NothingToDo
from headrace.models import Secret
from headrace.protocol.wire import find_flaw
from headrace.store.sql.tables.schema import api_token
from headrace.store.sql.upsert import insert_new

# So that whoever finds one, in a log or in a repository, knows what it opens.
PREFIX = "headrace_"
LONGEST_NAME = 60
# Timelines say these of orders that no token gave.
TAKEN = frozenset({"code", "command", "environment", "headrace", "import", "operator", "worker"})


class Scope(StrEnum):
    """What a token may; one scope holds no other."""

    READ = "read"
    # Import, and order config vars and credentials.
    WRITE = "write"
    # Log in to the operators' pages, retry, abandon, settle.
    OPERATE = "operate"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiTokenRow:
    """A token, which is good while `revoked_at` is None; the token itself is stored nowhere."""

    id: int
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    revoked_at: datetime | None


def add_api_token(connection: sa.Connection, name: str, scopes: Collection[Scope], *, now: datetime) -> Secret:
    """Make a token, and return it: this once.

    Raises:
        MisuseError: that is no name, or the name is taken, or there is no scope.
    """
    if problem := _find_problem(name, scopes):
        raise MisuseError(problem)
    token = Secret(f"{PREFIX}{token_urlsafe(32)}")
    row = {"name": name, "scopes": sorted(scopes), "digest": _digest(token.reveal()), "created_at": now}
    if insert_new(connection, api_token, row) is None:
        raise MisuseError(f"There is a token {name} already. Revoke it first, or give another name.")
    return token


def list_api_tokens(connection: sa.Connection) -> list[ApiTokenRow]:
    """Return the tokens in the order in which they were made, those that were revoked too."""
    return [_read(row) for row in connection.execute(_select().order_by(api_token.c.id))]


def find_api_token(connection: sa.Connection, token: str) -> ApiTokenRow | None:
    """Return what a token is, unless it was revoked or is none."""
    query = _select().where(api_token.c.digest == _digest(token), api_token.c.revoked_at.is_(None))
    row = connection.execute(query).one_or_none()
    return None if row is None else _read(row)


def is_api_token_good(connection: sa.Connection, id_: int) -> bool:
    """Whether there is a token of this id that was not revoked."""
    query = sa.select(sa.exists().where(api_token.c.id == id_, api_token.c.revoked_at.is_(None)))
    return bool(connection.execute(query).scalar_one())


def revoke_api_token(connection: sa.Connection, name: str, *, now: datetime) -> None:
    """Let a token open nothing from now on; its name may then be given again.

    Raises:
        NothingToDo: no token that is good has this name.
    """
    query = sa.update(api_token).where(api_token.c.name == name, api_token.c.revoked_at.is_(None))
    if connection.execute(query.values(revoked_at=now)).rowcount == 0:
        raise NothingToDo(f"There is no token {name}, or it was revoked already; `headrace tokens list` shows them.")


def _find_problem(name: str, scopes: Collection[Scope]) -> str:
    is_name = 0 < len(name) <= LONGEST_NAME and name == name.strip() and name.isprintable() and not find_flaw(name)
    if not is_name:
        return f"A token's name has 1 to {LONGEST_NAME} characters, and no blanks at its ends."
    if name in TAKEN:
        return f"Timelines say {name} of something else: give another name, such as a person's or a program's."
    return "" if scopes else f"Say what the token may: {', '.join(Scope)}."


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _select() -> sa.Select[Any]:
    return sa.select(*(api_token.c[name] for name in ApiTokenRow.__slots__))


def _read(row: sa.Row[Any]) -> ApiTokenRow:
    # A later release may know scopes that this one does not.
    scopes = tuple(Scope(each) for each in row.scopes if each in list(Scope))
    return ApiTokenRow(**{**row._mapping, "scopes": scopes})  # noqa: SLF001
