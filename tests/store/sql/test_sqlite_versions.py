"""A Python starts with whatever SQLite it carries, or says in a line which one is needed."""

import sqlite3
from pathlib import Path

import pytest

from cli.running import WHOLE_ACME, build_environment, run_script
from headrace.errors import ConfigurationError
from headrace.store.sql.sqlite_versions import OLDEST, WITH_FRACTIONS, require_sqlite, supply_fractions
from settings.test_settings import GOOD

# A Python that carries 3.34.1, as that of a distribution of 2021 does.
WITH_OLD_SQLITE = """
import sqlite3, sys
sqlite3.sqlite_version_info = (3, 34, 1)
from headrace.cli.main import main
main()
"""
NEEDED = "SQLite 3.35.0 or newer is needed, and this Python has 3.34.1; use another Python, or PostgreSQL."


@pytest.mark.parametrize("found", [(3, 35, 2), (3, 40, 1), (3, 41, 99)])
def test_the_engine_s_moments_are_had_from_a_sqlite_without_fractions(found: tuple[int, ...]) -> None:
    """The columns' default is NULL otherwise, or unknown, and the first workflow cannot be written."""
    connection = sqlite3.connect(":memory:")
    # The SQLite of this test may know of fractions; what stands in for them must be asked all the same.
    connection.create_function("unixepoch", 1, lambda _modifier: None)
    supply_fractions(connection, found=found)
    connection.execute("CREATE TABLE t (x, at INTEGER NOT NULL DEFAULT (unixepoch('subsec') * 1000))")
    connection.execute("INSERT INTO t (x) VALUES (1)")
    at, now = connection.execute("SELECT at, CAST(strftime('%s', 'now') AS INTEGER) FROM t").fetchone()
    connection.close()

    assert abs(at / 1000 - now) < 60


def test_another_use_of_what_stands_in_is_refused() -> None:
    """No moment is ever wrong in silence."""
    connection = sqlite3.connect(":memory:")
    supply_fractions(connection, found=OLDEST)
    with pytest.raises(sqlite3.OperationalError, match="user-defined function raised exception"):
        connection.execute("SELECT unixepoch('2026-01-01')")
    connection.close()


def test_a_sqlite_with_fractions_is_left_as_it_is() -> None:
    """Its own function stays."""
    connection = sqlite3.connect(":memory:")
    connection.create_function("unixepoch", 1, lambda _modifier: 7)
    supply_fractions(connection, found=WITH_FRACTIONS)
    (answer,) = connection.execute("SELECT unixepoch('subsec')").fetchone()
    connection.close()

    assert 7 == answer


def test_a_sqlite_is_old_enough_or_refused() -> None:
    """The oldest that works is taken."""
    require_sqlite(OLDEST)
    with pytest.raises(ConfigurationError, match=r"SQLite 3\.35\.0 or newer is needed, and this Python has 3\.34\.99"):
        require_sqlite((3, 34, 99))


@pytest.mark.parametrize(
    "command",
    ["serve acme:service --one-process", "worker acme:service", "demo --once", "migrate", "notices", "doctor"],
)
async def test_commands_agree_about_a_sqlite_that_is_too_old(tmp_path: Path, command: str) -> None:
    """One line each, and not from `serve` alone after `migrate` and `doctor` found all well."""
    (tmp_path / "acme.py").write_text(WHOLE_ACME, encoding="utf-8")
    environment = build_environment({**GOOD, "DATABASE_URL": f"sqlite:///{tmp_path}/x.db"})
    done = await run_script(WITH_OLD_SQLITE, *command.split(), environment=environment, cwd=tmp_path)

    assert (1 if command == "doctor" else 2) == done.status, done.err
    assert NEEDED in done.out + done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "x.db").exists()
