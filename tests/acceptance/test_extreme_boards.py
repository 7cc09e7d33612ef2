"""The board's page with data that no demo has, in both themes: it stays whole, readable and usable."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from acceptance.judging import Watch, find_faults, find_invalid, find_overflow
from acceptance.stand import Stand
from scenes import SCENES, render_scene

pytestmark = pytest.mark.acceptance

# What is held against all that can be wrong with a page.
EXTREMES = [scene for scene in SCENES if scene != "2000-resources"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scene", EXTREMES)
def test_nothing_is_wrong_with_an_extreme_board(browser: Browser, scene: str, scheme: Literal["light", "dark"]) -> None:
    """Axe is content at both widths, nothing sticks out sideways, the policy holds."""
    stand = Stand(browser.new_page(color_scheme=scheme), html=render_scene(scene))
    watch = Watch(stand.page)
    stand.open()

    assert [] == find_faults(stand.page)
    assert ([], {"acme.test"}) == (watch.complaints, watch.hosts)


def test_the_html_of_every_extreme_board_is_valid(tmp_path: Path) -> None:
    """The same in both themes."""
    assert [] == find_invalid(tmp_path, *map(render_scene, EXTREMES))


def test_one_of_300_review_apps_is_found(browser: Browser) -> None:
    """Three are shown, the rest is folded with the count of those that failed; the filter unfolds what it finds."""
    stand = Stand(browser.new_page(), html=render_scene("300-review-apps"))
    stand.open()
    page = stand.page
    review = page.locator("[data-stage=review]:has(h3)")
    expect(review.locator(".card:visible")).to_have_count(3)
    expect(review.locator("summary")).to_have_text("298 more review apps, 7 failed")

    page.keyboard.press("/")
    page.keyboard.type("pr-17")

    expect(page.locator(".card:visible h4")).to_have_text(
        ["shop-pr-179", *[f"shop-pr-{n}" for n in range(178, 169, -1)], "shop-pr-17"]
    )
    expect(page.locator("#live")).to_contain_text("11 of 305 shown")
    # The count in a pipeline's heading is no name of it.
    page.keyboard.press("Escape")
    page.keyboard.type("305 resources")
    expect(page.locator(".card:visible")).to_have_count(0)


def test_2000_resources_fit_a_phone(browser: Browser) -> None:
    """A pipeline is a line until it is unfolded, and a stage with many is folded whatever stage it is."""
    stand = Stand(browser.new_page(), html=render_scene("2000-resources"))
    stand.open()
    page = stand.page
    expect(page.locator("#totals")).to_have_text("2,000 resources in 40 pipelines: all provisioned")
    expect(page.locator(".card:visible")).to_have_count(5 * 3)

    assert [] == find_overflow(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("heading", name="shop-39 50").click()
    expect(page.locator(".card:visible")).to_have_count(2 * 5 * 3)
    expect(page.get_by_role("heading", name="shop-39-production-0")).to_be_visible()
