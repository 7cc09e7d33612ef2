"""examples/embedded: the board inside a page of the partner's own, whose back end keeps the API token."""

import json
import sys
from collections.abc import Callable

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from acceptance.judging import Watch, find_faults
from acceptance.processes import (
    EXAMPLES,
    Processes,
    Running,
    Town,
    build_environment,
    is_ready,
    wait_until,
)
from acceptance.test_browser import ADA, APPS, find_stage, move, open_board
from lab.kit.processes import find_free_port

pytestmark = pytest.mark.acceptance

TOKEN = "api-token-of-36-letters-0a1b2c3d4e5f"
SESSION = "the-session-of-ada-at-acme"
PANEL = """
@service.panel
def show(resource): ...
"""


@pytest.fixture
def town(processes: Processes) -> Town:
    return processes.start_heroku_and_acme(HEADRACE_API_TOKEN=TOKEN, HEADRACE_RECHECK_SECONDS="1")


def start_front_end(town: Town, resource: str) -> str:
    """Start Acme's own front end, which knows Ada, and return where it is."""
    url = f"http://127.0.0.1:{find_free_port()}"
    ada = town.call("GET", "/account", user=ADA)["id"]
    environment = {
        "HEADRACE_URL": town.acme_url,
        "HEADRACE_API_TOKEN": TOKEN,
        "ACCOUNTS": json.dumps({SESSION: {"heroku_user": ada, "resource": resource}}),
    }
    command = [sys.executable, "-m", "uvicorn", "backend:app", "--port", url.rpartition(":")[2]]
    process = Running(command, env=build_environment() | environment, cwd=EXAMPLES / "embedded")
    town.processes.running.append(process)
    wait_until(lambda: is_ready(url), why=process.render)
    return url


def log_in_at_acme(page: Page, url: str) -> None:
    page.context.add_cookies([{"name": "acme_session", "value": SESSION, "url": url, "httpOnly": True}])


def test_a_page_of_the_partners_shows_the_board(town: Town, browser: Browser) -> None:
    """It comes from the partner's own host alone, under a policy without exceptions, and no browser has the token."""
    uuids = town.add_acme(*APPS, user=ADA)
    url = start_front_end(town, uuids["storefront"])
    page = browser.new_page()
    watch = Watch(page)
    received: list[Callable[[], str]] = []
    # A 204 or a 304, which a page that is open for long is answered, has no body to read.
    page.on("response", lambda response: received.append(response.text) if response.status not in (204, 304) else None)
    log_in_at_acme(page, url)
    page.goto(url)

    expect(page.get_by_role("status")).to_contain_text("5 resources in 2 pipelines: all provisioned, up to date")
    expect(find_stage(page, "storefront", "Staging").locator("h4")).to_have_text(["storefront-staging"])
    expect(page.locator("[data-origin] h4")).to_have_text(["storefront"])
    assert [] == find_faults(page)
    assert ([], {url}) == (watch.complaints, {f"http://{host}" for host in watch.hosts})
    assert not any(TOKEN in read() for read in received)


def test_a_move_appears_on_the_partners_page(town: Town, browser: Browser) -> None:
    """Within seconds of its being known, without a reload, and the board is not read as a whole again."""
    uuids = town.add_acme("storefront-staging", "storefront", user=ADA)
    url = start_front_end(town, uuids["storefront"])
    page = browser.new_page()
    answered: list[tuple[str, int]] = []
    page.on("response", lambda response: answered.append((response.request.method, response.status)))
    log_in_at_acme(page, url)
    page.goto(url)
    expect(find_stage(page, "storefront", "Staging").locator("h4")).to_have_text(["storefront-staging"])
    answered.clear()

    move(town, "storefront-staging", "production")

    expect(page.get_by_role("status")).to_contain_text("storefront-staging is now in production")
    expect(find_stage(page, "storefront", "Production").locator("h4")).to_have_text(
        ["storefront", "storefront-staging"]
    )
    assert ("POST", 200) in answered
    assert ("GET", 200) not in answered


def test_the_partners_back_end_hands_on_what_is_in_sight(processes: Processes) -> None:
    """Where no lane is open, the panel hook is called for what was opened, and for nothing else."""
    town = processes.start_heroku_and_acme(more=PANEL, HEADRACE_API_TOKEN=TOKEN)
    uuids = town.add_acme("storefront-staging", "storefront", user=ADA)
    url = start_front_end(town, uuids["storefront"])
    board = httpx2.get(f"{url}/my-board.json?open=", cookies={"acme_session": SESSION}).json()
    cards = [card for lane in board["pipelines"] for cards in lane["stages"].values() for card in cards]

    assert {"storefront": True, "storefront-staging": False} == {card["app"]: "panel" in card for card in cards}


def test_who_is_not_logged_in_at_the_partners_sees_no_board(town: Town, browser: Browser) -> None:
    """The partner's back end says so, in its own words."""
    uuids = town.add_acme("storefront", user=ADA)
    url = start_front_end(town, uuids["storefront"])
    page = browser.new_page()
    page.goto(url)

    expect(page.get_by_role("status")).to_have_text("Log in to Acme first.")
    assert 401 == httpx2.get(f"{url}/my-board.json").status_code


def test_a_page_on_the_services_own_host_uses_the_customers_session(town: Town, browser: Browser) -> None:
    """Whoever came by single sign-on needs no API: src is /board.json there."""
    uuids = town.add_acme("storefront", "ada-notes", user=ADA)
    page = browser.new_page()
    html = '<title>Mine</title><script type="module" src="/static/headrace-board.js"></script>'
    body = html + '<headrace-board src="/board.json"></headrace-board>'
    page.route("**/mine", lambda route: route.fulfill(body=body, content_type="text/html"))
    open_board(page, town, uuids, app="storefront")
    page.goto(f"{town.acme_url}/mine")

    expect(page.get_by_role("status")).to_contain_text("2 resources in 1 pipeline: all provisioned, up to date")
