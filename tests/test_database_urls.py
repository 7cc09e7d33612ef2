"""Addresses of databases: what is read, and what is refused in a line that says what to write and shows no password."""

import ssl

import pytest
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict

from headrace.database_urls import read_database_url
from headrace.errors import ConfigurationError
from headrace.settings import read_settings
from settings.test_settings import GOOD

SPELLED = "its user or password has a letter that means something there; write "


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("postgres://u:p@h:5432/d", "postgresql+psycopg://u:p@h:5432/d"),
        ("postgresql://u:p@h/d?sslmode=require", "postgresql+psycopg://u:p@h/d?sslmode=require"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgres://h", "postgresql+psycopg://h"),
        ("postgres://u:@/d?host=/tmp/of@mine", "postgresql+psycopg://u:@/d?host=%2Ftmp%2Fof%40mine"),
        ("postgres://u:a%2Fb%25c%40d%3Fe@h/d", "postgresql+psycopg://u:a%2Fb%25c%40d%3Fe@h/d"),
        ("sqlite:///headrace.db", "sqlite:///headrace.db"),
    ],
)
def test_an_address_is_read_for_the_driver(given: str, read: str) -> None:
    """Heroku's own begins with postgres://, which names no driver."""
    assert read == read_database_url(given)
    assert read == read_settings({**GOOD, "DATABASE_URL": given}).database.url


@pytest.mark.parametrize("given", ["postgres://u:a%2Fb%25c%40d:e+f@h:1/d?options=-c%20x%3D1&application_name=a%2Bb"])
def test_what_is_read_is_what_libpq_reads(given: str) -> None:
    """Each part of it, the password with its letters too."""
    url = sa.make_url(read_database_url(given))
    libpq = conninfo_to_dict(given)

    assert (libpq["user"], libpq["password"], libpq["host"]) == (url.username, url.password, url.host)
    assert (libpq["port"], libpq["dbname"]) == (str(url.port), url.database)
    assert (libpq["options"], libpq["application_name"]) == (url.query["options"], url.query["application_name"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mysql://u:plan@h/d", "must begin with sqlite:/// or postgres://."),
        ("postgresql+psycopg2://u:plan@h/d", "must begin with sqlite:/// or postgres://."),
        ("postgres:/u:plan@h/d", "must begin with sqlite:/// or postgres://."),
        ('"postgres://u:plan@h/d"', "must begin with sqlite:/// or postgres://."),
        ("postgres://u:plan@h:port/d", "is no address; write postgres://USER:PASSWORD@HOST:PORT/NAME."),
        ("postgres://u:plan/ted@h/d", f"{SPELLED}%2F for /."),
        ("postgres://u:plan@ted@h/d", f"{SPELLED}%40 for @."),
        ("postgres://u:plan?ted@h/d", f"{SPELLED}%3F for ?."),
        ("postgres://u:plan%ted@h/d", f"{SPELLED}%25 for %."),
        ("postgres://u:plan%@h/d", f"{SPELLED}%25 for %."),
        ("postgres://u:plan/t%@h/d", f"{SPELLED}%2F for /, %25 for %."),
        ("postgres://u:plan@h/d?options=-c+x", "has a + behind its ?, which some read as a space; write %20 for one"),
        ("postgres://u:plan@h/d?prepared_statements=false", "has `prepared_statements` behind its ?, which PostgreSQL"),
        ("postgres://u:plan@h/d?pool=5&connection_limit=1", "has `connection_limit` and `pool` behind its ?, which"),
        ("postgres://u:plan@ted?plan=ted@h/d", "has something behind its ?, which PostgreSQL does not know"),
    ],
)
def test_an_address_that_is_read_in_several_ways_is_refused(given: str, said: str) -> None:
    """In one line, with what to write instead, and without the password or a part of it."""
    with pytest.raises(ConfigurationError) as refused:
        read_settings({**GOOD, "DATABASE_URL": given})
    (problem,) = refused.value.problems

    assert problem.startswith(f"DATABASE_URL: {said}")
    assert "plan" not in problem.replace("plan's", "")
    assert "ted@" not in problem


def test_the_systems_authorities_are_named_by_their_file() -> None:
    """With psycopg's own OpenSSL `system` finds none; as with it, the certificate has to be that host's."""
    url = sa.make_url(read_database_url("postgres://u:p@h/d?sslmode=require&sslrootcert=system"))

    assert {"sslmode": "verify-full", "sslrootcert": ssl.get_default_verify_paths().cafile} == url.query
