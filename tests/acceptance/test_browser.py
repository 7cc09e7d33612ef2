"""Pages in a real browser: the board, to which Chromium comes by single sign-on as a customer does, and the console."""

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from acceptance.judging import Watch, find_overflow
from acceptance.processes import Processes, Town, wait_until

pytestmark = pytest.mark.acceptance

ADA = "ada@lumen.example"
APPS = ("storefront", "storefront-staging", "storefront-pr-411", "ledger-api-staging", "ada-notes")


def open_board(page: Page, town: Town, uuids: dict[str, str], *, app: str) -> None:
    """Open an app's add-on from Heroku; the launch page sends its form by itself."""
    page.goto(town.build_login_url(app, uuids[app], user=ADA), wait_until="commit")
    page.wait_for_url(f"{town.acme_url}/board#resource-{uuids[app]}")


def find_stage(page: Page, pipeline: str, stage: str) -> Locator:
    """Return one column of one pipeline."""
    lane = page.locator(".lane").filter(has=page.locator("h2 bdi").get_by_text(pipeline, exact=True))
    return lane.locator(f"section[data-stage={stage.lower()}]")


def move(town: Town, app: str, stage: str) -> None:
    """Move an app as its owner does, through the Platform API."""
    coupling = town.call("GET", f"/apps/{app}/pipeline-couplings", user=ADA)
    town.call("PATCH", f"/pipeline-couplings/{coupling['id']}", user=ADA, json={"stage": stage})


def test_a_customer_comes_from_heroku_to_the_board(processes: Processes, browser: Browser) -> None:
    """Pipelines with their stages as columns, the opened card marked, and nothing fetched from anywhere else."""
    town = processes.start_heroku_and_acme()
    uuids = town.add_acme(*APPS, user=ADA)
    page = browser.new_page()
    watch = Watch(page)

    open_board(page, town, uuids, app="storefront-staging")

    expect(page).to_have_title("Resources · Acme Search")
    expect(page.locator("[data-origin] h4")).to_have_text(["storefront-staging"])
    expect(page.locator("[data-origin] .flag")).to_be_visible()
    expect(page.locator(".here")).to_contain_text("You opened storefront-staging provisioned")
    expect(page.locator("[data-origin]")).to_be_focused()
    expect(page.locator("[data-origin]")).to_be_in_viewport()
    expect(page.locator(".lane h2 bdi")).to_have_text(["storefront", "ledger-api", "Not in a pipeline"])
    expect(page.locator(".lane").first.locator("h3")).to_have_text(
        ["Development 0", "Review 1", "Staging 1", "Production 1"]
    )
    expect(find_stage(page, "storefront", "Production").locator("h4")).to_have_text(["storefront"])
    expect(page.locator("#uncoupled h3")).to_have_text(["ada-notes"])
    lefts = [column.bounding_box() for column in page.locator(".lane").first.locator("section.stage").all()]
    assert 4 == len({box["x"] for box in lefts if box is not None})
    assert ([], {town.heroku_url, town.acme_url}) == (watch.complaints, {f"http://{host}" for host in watch.hosts})


def test_the_board_fits_its_window_by_day_and_by_night(processes: Processes, browser: Browser) -> None:
    """On a phone and on a desk nothing sticks out sideways, and the dark page is dark."""
    town = processes.start_heroku_and_acme()
    uuids = town.add_acme(*APPS, user=ADA)
    overflows: list[str] = []
    grounds: dict[str, str] = {}
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        open_board(page, town, uuids, app="storefront")
        overflows += find_overflow(page)
        grounds[scheme] = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        grounds[scheme] += page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert [] == overflows
    assert grounds["light"] != grounds["dark"]


