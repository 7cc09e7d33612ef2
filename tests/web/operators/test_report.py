"""The report on its page, for programs, and as a file."""

import json
import re
from urllib.parse import quote

import pytest

from headrace.fleet.report_definitions import OWN_DEFINITIONS, REPORT_DEFINITIONS
from store.making import HOUR
from store.reports.figures.test_roll_up import deprovision, provision
from web.operators.small_fleet import look, play

ADDRESS = re.compile(r"""(?:href|src|action)="([^"]*)"|url\(""")


async def test_the_page_its_json_and_its_file_tell_the_same(database_url: str) -> None:
    """Two in `<shop>`, one of them in production on a small plan, one lost; each figure leads to its definition."""
    async with play(database_url) as (pair, cookie):
        now = pair.parts.clock()
        at = now.replace(hour=0, minute=0, second=0, microsecond=0)
        with pair.parts.database.transaction() as connection:
            provision(connection, "shop", "<shop>", "production", at=at, plan="free")
            provision(connection, "shop-staging", "<shop>", "staging", at=at)
            provision(connection, "gone", "<shop>", "staging", at=at)
            deprovision(connection, "gone", at=at + HOUR / 30)
        await pair.parts.roll_up.count_all()
        page = await look(pair, cookie, "/operators/report")
        told = json.loads((await look(pair, cookie, "/operators/report.json")).text)
        file = await look(pair, cookie, "/operators/report.html?weeks=1")
        definitions = json.loads((await look(pair, cookie, "/operators/definitions.json")).text)

    figures = {each["id"]: each["value"] for each in told["figures"]}
    assert (2, 1, 1) == (figures["lasting-resources"], figures["production-on-small-plan"], figures["lost"])
    assert [("<shop>", 0, 2)] == [(each["name"], each["before"], each["after"]) for each in told["grown"]["most"]]
    assert (200, 200) == (page.status, file.status)
    for text in (page.text, file.text):
        assert all(each in text for each in ("&lt;shop&gt;", "app-shop", "app-gone", "first week so far", "<td class"))
        assert "<shop>" not in text
        linked = set(re.findall(r'href="#is-([^"]+)"', text))
        assert {each["id"] for each in told["figures"]} <= linked <= REPORT_DEFINITIONS.keys()
        assert REPORT_DEFINITIONS.keys() == set(re.findall(r'<div id="is-([^"]+)"', text))
    assert list(OWN_DEFINITIONS) == [each["id"] for each in definitions["report"]]
    assert 'href="/operators/report.html?weeks=1"' in page.text
    # A file that is sent round leads nowhere but into itself, fetches nothing and runs nothing.
    assert {"#"} == {address[:1] for address in ADDRESS.findall(file.text)}
    assert "<script" not in file.text
    assert "://" not in file.text


async def test_an_empty_fleet_has_a_page_that_says_so(sqlite_url: str) -> None:
    """Neither a share of nothing nor a table without a row."""
    async with play(sqlite_url) as (pair, cookie):
        page = await look(pair, cookie, "/operators/report?weeks=4")
        told = json.loads((await look(pair, cookie, "/operators/report.json?weeks=4")).text)

    assert (200, True, False) == (page.status, "Nothing to report yet" in page.text, "<table" in page.text)
    assert (4, None, None) == (told["weeks"], told["began_on"], told["figures"][2]["value"])


@pytest.mark.parametrize("weeks", ["0", "53", "-1", "a", "", "9" * 5000])
async def test_weeks_are_a_number_within_a_year(weeks: str, sqlite_url: str) -> None:
    """Anything else is said to be wrong, of the file too."""
    async with play(sqlite_url) as (pair, cookie):
        answers = [
            await look(pair, cookie, f"/operators/report{end}?weeks={quote(weeks)}") for end in ("", ".json", ".html")
        ]

    assert [400] * 3 == [answer.status for answer in answers]
    assert all("1 to 52 weeks" in answer.text for answer in answers)
