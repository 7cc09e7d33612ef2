"""What failed is tried again: an operator in a real browser, before a service whose hook is mended meanwhile."""

import pytest
from playwright.async_api import async_playwright, expect

from acceptance.judging import launch_async
from acceptance.test_every_page import SECRET
from browsing import provision
from headrace.errors import MisuseError
from headrace.models import State
from pair import Acme, play_pair
from store.making import add_resource

pytestmark = pytest.mark.acceptance


async def test_an_operator_has_a_failed_workflow_tried_again(sqlite_url: str) -> None:
    """The hook failed for good, and was mended; the order asks whether it is meant, and the resource goes."""
    acme = Acme(drop_error=MisuseError("The index cannot be dropped."))
    async with (
        play_pair(sqlite_url, acme=acme, HEADRACE_OPERATOR_SECRET=SECRET) as pair,
        async_playwright() as playwright,
    ):
        addon = await provision(pair)
        await pair.heroku.deprovision(addon)
        await pair.settle()
        acme.drop_error = None
        page = await (await launch_async(playwright)).new_page()
        await page.goto(f"{pair.url}/operators/login")
        await page.get_by_label("Secret").fill(SECRET)
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_role("link", name="Workflows").click()
        await page.get_by_role("link", name="Retry …").click()
        await expect(page.get_by_text("What failed is tried again, from its first step")).to_be_visible()
        assert State.FAILED == (await pair.find(addon.id)).state
        await page.get_by_role("button", name="Retry").click()
        await expect(page).to_have_url(f"{pair.url}/operators/resources/{addon.id}")
        await pair.settle()
        await page.get_by_role("link", name="Workflows").click()

        await expect(page.get_by_text("Nothing has failed that is not settled.")).to_be_visible()
        assert State.DEPROVISIONED == (await pair.find(addon.id)).state


async def test_a_list_refreshes_itself_and_nothing_jumps(sqlite_url: str) -> None:
    """Every ten seconds, but not while somebody types; the focus stays, and when it could not is said."""
    async with (
        play_pair(sqlite_url, HEADRACE_OPERATOR_SECRET=SECRET) as pair,
        async_playwright() as playwright,
    ):
        page = await (await launch_async(playwright)).new_page()
        await page.goto(f"{pair.url}/operators/login")
        await page.get_by_label("Secret").fill(SECRET)
        await page.get_by_role("button", name="Log in").click()
        await expect(page).to_have_url(f"{pair.url}/operators")
        await page.clock.install()

        def add(name: str) -> None:
            with pair.parts.database.transaction() as connection:
                add_resource(connection, name, state=State.PROVISIONED, at=pair.parts.clock())

        add("first")
        await page.goto(f"{pair.url}/operators/resources")
        await page.get_by_role("link", name="first").focus()
        add("second")
        await page.clock.run_for(10_000)
        await expect(page.locator("tbody tr")).to_have_count(2)
        await expect(page.locator("#as-of")).to_contain_text("Refreshed")
        await expect(page.get_by_role("link", name="first")).to_be_focused()
        await page.get_by_role("searchbox").fill("typing")
        add("third")
        await page.clock.run_for(30_000)
        await expect(page.locator("tbody tr")).to_have_count(2)
        await page.get_by_role("searchbox").blur()
        await page.clock.run_for(10_000)
        await expect(page.locator("tbody tr")).to_have_count(3)
        await page.get_by_role("button", name="Pause").click()
        add("fourth")
        await page.clock.run_for(30_000)
        await expect(page.locator("tbody tr")).to_have_count(3)
        await page.context.set_offline(True)
        await page.get_by_role("button", name="Refresh").click()
        await page.clock.run_for(10_000)

        await expect(page.locator("#as-of")).to_contain_text("Not refreshed since")