def test_check_now_shows_a_move_at_once(processes: Processes, browser: Browser) -> None:
    """A customer who has just moved an app need not wait for the next look at it."""
    town = processes.start_heroku_and_acme()
    uuids = town.add_acme("storefront", "storefront-staging", user=ADA)
    page = browser.new_page()
    open_board(page, town, uuids, app="storefront-staging")
    move(town, "storefront-staging", "production")
    page.reload()
    expect(find_stage(page, "storefront", "Staging").locator("h4")).to_have_text(["storefront-staging"])

    page.get_by_role("button", name="Check now").click()

    expect(find_stage(page, "storefront", "Production").locator("h4")).to_have_text(
        ["storefront", "storefront-staging"]
    )
    expect(find_stage(page, "storefront", "Staging").locator("h4")).to_have_count(0)
    expect(page.locator("[data-origin] .moved")).to_contain_text("moved from staging")
    expect(page.locator("#live")).to_have_text("Checked just now: what has moved is marked.")
    expect(page).to_have_url(f"{town.acme_url}/board")


def test_a_move_shows_at_the_next_look(processes: Processes, browser: Browser) -> None:
    """Heroku tells nobody of a move; the service looks by itself, and the card stands in the other column."""
    town = processes.start_heroku_and_acme(HEADRACE_RECHECK_SECONDS="1")
    uuids = town.add_acme("storefront-pr-411", user=ADA)
    page = browser.new_page()
    open_board(page, town, uuids, app="storefront-pr-411")
    expect(find_stage(page, "storefront", "Review").locator("h4")).to_have_text(["storefront-pr-411"])

    move(town, "storefront-pr-411", "staging")

    def has_moved() -> bool:
        page.reload()
        return find_stage(page, "storefront", "Staging").locator("h4").count() == 1

    wait_until(has_moved)
    expect(find_stage(page, "storefront", "Staging").locator("h4")).to_have_text(["storefront-pr-411"])
    expect(find_stage(page, "storefront", "Review").locator("h4")).to_have_count(0)


def test_the_console_works_the_emulator(processes: Processes, browser: Browser) -> None:
    """Provision, single sign-on, a move, a fault and a jump of the clock, each by the button that says so."""
    town = processes.start_heroku_and_acme()
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{town.heroku_url}/__emulator__")
    app = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="storefront-staging", exact=True))
    app.get_by_role("button", name="Provision").click()
    selected = page.locator("#selected")
    expect(selected.get_by_role("heading", level=3)).to_contain_text("storefront-staging")

    def is_provisioned() -> bool:
        page.reload()
        return selected.locator("[data-state=provisioned]").count() == 1

    wait_until(is_provisioned)
    with page.expect_popup() as opened:
        selected.get_by_role("button", name="Open SSO").click()
    opened.value.wait_for_url(f"{town.acme_url}/board#*")
    selected.get_by_label("Stage").select_option("production")
    selected.get_by_role("button", name="Move stage").click()
    expect(selected.get_by_role("heading", level=3)).to_contain_text("production")
    page.get_by_role("switch", name="Answer 503").click()
    expect(page.get_by_role("switch", name="Answer 503")).to_be_checked()
    page.get_by_role("switch", name="Answer 503").click()
    expect(page.get_by_role("switch", name="Answer 503")).not_to_be_checked()
    page.get_by_role("button", name="Stop").click()
    before = page.locator("time.clock").get_attribute("datetime")
    page.get_by_role("button", name="+8 h").click()
    expect(page.locator("time.clock")).not_to_have_attribute("datetime", before or "")

    coupling = town.call("GET", "/apps/storefront-staging/pipeline-couplings", user=ADA)
    assert "production" == coupling["stage"]
    assert [] == complaints


def test_the_console_fits_its_window_by_day_and_by_night(processes: Processes, browser: Browser) -> None:
    """With everything unfolded, on a phone and on a desk, nothing sticks out sideways."""
    town = processes.start_heroku_and_acme()
    town.add_acme("storefront", user=ADA)
    overflows: list[str] = []
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(f"{town.heroku_url}/__emulator__?app=storefront")
        for folded in page.locator("details > summary").all():
            folded.click()
        overflows += find_overflow(page)

    assert [] == overflows
