"""An open board in a real browser: it keeps itself current, is filtered and walked through, and shuts nobody out."""

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from acceptance.processes import Processes, Town
from acceptance.test_browser import ADA, APPS, find_stage, move, open_board

pytestmark = pytest.mark.acceptance

# A machine that is busy with other tests takes its time.
WITHIN_MS = 120_000

WITH_PANEL = """

from collections import Counter

from headrace import Panel

asked = Counter()


@service.panel
async def show(resource: Resource) -> Panel:
    asked[resource.uuid] += 1
    return Panel(sentence=f"Asked {'once' if asked[resource.uuid] == 1 else 'again'}")
"""

# A window of a browser without a screen is always seen.
HIDE = """() => {
  if (!waiting) return false;
  Object.defineProperty(document, "hidden", { value: true, configurable: true });
  return document.dispatchEvent(new Event("visibilitychange"));
}"""
# In one and the same look that waits.
HAS_AGED = """() => {
  const text = document.querySelector("time[data-age]").textContent;
  if (!waiting || waiting !== window.seen?.waiting) window.seen = { waiting, text };
  return text !== window.seen.text;
}"""
SHOW = """() => {
  delete document.hidden;
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def is_waiting(request: Request) -> bool:
    """Whether a request asks the service to wait until there is something to tell."""
    return "wait=" in request.headers.get("prefer", "")


def open_town(processes: Processes, browser: Browser, *apps: str) -> tuple[Town, Page]:
    town = processes.start_heroku_and_acme(HEADRACE_RECHECK_SECONDS="1")
    uuids = town.add_acme(*apps, user=ADA)
    page = browser.new_page()
    page.set_default_timeout(WITHIN_MS)
    open_board(page, town, uuids, app=apps[0])
    return town, page


def test_a_move_appears_on_an_open_board(processes: Processes, browser: Browser) -> None:
    """Without a reload, within seconds of its being known; what was unfolded and focused stays so."""
    town, page = open_town(processes, browser, "storefront-staging", "storefront")
    page.evaluate("document.querySelectorAll('.card').forEach((card) => (card.isTheSame = true))")
    page.locator("[data-origin]").focus()

    move(town, "storefront-staging", "production")

    production = find_stage(page, "storefront", "Production").locator("h4")
    expect(production).to_have_text(["storefront", "storefront-staging"])
    expect(page.locator("#live")).to_contain_text("storefront-staging is now in production")
    expect(page.locator("[data-origin]")).to_be_focused()
    assert [True, None] == page.evaluate(
        "[...document.querySelectorAll('.card')].map((card) => card.isTheSame ?? null)"
    )


def test_figures_come_where_a_lane_is_unfolded(processes: Processes, browser: Browser) -> None:
    """The partner is asked for them then, and again for what is in sight already."""
    loose = [f"loose-{number}" for number in range(7)]
    town = processes.start_heroku_and_acme(more=WITH_PANEL)
    for app in loose:
        town.call("POST", "/apps", user=ADA, json={"name": app})
    uuids = town.add_acme("storefront", *loose, user=ADA)
    page = browser.new_page()
    open_board(page, town, uuids, app="storefront")
    figures = page.locator("[data-slot=partner]")
    expect(figures).to_have_text(["Asked once"])

    page.locator("#uncoupled > summary").click()

    expect(figures).to_have_text(["Asked again", *["Asked once"] * 7])


def test_ages_grow_while_a_look_waits_for_news(processes: Processes, browser: Browser) -> None:
    """They are the page's own; no answer is needed for them."""
    _, page = open_town(processes, browser, "storefront")

    page.wait_for_function(HAS_AGED)


def test_a_window_that_is_hidden_does_not_wait_for_news(processes: Processes, browser: Browser) -> None:
    """It gives its connection back, and asks again when it is seen."""
    _, page = open_town(processes, browser, "storefront")

    with page.expect_event("requestfailed", is_waiting):
        page.wait_for_function(HIDE)
    expect(page.locator("#live")).to_have_text("up to date")
    with page.expect_request(is_waiting):
        page.evaluate(SHOW)


def test_a_board_says_when_it_is_not_current(processes: Processes, browser: Browser) -> None:
    """Where no answer comes, what is shown is said to be old, and is current again with the next answer."""
    _, page = open_town(processes, browser, "storefront")
    expect(page.locator("#live")).to_have_text("up to date")

    page.context.set_offline(True)
    expect(page.locator("#live[data-stale]")).to_contain_text("not current, no answer for")
    page.context.set_offline(False)

    expect(page.locator("#live:not([data-stale])")).to_have_text("up to date")


def test_a_board_is_filtered(processes: Processes, browser: Browser) -> None:
    """By words of a card, its stage, its state or its pipeline; the count says how many are shown, Escape shows all."""
    _, page = open_town(processes, browser, *APPS)

    page.keyboard.press("/")
    page.keyboard.type("PR-4")

    visible = page.locator(".card:visible h4, .card:visible h3")
    expect(visible).to_have_text(["storefront-pr-411"])
    expect(page.locator("#live")).to_contain_text("1 of 5 shown")
    page.keyboard.press("Escape")
    expect(visible).to_have_count(5)
    page.keyboard.type("staging provisioned")
    expect(visible).to_have_text(["storefront-staging", "ledger-api-staging"])
    page.keyboard.type(" zzz")
    expect(visible).to_have_count(0)
    expect(page.locator("#nothing")).to_contain_text("Nothing shown here matches “staging provisioned zzz”.")


def test_a_board_is_walked_through_by_keys(processes: Processes, browser: Browser) -> None:
    """The cards are one stop of the Tab key; arrows go to the nearest card on that side."""
    _, page = open_town(processes, browser, "storefront", "storefront-staging", "ada-notes")
    cards = page.locator(".card")
    assert [0, -1, -1] == [card.evaluate("card => card.tabIndex") for card in cards.all()]
    focused = page.locator(".card:focus :is(h3, h4)")

    cards.first.focus()
    seen = []
    for key in ("ArrowRight", "ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
        seen.append(focused.text_content())

    assert ["storefront", "storefront-staging", "ada-notes"] == seen


def test_a_board_works_without_script(processes: Processes, browser: Browser) -> None:
    """All is there; what is looked for, and what is chosen, stands in the address."""
    town = processes.start_heroku_and_acme()
    uuids = town.add_acme("storefront", "ada-notes", user=ADA)
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(town.build_login_url("storefront", uuids["storefront"], user=ADA))
    page.get_by_role("button").first.click()

    expect(page.locator(".card")).to_have_count(2)
    expect(page.get_by_role("button", name="Check now")).to_be_visible()
    page.get_by_role("searchbox").fill("production")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".card h4")).to_have_text(["storefront"])
    expect(page).to_have_url(f"{town.acme_url}/board?q=production")
    page.get_by_role("link", name="Show all").click()
    page.get_by_role("link", name="Production 1").click()
    expect(page.locator(".card h4")).to_have_text(["storefront"])
    expect(page).to_have_url(f"{town.acme_url}/board?stage=production")
