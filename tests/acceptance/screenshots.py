"""`./dev screenshots [FOLDER]`: a picture of every page, in both themes, as wide as a desk and as a phone.

What is on them is the same each time: the built-in world under a clock that is set and in the end stopped, with names
and figures that follow from the apps'.
"""

import asyncio
import hashlib
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Literal

from playwright.async_api import Page, async_playwright

from acceptance.installs import install_packages
from acceptance.judging import DESK, PHONE, launch_async
from headrace.assembly import Parts
from headrace.emulator import BUILT_IN_WORLD, Clock, Emulator, describe, load_world
from headrace.emulator import run as run_emulator
from headrace.errors import Refused
from headrace.hooks.arguments import PlanChange, Provision, Resource
from headrace.hooks.panel import Figure, Panel
from headrace.models import Stage, State
from headrace.service import AddonService, find_assembly
from headrace.serving import serving
from headrace.settings import read_settings
from headrace.store.reports.board import list_board_rows
from headrace.testing import eventually
from headrace.web.operators.frame.pages import OPERATOR_PAGES
from pair import QUICK_RETRIES

WORLD_URL = "http://127.0.0.1:5050"
IMAGES = Path(__file__).parents[2] / "docs" / "images"
ADA = "ada@lumen.example"
SECRET = "operators-secret-of-the-screenshots-0"
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
PLANS = {Stage.REVIEW: "free", Stage.TEST: "free", Stage.DEVELOPMENT: "basic", Stage.STAGING: "standard"}
# What has come last fails, so that operators have something to do.
FAILS = "orbit-status"
MOVES = {"ledger-api-staging": Stage.PRODUCTION, "storefront-dev": Stage.STAGING}
OPENED = "storefront-staging"
# Of these, which are long, the README shows what a screen shows.
IN_README = ("operators", "console")
SETTLED_WITHIN = timedelta(seconds=60)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main() -> None:
    folder = Path(sys.argv[1]) if sys.argv[1:] else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    install_packages("fonts-liberation")
    asyncio.run(take_all(folder))


async def take_all(folder: Path) -> None:
    clock = Clock()
    clock.set(MONDAY)
    async with playing(clock) as (heroku, parts, url), async_playwright() as playwright:
        await live_for_a_week(heroku, parts, clock)
        browser = await launch_async(playwright)
        for scheme, width in product(SCHEMES, (DESK, PHONE)):
            context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
            page = await context.new_page()
            async for name in visit(page, heroku, url):
                await page.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=True)
                print(f"{name}-{scheme}-{width}.png")  # noqa: T201
                if name in IN_README and (scheme, width) == ("light", DESK):
                    await page.screenshot(path=folder / f"{name}-top.png")
            await context.close()
        await browser.close()


async def visit(page: Page, heroku: Emulator, url: str) -> AsyncIterator[str]:
    """Go to every page and yield what it is called."""
    uuid = next(iter(heroku.state.apps[OPENED].addons))
    await page.goto(f"{heroku.url}/sso/apps/{OPENED}/addons/{uuid}?user={ADA}", wait_until="commit")
    await page.wait_for_url(f"{url}/board#*")
    yield "board"
    await page.goto(f"{url}/operators/login")
    await page.get_by_label("Secret").fill(SECRET)
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url(f"{url}/operators")
    for address in (*OPERATOR_PAGES, f"/operators/resources/{uuid}"):
        await page.goto(url + address)
        yield "operators-resource" if uuid in address else address.strip("/").replace("/", "-")
    await page.goto(f"{heroku.url}/__emulator__?app={OPENED}")
    yield "console"


async def live_for_a_week(heroku: Emulator, parts: Parts, clock: Clock) -> None:
    """Every app adds Acme Search, one after the other; two of them move, one provision is given up."""
    apps = [app for app in heroku.state.apps if app.name != FAILS]
    for app in [*apps, heroku.state.apps[FAILS]]:
        plan = PLANS.get(app.coupling.stage, "premium") if app.coupling else "free"
        await heroku.create_addon(app, f"acme-search:{plan}", name=f"acme-search-{app.name}")
        await eventually(lambda: is_settled(parts), within=SETTLED_WITHIN)
        clock.advance(timedelta(hours=8))
    for name, stage in MOVES.items():
        heroku.move(name, stage)
    rows = await parts.database.read(list_board_rows, None)
    await parts.inspector.inspect_all(row.uuid for row in rows if row.state is State.PROVISIONED)
    await eventually(lambda: is_settled(parts), within=SETTLED_WITHIN)
    clock.advance(timedelta(minutes=2))
    clock.freeze()
    await parts.roll_up.count_all()


async def is_settled(parts: Parts) -> bool:
    rows = await parts.database.read(list_board_rows, None)
    return not {State.PROVISIONING, State.DEPROVISIONING} & {row.state for row in rows}


@asynccontextmanager
async def playing(clock: Clock) -> AsyncIterator[tuple[Emulator, Parts, str]]:
    """Start a Heroku and an add-on that know each other, both by one clock."""
    with (
        tempfile.TemporaryDirectory(prefix="headrace-screenshots-") as folder,
        socket.socket(proto=socket.IPPROTO_TCP) as bound,
    ):
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        async with run_emulator(load_world(BUILT_IN_WORLD.replace(WORLD_URL, url)), clock=clock) as heroku:
            environment = {
                **describe(heroku).addon_services[0].settings,
                "DATABASE_URL": f"sqlite:///{Path(folder) / 'acme.db'}",
                "HEADRACE_OPERATOR_SECRET": SECRET,
            }
            service = AddonService(read_settings(environment))
            assembly = find_assembly(service)
            assembly.clock, assembly.retries = clock.now, QUICK_RETRIES
            assembly.database_clock = lambda _connection: clock.now()
            register(service)
            async with serving(service.asgi(), bound):
                yield heroku, assembly.assemble(), url


def register(service: AddonService) -> None:
    """Register hooks that invent what they show from the resource's name."""

    @service.on_provision
    async def create(provision: Provision) -> dict[str, str]:
        if provision.name == f"acme-search-{FAILS}":
            raise Refused("There is no room for another index in this region.")
        return {"ACME_SEARCH_URL": f"https://search.acme.example/{provision.uuid}"}

    @service.on_plan_change
    async def resize(_change: PlanChange) -> None: ...

    @service.on_deprovision
    async def drop(_resource: Resource) -> None: ...

    @service.panel
    async def show(resource: Resource) -> Panel:
        digest = hashlib.sha256(resource.name.encode()).digest()
        trend = tuple(float(byte) for byte in digest[:12])
        figures = (
            Figure(label="Documents", value=digest[12] * 1_250 + digest[13]),
            Figure(label="Queries, last day", value=digest[11] * 97, trend=trend),
        )
        return Panel(figures=figures, href=f"https://search.acme.example/indexes/{resource.name}")


if __name__ == "__main__":
    main()
