"""The address of a database, as Heroku and others write it: read in one way, or refused with what to write instead.

Drivers differ over what the standard leaves open: a `+` is a space to one and a plus to the other, and an `@` or a `/`
in a password ends it for one of them. Nobody should find that out from a connection that is refused.
"""

import re
import ssl
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import sqlalchemy as sa

from headrace.errors import ConfigurationError

POSTGRES = "postgresql+psycopg"
SQLITE = "sqlite:///"
# To be written as a percent sign and two digits wherever it stands in a user's name or a password.
SPELLED = {"%": "%25", "/": "%2F", "?": "%3F", "@": "%40"}
HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
# Where headrace's tables stand in a PostgreSQL, unless a setting says otherwise.
DATABASE_SCHEMA = "headrace"
# The engine's schema has a longer name, and the channel on which workers are told has too; PostgreSQL has 63 letters.
SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,39}")
# Of PostgreSQL's own, of everybody's, or of the workflow engine's.
TAKEN = re.compile(r"pg_.*|information_schema|public|dbos|.*_engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where resources are kept, the setting that says so, and the schema for them where it is a PostgreSQL."""

    url: str = field(repr=False)
    setting: str
    schema: str

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")


def read_schema(text: str) -> str:
    """Return the name of a schema.

    Raises:
        ConfigurationError: it is none that needs no quotes, or one that has another use.
    """
    if not SCHEMA.fullmatch(text):
        raise ConfigurationError([f"{text[:60]} is no name of small letters, digits and _, of 40 at the most."])
    if TAKEN.fullmatch(text):
        raise ConfigurationError([f"{text} has another use; take a name of headrace's own, such as {DATABASE_SCHEMA}."])
    return text


def read_database_url(text: str) -> str:
    """Return the address for SQLAlchemy, with its driver.

    Raises:
        ConfigurationError: it cannot be read, or not in one way; no text of it is repeated that may be a password.
    """
    scheme, _, rest = text.partition("://")
    if text.startswith(SQLITE):
        return text
    if scheme not in ("postgres", "postgresql", POSTGRES) or not rest:
        raise ConfigurationError(["must begin with sqlite:/// or postgres://."])
    before, query = _part_query(rest)
    _require_spelled(before)
    options = _read_options(query)
    try:
        url = sa.make_url(f"{POSTGRES}://{before}")
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigurationError(["is no address; write postgres://USER:PASSWORD@HOST:PORT/NAME."]) from None
    return url.update_query_pairs(options).render_as_string(hide_password=False)


def _part_query(rest: str) -> tuple[str, str]:
    """Part an address from its options; a `?` that stands in a password parts nothing, and is complained of there."""
    head, _, tail = rest.partition("?")
    is_in_password = "@" in tail and not ("@" in head or "/" in head)
    return (rest, "") if is_in_password else (head, tail)


def _require_spelled(before: str) -> None:
    """Refuse a name and a password with a letter that has a meaning of its own there."""
    person, at, _ = before.rpartition("@")
    if not at:
        return
    user, _, password = person.partition(":")
    wrong = sorted({letter for part in (user, password) for letter in part if letter in SPELLED and letter != "%"})
    if not all(_is_escape(part, place) for part in (user, password) for place in _find_all(part, "%")):
        wrong.append("%")
    if wrong:
        spelled = ", ".join(f"{SPELLED[letter]} for {letter}" for letter in wrong)
        raise ConfigurationError([f"its user or password has a letter that means something there; write {spelled}."])


def _find_all(text: str, letter: str) -> list[int]:
    return [place for place, each in enumerate(text) if each == letter]


def _is_escape(text: str, place: int) -> bool:
    digits = text[place + 1 : place + 3]
    return len(digits) == 2 and HEXADECIMAL.issuperset(digits)


def _read_options(query: str) -> list[tuple[str, str]]:
    """Return what stands behind the `?`, each an option of libpq's."""
    if not query:
        return []
    if "+" in query:
        raise ConfigurationError(["has a + behind its ?, which some read as a space; write %20 for one, %2B for a +."])
    options = parse_qsl(query, keep_blank_values=True)
    if unknown := sorted({name for name, _ in options} - _list_known_options()):
        # Behind an `@` it may all be a password.
        named = "something" if "@" in query else " and ".join(f"`{name}`" for name in unknown)
        raise ConfigurationError([f"has {named} behind its ?, which PostgreSQL does not know; take it away."])
    return _name_authorities(options)


def _list_known_options() -> set[str]:
    from psycopg import pq

    return {option.keyword.decode() for option in pq.Conninfo.get_defaults()}


def _name_authorities(options: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Name the system's authorities by their file: psycopg's own OpenSSL looks for them where no system has them.

    With them libpq asks for the certificate of that very host, whatever `sslmode` says.
    """
    if ("sslrootcert", "system") not in options:
        return options
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None:
        raise ConfigurationError(["has sslrootcert=system, and this system has no file of them; name a file there."])
    others = [(name, value) for name, value in options if name not in ("sslrootcert", "sslmode")]
    return [*others, ("sslmode", "verify-full"), ("sslrootcert", paths.cafile)]
