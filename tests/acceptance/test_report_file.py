"""The report's file, as whoever gets it by mail opens it: in a real browser, without a network."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from acceptance.judging import Watch, find_faults, find_invalid
from cli.running import invoke
from fleet.test_report import DAY, count, list_days
from headrace.clock import read_clock
from headrace.store.sql.database import Database
from settings.test_settings import GOOD
from store.reports.figures.test_roll_up import deprovision, move, on, provision

pytestmark = pytest.mark.acceptance


def make_months(url: str) -> None:
    """Twenty weeks of pipelines that began in review and in development: some got to production, some were lost."""
    database, today = Database(url), read_clock().date()
    monday = today - timedelta(days=today.weekday())
    with database.transaction() as connection:
        for week in range(1, 21):
            begun, name = on(monday - week * 7 * DAY), f"app-{week}"
            provision(connection, name, f"pipeline-{week % 12}", "development", at=begun, plan="free")
            provision(connection, f"pr-{week}", f"pipeline-{week % 12}-pr", "review", at=begun)
            if week % 3:
                move(connection, name, f"pipeline-{week % 12}", "production", at=begun + 2 * DAY)
            if week % 5 == 1:
                deprovision(connection, name, at=begun + 5 * DAY)
        count(connection, list_days(monday - 15 * DAY, today), now=read_clock())
    database.close()


def test_the_file_opens_without_a_network(browser: Browser, sqlite_url: str, tmp_path: Path) -> None:
    """Nothing is asked for but the file; its style is in it, links lead into it, and it is as good as our pages."""
    make_months(sqlite_url)
    file = tmp_path / "report.html"
    environment = {**GOOD, "DATABASE_URL": sqlite_url}
    with ThreadPoolExecutor(1) as thread:
        # The browser has an event loop on this one.
        done = thread.submit(invoke, "report", "--html", str(file), "--weeks", "2", **environment).result()
    context = browser.new_context(offline=True)
    page = context.new_page()
    watch, asked = Watch(page), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    wrong = find_faults(page)
    page.get_by_role("link", name="Later in production").first.click()

    assert (0, []) == (done.exit_code, wrong), done.output
    assert page.url.endswith("#is-conversion")
    assert page.locator("#is-conversion").is_visible()
    assert page.get_by_role("table", name="Pipelines that grew").is_visible()
    assert "none" != page.locator(".panel").first.evaluate("element => getComputedStyle(element).borderStyle")
    assert [file.as_uri()] == [url.partition("#")[0] for url in asked]
    assert [] == watch.complaints
    assert [] == find_invalid(tmp_path, file.read_text("utf-8"))
