"""A fleet: resources that another provider provisions, kept current and shown by a service without a hook."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from browsing import OPERATOR_COOKIE, visit
from headrace.emulator import Addon, describe
from headrace.process.ports import bind
from headrace.service import build_fleet, find_assembly
from headrace.serving import serving
from headrace.settings import read_settings
from headrace.store.state.webhooks import find_subscription
from headrace.testing import eventually
from ordering import TOKEN, provision, worker
from pair import ADA, Pair, play_pair
from web.programs.calling import call, make_token

OPERATOR_SECRET = "operators-secret-of-36-letters-91c2a"


@asynccontextmanager
async def play_fleet(pair: Pair, folder: Path, **environment: str) -> AsyncIterator[Pair]:
    """Run a fleet beside a provider: with a database of its own, on a socket of its own."""
    with bind("127.0.0.1", 0) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        own = {"DATABASE_URL": f"sqlite:///{folder}/fleet.db", "HEADRACE_OPERATOR_SECRET": OPERATOR_SECRET}
        told = {name: value.replace("OWN", url) for name, value in environment.items()}
        service = build_fleet(read_settings({**describe(pair.heroku).addon_services[0].settings, **own, **told}))
        async with serving(service.asgi(), bound):
            parts = find_assembly(service).assemble()
            yield Pair(heroku=pair.heroku, parts=parts, acme=pair.acme, url=url, http=pair.http)


async def bring_in(pair: Pair, fleet: Pair, addon: Addon) -> str:
    """Import what the provider has, by the API; return the token that may do everything."""
    found = await pair.parts.database.read(pair.parts.secrets.find_token, addon.id)
    assert found is not None
    token = await make_token(fleet, "node")
    body = {"uuid": addon.id, "plan": "basic", "name": addon.name, "refresh_token": found.refresh.reveal()}
    status, _ = await call(fleet, "POST", "/resources", token, json=body)
    assert 201 == status
    return token


async def find_place(fleet: Pair, addon: Addon, token: str) -> Any:
    """Wait until Heroku has told where a resource is."""
    found: dict[str, Any] = {}

    async def is_placed() -> bool:
        found.update((await call(fleet, "GET", f"/resources/{addon.id}", token))[1])
        return found["placement"] is not None

    await eventually(is_placed)
    return found["placement"]


async def test_what_was_imported_is_kept_current_shown_and_ordered_about(sqlite_url: str, tmp_path: Path) -> None:
    """Place, board, config and operators' pages, and who imported it; Heroku's own calls are answered 404."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        async with worker(pair):
            addon = await provision(pair)
        async with play_fleet(pair, tmp_path) as fleet:
            token = await bring_in(pair, fleet, addon)
            place = await find_place(fleet, addon, token)
            _, board = await call(fleet, "GET", f"/resources/{addon.id}/board", token, params={"email": ADA})
            config = {"config": {TOKEN: "from-node"}}
            await call(fleet, "PATCH", f"/resources/{addon.id}/config", token, json=config)
            await fleet.settle()
            rotated, _ = await call(fleet, "POST", f"/resources/{addon.id}/rotate", token)
            form = {"secret": OPERATOR_SECRET}
            login = await visit(fleet, "/operators/login", form=form, name=OPERATOR_COOKIE)
            asked = await visit(fleet, "/heroku/resources", method="POST")
            [imported] = [event for event in await fleet.list_events(addon.id) if event.name == "resource.imported"]

        assert ("shop", "production", 422, 303) == (place["pipeline"], place["stage"], rotated, login.status)
        assert ["shop"] == [pipeline["name"] for pipeline in board["pipelines"]]
        assert "from-node" == addon.config[TOKEN]
        assert ("node", 404) == (imported.detail["by"], asked.status)


async def test_webhooks_come_to_headraces_own_address(sqlite_url: str, tmp_path: Path) -> None:
    """Not to the provider's, which would answer 404; who delivers there has to prove to be Heroku."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        async with worker(pair):
            addon = await provision(pair)
        async with play_fleet(pair, tmp_path, HEADRACE_URL="OWN") as fleet:
            await bring_in(pair, fleet, addon)

            async def find_url() -> str | None:
                found = await fleet.parts.database.read(find_subscription, addon.id)
                return found.url if found is not None and found.subscribed_at is not None else None

            await eventually(find_url)
            async with pair.http.post(f"{fleet.url}/heroku/webhooks/{addon.id}", json={}) as answer:
                assert (f"{fleet.url}/heroku/webhooks", 403) == (await find_url(), answer.status)


async def test_without_an_address_of_its_own_no_webhook_is_subscribed(sqlite_url: str, tmp_path: Path) -> None:
    """And none is taken."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        async with worker(pair):
            addon = await provision(pair)
        async with play_fleet(pair, tmp_path) as fleet:
            await find_place(fleet, addon, await bring_in(pair, fleet, addon))
            started = await fleet.parts.subscriptions.run_once()
            found = await fleet.parts.database.read(find_subscription, addon.id)
            async with pair.http.post(f"{fleet.url}/heroku/webhooks/{addon.id}", json={}) as answer:
                assert (0, None, 404) == (started, found, answer.status)
