"""The report on the command line, as docs/metrics.md types it: text, JSON, and a file that opens offline."""

import asyncio
import json
import re
import shlex
from pathlib import Path

import pytest

from cli.running import invoke
from headrace.clock import read_clock
from headrace.store.reports.figures.counted_days import save_day
from headrace.store.reports.figures.roll_up import count_day
from headrace.store.sql.database import Database
from house.rooms import ROOT
from settings.test_settings import GOOD
from store.reports.figures.test_roll_up import provision

PAGE = ROOT / "docs" / "metrics.md"


async def test_a_report_is_text_json_or_a_file(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's three commands tell of the same fleet; of two forms at once it is said that one is wanted."""
    now = read_clock()
    at = now.replace(hour=0, minute=0, second=0, microsecond=0)
    database = Database(database_url)
    with database.transaction() as connection:
        provision(connection, "shop", "storefront", "production", at=at, plan="free")
        save_day(connection, now.date(), count_day(connection, now.date()), now=now)
    database.close()
    environment = {**GOOD, "DATABASE_URL": database_url, "HEADRACE_SMALL_PLANS": "free"}
    typed = re.findall(r"^\$ headrace (report.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    text, told, wrote, both, nowhere = [
        await asyncio.to_thread(invoke, *command, **environment)
        for command in (
            *map(shlex.split, typed),
            ["report", "--html", "report.html", "--json"],
            ["report", "--html", "none/report.html"],
        )
    ]

    assert [0, 0, 0, 2, 1] == [each.exit_code for each in (text, told, wrote, both, nowhere)]
    assert "Lasting resources" in text.stdout
    assert "What each figure is" in text.stdout
    assert ["storefront"] == [each["name"] for each in json.loads(told.stdout)["grown"]["most"]]
    assert ("Wrote the report to report.html.\n", True) == (
        wrote.stdout,
        "storefront" in (tmp_path / "report.html").read_text("utf-8"),
    )
    assert "one of them" in both.stderr
    assert "cannot be written" in nowhere.stderr
