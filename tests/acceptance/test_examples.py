"""The examples that are one module of hooks, each run by a service beside an emulated Heroku."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from starlette.applications import Starlette

from headrace import AddonService
from headrace.models import State
from headrace.process.ports import bind
from headrace.serving import serving
from house.rooms import ROOT
from pair import Acme, play_pair

pytestmark = pytest.mark.acceptance


class ExampleAcme(Acme):
    """A partner whose hooks are those of an example, as it is but for where its settings come from."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.source = (ROOT / "examples" / name).read_text(encoding="utf-8")
        self.members: dict[str, Any] = {}

    def register(self, service: AddonService) -> None:
        lines = self.source.splitlines(keepends=True)
        kept = [line for line in lines if line != "service = AddonService.from_env()\n"]
        assert len(kept) == len(lines) - 1
        self.members = {"service": service, "__name__": "example"}
        exec("".join(kept), self.members)


async def test_review_apps_share_one_index_which_goes_with_the_last(database_url: str) -> None:
    """Those that come and go at the same moment too; whatever is no review app has its own."""
    acme = ExampleAcme("shared_review.py")
    async with play_pair(database_url, acme=acme) as pair:
        indexes = acme.members["indexes"]
        for app in ("shop-dev", "shop-staging"):
            pair.heroku.move(app, "review")
        apps = ("shop-dev", "shop-staging", "shop-pr-1", "shop")
        addons = await asyncio.gather(*(pair.heroku.create_addon(app, "acme-search:free") for app in apps))
        await pair.settle()
        urls = {addon.config["ACME_SEARCH_URL"] for addon in addons[:3]}
        shared = len(indexes)
        await pair.heroku.deprovision(addons[0])
        await pair.settle()
        after_one = len(indexes)
        await asyncio.gather(*(pair.heroku.deprovision(addon) for addon in addons[1:3]))
        await pair.settle()

        assert [State.DEPROVISIONED] * 3 == [(await pair.find(addon.id)).state for addon in addons[:3]]
        assert (1, 2, 2) == (len(urls), shared, after_one)
        assert [addons[3].id] == list(indexes)


async def test_errors_are_told_to_a_tracker_in_three_lines(sqlite_url: str) -> None:
    """The hooks share a session, which is closed with the service."""
    acme = ExampleAcme("errors.py")
    answers = [503, 503, 200]

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=answers.pop(0))

    cloud = web.Application()
    cloud.router.add_post("/indexes/{uuid}", answer)
    runner = web.AppRunner(cloud)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with play_pair(sqlite_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:free", options={"cloud": url})
        await pair.settle()
        events, session = acme.members["tracker"].events, acme.members["http"].value

        assert State.PROVISIONED == addon.state
        assert [{"hook": "on_provision", "resource": addon.id, "attempt": number} for number in (1, 2)] == [
            tags for tags, _ in events
        ]
        assert all("503" in str(error) for _, error in events)
    await runner.cleanup()
    assert session.closed


async def test_an_apps_log_is_kept_with_a_line_of_the_add_ons(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an app logs comes once, with every word; when the add-on goes its log goes too."""
    acme = ExampleAcme("logs.py")
    with bind("127.0.0.1", 0) as bound:
        monkeypatch.setenv("ACME_LOGS_URL", f"http://127.0.0.1:{bound.getsockname()[1]}")
        async with play_pair(sqlite_url, acme=acme, requires=["many_per_app", "syslog_drain", "log_input"]) as pair:
            logs = acme.members["logs"]
            async with serving(Starlette(routes=acme.members["routes"]), bound):
                addon = await pair.heroku.create_addon("shop", "acme-search:free")
                await pair.settle()
                pair.heroku.log("shop", "[info] listening on 5000")
                await pair.heroku.settle()
                kept = [line.message for line in logs[addon.id]]
                await pair.heroku.deprovision(addon)
                await pair.settle()

        assert ["[info] listening on 5000"] == kept
        assert addon.id not in logs
