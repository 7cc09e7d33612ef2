"""A page of another origin in a real browser, beside an emulator: what any site could do that a developer looks at."""

from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page

from acceptance.processes import Processes, Town

pytestmark = pytest.mark.acceptance

ADA = "ada@lumen.example"
ASK = """
async ([url, init]) => {
    try {
        const answer = await fetch(url, init)
        return [answer.type, answer.status]
    } catch (error) {
        return [error.name, 0]
    }
}
"""


def ask(page: Page, town: Town, path: str, **init: Any) -> list[Any]:
    """Have the page's script ask the emulator; return the kind of answer and the status, as far as it may know."""
    found: list[Any] = page.evaluate(ASK, [f"{town.heroku_url}{path}", init])
    return found


def test_a_page_of_another_origin_can_do_nothing_to_the_emulator(processes: Processes, browser: Browser) -> None:
    """Not even with a user's token, unless the switch says so; and it cannot turn the switch."""
    town = processes.start_heroku_and_acme()
    # The page of an attacker has no policy of its own.
    page = browser.new_page(bypass_csp=True)
    page.goto(f"{town.acme_url}/health")
    bearer = {"Authorization": f"Bearer {town.tokens[ADA]}"}
    read = [ask(page, town, "/apps/storefront", headers=bearer), ask(page, town, "/account", headers=bearer)]
    deleted = ask(page, town, "/apps/storefront", method="DELETE", headers=bearer)
    switched = ask(page, town, "/__emulator__/switches", method="PATCH", body='{"cross_origin": true}')

    assert [["TypeError", 0]] * 4 == [*read, deleted, switched]
    assert "storefront" == town.call("GET", "/apps/storefront", user=ADA)["name"]
    httpx2.patch(f"{town.heroku_url}/__emulator__/switches", json={"cross_origin": True}).raise_for_status()
    assert ["cors", 200] == ask(page, town, "/apps/storefront", headers=bearer)
