"""Heroku is away while boards are open: nothing false stands on any page, and all is back when it answers."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Route, async_playwright
from playwright.async_api import expect as expect_async

from acceptance.judging import launch_async
from acceptance.stand import EMBEDDING
from headrace.emulator import Clock, Fault
from headrace.inspector.inspector import ACCESS_GOOD_FOR, ACCESS_HELD_OFF
from headrace.store.reports.vitals import SILENT_AFTER
from headrace.testing import eventually
from pair import ADA, Pair, play_pair
from web.operators.entering import SECRET

pytestmark = pytest.mark.acceptance

APPS = ("shop", "shop-staging", "shop-dev", "shop-pr-1", "shop-ci", "blog", "ada-notes")
MORE = ("ada-1", "ada-2", "ada-3", "ada-4", "ada-5")
# What a page without its other cards must not say.
FALSE = (
    "No other resources",
    "1 resource",
    "addons:create",
    "up to date",
    "kept current",
    "has Acme Search.",
    "all prov",
)
SECOND = timedelta(seconds=1)
AS_ADA = {"Authorization": "Bearer ada-token", "Accept": "application/vnd.heroku+json; version=3"}


async def test_nothing_false_is_said_while_heroku_is_away(sqlite_url: str) -> None:
    """Twelve cards are open, in a page and in a component; what cannot be confirmed is hidden, or marked."""
    clock = Clock()
    async with (
        play_pair(sqlite_url, clock=clock, HEADRACE_OPERATOR_SECRET=SECRET) as pair,
        async_playwright() as playwright,
    ):
        context = await (await launch_async(playwright)).new_context()
        board, component, operators = [await context.new_page() for _ in range(3)]
        await open_all(pair, board, component, operators)
        fault = pair.heroku.faults.add(Fault(kind="status", status=503, path="/*"))
        clock.advance(ACCESS_GOOD_FOR + SECOND)
        await look(board, component)

        # Nobody knows yet that Heroku is silent for everybody; but this person's apps are not confirmed.
        await expect_async(board.locator("#silence")).to_contain_text("Heroku has not confirmed everything")
        await expect_async(board.locator(".card[data-unconfirmed]")).to_have_count(11)
        await expect_async(component.locator(".card[data-unconfirmed]")).to_have_count(11)
        clock.advance(SILENT_AFTER + SECOND)
        await look(board, component)
        await pair.parts.heartbeat.beat()
        await look(board, component)
        await expect_async(component.locator(".away")).to_contain_text("Heroku does not answer")
        open_since = await board.inner_text("body"), await component.locator("headrace-board").inner_text()
        await board.reload()
        await expect_async(board.locator("#silence")).to_contain_text("Heroku does not answer")
        await expect_async(board.locator("#live")).to_have_text("not complete")
        await expect_async(board.locator(".card")).to_have_count(1)
        await operators.reload()
        await expect_async(operators.get_by_role("alert")).to_contain_text("Heroku does not answer")
        told = await (await context.request.get(f"{pair.url}/board.json")).json()

        assert [] == [said for said in FALSE for text in (*open_since, await board.inner_text("body")) if said in text]
        assert (False, True) == (told["complete"], told["heroku_silent_since"] is not None)
        pair.heroku.faults.remove(fault)
        clock.advance(ACCESS_HELD_OFF + SECOND)
        await look(board, component)
        await pair.parts.heartbeat.beat()
        await look(board, component)

        for page in (board, component):
            await expect_async(page.locator(".card")).to_have_count(12)
            await expect_async(page.locator("[data-unconfirmed], .away")).to_have_count(0)
        await expect_async(board.locator("#live")).to_have_text("up to date")
        await expect_async(board.locator("#totals")).to_have_text("12 resources in 2 pipelines: all provisioned")


async def open_all(pair: Pair, board: Page, component: Page, operators: Page) -> None:
    """Open twelve resources of Ada's from one of them: as a page and as a component; and the operators' overview."""
    for name in MORE:
        async with pair.http.post(f"{pair.heroku.url}/apps", json={"name": name}, headers=AS_ADA) as answer:
            assert 201 == answer.status
    addons = {app: await pair.heroku.create_addon(app, "acme-search:basic") for app in (*APPS, *MORE)}
    await pair.settle()
    await board.goto(f"{pair.heroku.url}/sso/apps/shop/addons/{addons['shop'].id}?user={ADA}", wait_until="commit")
    await board.wait_for_url(f"{pair.url}/board#resource-{addons['shop'].id}")

    async def is_whole() -> bool:
        await board.reload()
        return await board.locator(".card").count() == 12

    await eventually(is_whole)
    await component.route("**/embedding", _embed)
    await component.goto(f"{pair.url}/embedding")
    await expect_async(component.locator(".card")).to_have_count(12)
    await operators.goto(f"{pair.url}/operators/login")
    await operators.get_by_label("Secret").fill(SECRET)
    await operators.get_by_role("button", name="Log in").click()
    await expect_async(operators.get_by_role("heading", name="Overview")).to_be_visible()


async def look(board: Page, component: Page) -> None:
    """Have both look now, and not within the next seconds."""
    await board.evaluate("lookNow()")
    await component.evaluate("document.querySelector('headrace-board').refresh()")


async def _embed(route: Route) -> None:
    origin = urlsplit(route.request.url)._replace(path="/page.css").geturl()
    await route.fulfill(body=EMBEDDING.replace("/page.css", origin), content_type="text/html")
