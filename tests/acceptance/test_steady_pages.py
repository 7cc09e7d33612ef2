"""Pages in a real browser that stand still while their scripts come late, and a past that is scrubbed through."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, Route, async_playwright, expect

from acceptance.judging import DESK, PHONE, launch_async
from browsing import COOKIE, log_in, provision
from headrace.emulator import Clock
from headrace.hooks.arguments import Resource
from headrace.hooks.panel import Figure, Panel
from headrace.models import Stage
from pair import Acme, Pair, play_pair

pytestmark = pytest.mark.acceptance

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)
SECRET = "an-operators-secret-of-the-tests-0123"
# What pages do not go beyond that people call steady.
STEADY = 0.05
WITHIN_MS = 60_000
# Shifts that a person has caused do not count.
SUM_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts.push(entry.value);
}).observe({ type: "layout-shift", buffered: true });
"""
# A page's policy lets no text be evaluated there, so nothing is asked again and again: the browser tells.
PAINTED = """() => new Promise((done) =>
  new PerformanceObserver((list) => {
    if (list.getEntriesByName("first-contentful-paint").length) done();
  }).observe({ type: "paint", buffered: true })
)"""
SUM = "window.shifts.reduce((sum, each) => sum + each, 0)"
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


async def live_for_days(pair: Pair, clock: Clock) -> tuple[str, str]:
    """Six apps of a pipeline, one of which moves; return a resource of it and the pipeline's id."""
    staging = await provision(pair, "shop-staging")
    for app in ("shop", "shop-dev", "shop-pr-1", "shop-ci", "blog"):
        await provision(pair, app)
    clock.advance(timedelta(days=9))
    pair.heroku.move("shop-dev", Stage.STAGING)
    await pair.sweep()
    clock.advance(timedelta(days=11))
    await pair.parts.roll_up.count_all()
    coupling = pair.heroku.state.apps["shop"].coupling
    assert coupling is not None
    return staging.id, coupling.pipeline.id


async def sum_shifts(page: Page, url: str) -> tuple[float, int]:
    """Open a page whose scripts come once it was painted; return how far what was there moved, and their number."""
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)
        await page.evaluate(PAINTED)
        await page.evaluate(TWO_FRAMES)
        await route.continue_()

    await page.route("**/*.js?*", hold)
    await page.goto(url)
    await page.evaluate(TWO_FRAMES)
    total = await page.evaluate(SUM)
    await page.unroute("**/*.js?*")
    return total, len(held)


async def test_pages_stand_still_and_the_past_is_scrubbed_through(sqlite_url: str) -> None:
    """No page moves when its script comes; the slider goes by mouse and by keys, and shows the day it was left at."""
    clock = Clock()
    clock.set(MONDAY)
    figures = (Figure(label="Documents", value=12_408), Figure(label="Queries", value=9.5, trend=(1, 2, 3)))

    def show(_resource: Resource) -> Panel:
        return Panel(figures=figures)

    async with (
        play_pair(sqlite_url, acme=Acme(panel=show), clock=clock, HEADRACE_OPERATOR_SECRET=SECRET) as pair,
        async_playwright() as playwright,
    ):
        uuid, pipeline = await live_for_days(pair, clock)
        cookie = await log_in(pair, pair.heroku.find_addon(uuid))
        context = await (await launch_async(playwright)).new_context()
        await context.add_cookies([{"name": COOKIE, "value": cookie, "url": pair.url}])
        page = await context.new_page()
        await page.goto(f"{pair.url}/operators/login")
        await page.get_by_label("Secret").fill(SECRET)
        await page.get_by_role("button", name="Log in").click()
        await page.wait_for_url(f"{pair.url}/operators", timeout=WITHIN_MS)
        await page.add_init_script(SUM_SHIFTS)
        compare = f"{pair.url}/board/pipelines/{pipeline}"
        addresses = [f"{pair.url}{path}" for path in ("/board", "/operators", f"/operators/resources/{uuid}")]
        moved: dict[tuple[int, str], float] = {}
        scripts = 0
        for width in (DESK, PHONE):
            await page.set_viewport_size({"width": width, "height": 844})
            for address in (compare, f"{compare}?on=2026-11-09", *addresses):
                total, held = await sum_shifts(page, address)
                scripts += held
                moved |= {(width, address): total} if total >= STEADY else {}

        assert {} == moved
        assert scripts >= 6
        await page.evaluate("document.querySelector('main').prepend(...document.querySelectorAll('aside'))")
        await page.evaluate(TWO_FRAMES)
        assert STEADY < await page.evaluate(SUM)
        await page.set_viewport_size({"width": DESK, "height": 844})
        await scrub(page, compare)


async def scrub(page: Page, compare: str) -> None:
    """Drag the slider, and then move it by keys: the date goes along, and the page follows when it comes to rest."""
    await page.goto(compare)
    slider = page.get_by_label("Day")
    date = page.locator("#scrub input[type=date]")
    await expect(date).to_have_value("2026-11-22")
    box = await slider.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    await page.mouse.move(box["x"] + box["width"] - 4, middle)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] / 2, middle, steps=8)
    await expect(date).to_have_value("2026-11-12")
    await expect(slider).to_have_attribute("aria-valuetext", "2026-11-12")
    assert compare == page.url
    await page.mouse.up()
    await page.wait_for_url("**?on=2026-11-12*", timeout=WITHIN_MS)
    await expect(page.get_by_role("heading", name="Side by side, as of 12 Nov 2026")).to_be_visible()
    await expect(slider).to_be_focused()

    for key in ("ArrowLeft", "ArrowLeft", "PageDown"):
        await page.keyboard.press(key)
    await expect(date).to_have_value("2026-11-03")
    await page.wait_for_url("**?on=2026-11-03*", timeout=WITHIN_MS)
    await expect(slider).to_be_focused()
    await page.keyboard.press("Home")
    await page.wait_for_url("**?on=2026-11-02*", timeout=WITHIN_MS)
