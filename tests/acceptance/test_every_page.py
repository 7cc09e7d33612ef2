"""Every page there is, in a real browser, in both themes: nothing that a program can find wrong with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page

from acceptance.judging import Watch, find_faults, find_invalid
from acceptance.processes import Processes, Town
from acceptance.test_browser import ADA, APPS, open_board
from headrace.clock import read_clock
from headrace.hooks.registry import LONGEST_ACTION
from headrace.store.sql.database import Database
from headrace.store.state.notices import NoticeKind, raise_notice
from headrace.web.operators.frame.pages import OPERATOR_PAGES

pytestmark = pytest.mark.acceptance

Scheme = Literal["light", "dark"]

SECRET = "an-operators-secret-of-the-tests-0123"
# Two actions of the add-on's own, one with a name as long as a name may be, and no place to break it.
SHORT, LONG = "Rebuild index", "Rebuild" + "W" * (LONGEST_ACTION - len("Rebuild"))
ACTIONS = f"""

@service.action("{SHORT}")
@service.action("{LONG}")
async def do(resource: Resource) -> str:
    return "Done."
"""


@pytest.fixture
def town(processes: Processes) -> Town:
    return processes.start_heroku_and_acme(more=ACTIONS, HEADRACE_OPERATOR_SECRET=SECRET, HEADRACE_SHARE_DAYS="7")


def visit_every_page(page: Page, town: Town) -> Iterator[str]:
    """Go from page to page as a customer, an operator and a developer do, and yield where we are."""
    uuids = town.add_acme(*APPS, user=ADA)
    raise_one(town, uuids["storefront"])
    page.goto(f"{town.acme_url}/operators/login")
    yield "/operators/login"
    page.get_by_label("Secret").fill(SECRET)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{town.acme_url}/operators")
    resource = f"/operators/resources/{uuids['storefront']}"
    pipeline = town.call("GET", "/apps/storefront/pipeline-couplings", user=ADA)["pipeline"]["id"]
    group = "kind=provision.failed&step=run_hook&reason=OSError"
    orders = [f"/operators/incidents/{order}?{group}" for order in ("retry", "settle", "abandon")]
    requests = f"/operators/requests?resource={uuids['storefront']}&direction=to"
    own = (
        f"/operators/pipelines/{pipeline}",
        requests,
        resource,
        f"{resource}/retry",
        f"{resource}/abandon",
        f"{resource}/give-up",
        *(f"{resource}/actions/{quote(action)}" for action in (SHORT, LONG)),
        *orders,
    )
    for address in (*OPERATOR_PAGES, *own):
        page.goto(town.acme_url + address)
        assert town.acme_url + address == page.url, "It leads elsewhere, and was not looked at."
        yield address
    page.goto(f"{town.heroku_url}/__emulator__?app=storefront")
    yield "console"
    open_board(page, town, uuids, app=APPS[0])
    yield "/board"
    for address in (f"/board/pipelines/{pipeline}", f"/board/pipelines/{pipeline}?on=2026-01-02"):
        page.goto(town.acme_url + address)
        yield address
    page.goto(f"{town.acme_url}/board/links")
    page.get_by_role("button", name="Make a link").click()
    yield "/board/links"
    page.goto(town.acme_url + str(page.locator("article a").first.get_attribute("href")))
    yield "/shared"


def raise_one(town: Town, uuid: str) -> None:
    """Raise a notice, as a worker does after hours of failing."""
    database = Database(town.environment["DATABASE_URL"])
    with database.transaction() as connection:
        raise_notice(connection, uuid, NoticeKind.PROVISION_FAILED, now=read_clock(), step="run_hook", reason="OSError")
    database.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wrong_with_any_page(town: Town, browser: Browser, tmp_path: Path, scheme: Scheme) -> None:
    """Axe is content at both widths, nothing sticks out sideways, the HTML is valid, the console is empty, and nobody
    but the page's own host is asked for anything, so no page breaks its own policy either."""
    page = browser.new_page(color_scheme=scheme)
    watch = Watch(page)
    found, sources = {}, []
    for address in visit_every_page(page, town):
        found[address] = find_faults(page)
        sources.append(page.request.get(page.url).text())

    assert {} == {address: wrong for address, wrong in found.items() if wrong}
    assert [] == find_invalid(tmp_path, *sources)
    assert [] == watch.complaints
    assert {town.acme_url, town.heroku_url} == {f"http://{host}" for host in watch.hosts}


def test_whoever_has_no_session_is_told_what_to_do(town: Town, browser: Browser, tmp_path: Path) -> None:
    """Those pages are as good as the others. A browser notes a status of 401 in its console by itself."""
    page = browser.new_page()
    found, sources = {}, []
    for address in ("/board", "/nowhere"):
        page.goto(town.acme_url + address)
        found[address] = find_faults(page)
        sources.append(page.content())

    assert {"/board": [], "/nowhere": []} == found
    assert [] == find_invalid(tmp_path, *sources)


def test_a_page_runs_no_script_and_no_style_of_its_own(town: Town, browser: Browser) -> None:
    """Were something of a customer's ever to become markup, the policy would stop it: it was tried."""
    page = browser.new_page()
    page.goto(f"{town.acme_url}/operators/login")
    complaints = Watch(page).complaints

    page.evaluate(
        'document.body.innerHTML += \'<img src=x onerror="window.ran = 1"><b id=styled style="color:red">text</b>\''
    )
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 2'}))")
    color = page.locator("#styled").evaluate("element => getComputedStyle(element).color")

    assert [None, False] == [page.evaluate("window.ran ?? null"), color == "rgb(255, 0, 0)"]
    assert any("Content Security Policy" in complaint for complaint in complaints)
