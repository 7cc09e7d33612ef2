"""The operators' pages in a real browser: what is there is found, page by page, and taken away as files."""

import csv
from uuid import NAMESPACE_URL, uuid5

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from acceptance.judging import PHONE, Watch, find_faults
from acceptance.processes import Processes, Town, wait_until
from acceptance.test_browser import ADA
from acceptance.test_every_page import SECRET
from headrace.store.reports.exports import EXPORTS

pytestmark = pytest.mark.acceptance

TOKEN = "api-token-of-36-letters-0a1b2c3d4e5f"
# A page of the lists has fifty.
IMPORTED = 60


@pytest.fixture
def town(processes: Processes) -> Town:
    return processes.start_heroku_and_acme(HEADRACE_OPERATOR_SECRET=SECRET, HEADRACE_API_TOKEN=TOKEN)


def log_in(browser: Browser, town: Town) -> Page:
    page = browser.new_page()
    page.goto(f"{town.acme_url}/operators/login")
    page.get_by_label("Secret").fill(SECRET)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{town.acme_url}/operators")
    return page


def import_many(town: Town) -> None:
    with httpx2.Client(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        for number in range(IMPORTED):
            name = f"imported-{number:02}"
            body = {"uuid": str(uuid5(NAMESPACE_URL, name)), "name": name, "plan": "basic", "region": "us"}
            assert 201 == client.post(f"{town.acme_url}/api/resources", json=body).status_code


def list_rows(page: Page) -> list[str]:
    return [each.strip() for each in page.locator("tbody th").all_text_contents()]


def test_an_operator_finds_a_resource(town: Town, browser: Browser) -> None:
    """By what its name begins with, and goes on to its page; what matches nothing says so."""
    import_many(town)
    page = log_in(browser, town)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Resources").click()
    page.get_by_role("searchbox").fill("imported-4")
    page.get_by_role("button", name="Search").click()
    assert [f"imported-4{number}" for number in range(10)] == sorted(list_rows(page))

    page.get_by_role("link", name="imported-42").click()
    expect(page).to_have_url(f"{town.acme_url}/operators/resources/{uuid5(NAMESPACE_URL, 'imported-42')}")
    page.goto(f"{town.acme_url}/operators/resources?q=nobody")
    expect(page.get_by_text("No resource matches")).to_be_visible()


def test_an_operator_goes_from_page_to_page(town: Town, browser: Browser) -> None:
    """Every resource is on one of the pages, and on one only, in the order of a head; Previous and First lead back."""
    import_many(town)
    page = log_in(browser, town)
    page.goto(f"{town.acme_url}/operators/resources")
    first = list_rows(page)
    page.get_by_role("link", name="Next", exact=True).click()
    expect(page.get_by_role("link", name="First", exact=True)).to_be_visible()
    second = list_rows(page)
    page.get_by_role("link", name="Previous", exact=True).click()
    expect(page.get_by_text("50 shown of 60 resources")).to_be_visible()
    back = list_rows(page)
    page.get_by_role("link", name="Created").click()
    expect(page.get_by_role("columnheader", name="Created")).to_have_attribute("aria-sort", "ascending")
    oldest = list_rows(page)
    page.locator("tbody tr").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(oldest[0])
    page.go_back()
    page.get_by_role("link", name="Created").click()
    expect(page.get_by_role("columnheader", name="Created")).to_have_attribute("aria-sort", "descending")

    assert (50, 10) == (len(first), len(second))
    assert [f"imported-{number:02}" for number in range(IMPORTED)] == sorted([*first, *second])
    assert first == back == list_rows(page)
    assert [*first, *second][::-1][:50] == oldest


def test_an_operator_finds_a_pipeline(town: Town, browser: Browser) -> None:
    """With what it holds at each stage."""
    town.add_acme("storefront", "storefront-staging", "ledger-api", user=ADA)
    page = log_in(browser, town)

    def are_both_there() -> bool:
        page.goto(f"{town.acme_url}/operators/pipelines")
        return sorted(page.locator("tbody .count").all_text_contents()) == ["1", "1", "1"]

    wait_until(are_both_there)
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("searchbox").fill("ledg")
    page.keyboard.press("Enter")

    expect(page.locator("tbody th a.to")).to_have_text(["ledger-api"])
    expect(page.locator("tbody .count")).to_have_text(["1"])


def test_an_operator_downloads_whatever_a_page_offers(town: Town, browser: Browser) -> None:
    """Each link is a file of its own name, with a head; what the page shows is in it."""
    town.add_acme("storefront", user=ADA)
    town.run("count")
    page = log_in(browser, town)
    page.goto(f"{town.acme_url}/operators/resources")
    resource = page.locator("tbody th a").get_attribute("href") or ""
    found: dict[str, list[list[str]]] = {}
    for address in ("", "/pipelines", "/resources?small_plan=yes&stage=production", "/resources"):
        found |= download_all(page, f"{town.acme_url}/operators{address}")
    found |= download_all(page, f"{town.acme_url}{resource}")

    assert {f"headrace-{what}.csv" for what in EXPORTS} == found.keys()
    assert {} == {name: rows[:1] for name, rows in found.items() if len(rows) < 1 or len(rows[0]) < 3}
    assert [resource.rpartition("/")[2]] == [row[0] for row in found["headrace-resources.csv"][1:]]


def download_all(page: Page, address: str) -> dict[str, list[list[str]]]:
    """Press every link to an export on a page, and return the rows of the files that came, by their names."""
    page.goto(address)
    found = {}
    for link in page.locator("a[href*='/exports/']").all():
        with page.expect_download() as download:
            link.click()
        text = download.value.path().read_text(encoding="utf-8")
        found[download.value.suggested_filename] = list(csv.reader(text.splitlines()))
    return found


def test_lists_that_are_full_fit_a_phone(town: Town, browser: Browser) -> None:
    """A row is a card: nothing scrolls sideways."""
    import_many(town)
    page = log_in(browser, town)
    watch = Watch(page)
    page.goto(f"{town.acme_url}/operators/resources")
    found = find_faults(page)
    page.set_viewport_size({"width": PHONE, "height": 844})
    sideways = "[...document.querySelectorAll('.scroll')].filter(each => each.scrollWidth > each.clientWidth).length"
    assert 0 == page.evaluate(sideways)

    assert ([], []) == (found, watch.complaints)


def test_operators_work_by_keys_alone(town: Town, browser: Browser) -> None:
    """The login waits for the secret; on every page the first stop of the Tab key skips to the content."""
    page = browser.new_page()
    page.goto(f"{town.acme_url}/operators/login")
    expect(page.get_by_label("Secret")).to_be_focused()
    page.keyboard.type(SECRET)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{town.acme_url}/operators")
    page.keyboard.press("Tab")

    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{town.acme_url}/operators#main")
