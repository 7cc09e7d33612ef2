"""Ordering by the API: durable, told in the timeline with who gave it, and refused clearly where it does not fit."""

from typing import Any

import pytest

from headrace.emulator import Addon
from headrace.models import State
from headrace.protocol.retries import NEVER, TABLE
from headrace.store.state.config.changes import list_config_changes
from headrace.testing import eventually
from ordering import TOKEN, URL, load_config, provision
from pair import Acme, Pair, play_pair
from web.programs.calling import UUID, call, make_token
from workflows.config.test_rotate import RotatingAcme
from workflows.lifecycle.test_attempt_orders import SLOW_RETRIES, fail_first
from workflows.lifecycle.test_operations import promise_plan


async def wait_for(pair: Pair, addon: Addon, number: int, token: str) -> Any:
    """Ask for an order until it is settled, as a program would."""
    found: dict[str, Any] = {}

    async def is_settled() -> bool:
        found.update((await call(pair, "GET", f"/resources/{addon.id}/orders/{number}", token))[1])
        return found["outcome"] is not None

    await eventually(is_settled)
    await pair.settle()
    return found


async def test_config_is_set_and_the_timeline_says_by_whom(database_url: str) -> None:
    """202 with the order; what Heroku and the store have in the end is the same."""
    async with play_pair(database_url) as pair:
        addon, token = await provision(pair), await make_token(pair, "grace")
        config = {"config": {TOKEN: "t-1"}}
        status, ordered = await call(pair, "PATCH", f"/resources/{addon.id}/config", token, json=config)
        settled = await wait_for(pair, addon, ordered["number"], token)
        [requested] = [event for event in await pair.list_events(addon.id) if event.name == "config.requested"]

        assert (202, 1, "set", [TOKEN]) == (status, ordered["number"], ordered["kind"], ordered["names"])
        assert ("done", "grace", "grace") == (settled["outcome"], settled["ordered_by"], requested.detail["by"])
        assert "t-1" == addon.config[TOKEN]
        assert addon.config == await load_config(pair, addon.id)
        assert "t-1" not in str((ordered, settled))


async def test_null_removes_a_config_var(sqlite_url: str) -> None:
    """What is not named stays."""
    async with play_pair(sqlite_url) as pair:
        addon, token = await provision(pair), await make_token(pair)
        for value in ("t-1", None):
            path, body = f"/resources/{addon.id}/config", {"config": {TOKEN: value}}
            _, ordered = await call(pair, "PATCH", path, token, json=body)
            await wait_for(pair, addon, ordered["number"], token)

        assert [URL] == sorted(addon.config)


async def test_credentials_are_rotated(sqlite_url: str) -> None:
    """The hook of the running service makes the new ones."""
    async with play_pair(sqlite_url, acme=RotatingAcme()) as pair:
        addon, token = await provision(pair), await make_token(pair)
        status, ordered = await call(pair, "POST", f"/resources/{addon.id}/rotate", token)
        settled = await wait_for(pair, addon, ordered["number"], token)

        assert (202, "rotate", "done") == (status, ordered["kind"], settled["outcome"])


async def test_without_a_hook_that_rotates_there_is_nothing_to_order(sqlite_url: str) -> None:
    """422 with the lines to paste, and no order."""
    async with play_pair(sqlite_url) as pair:
        addon, token = await provision(pair), await make_token(pair)
        status, told = await call(pair, "POST", f"/resources/{addon.id}/rotate", token)

        assert (422, True) == (status, "on_rotate" in told["message"])
        assert [] == await pair.parts.database.read(list_config_changes, addon.id)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"config": {"ACME_OTHER": "x"}}, 422, "You set ACME_OTHER, which the manifest does not declare."),
        ({"config": {TOKEN: 5}}, 400, "config"),
        ({"config": {URL: "no url"}}, 422, "You set a ACME_SEARCH_URL that is not an absolute URL."),
        ({"config": {}}, 422, "There is no config var to set."),
        ({"confg": {TOKEN: "x"}}, 400, "confg"),
        ([], 400, "Expected"),
        ("x", 400, "Expected"),
    ],
)
async def test_what_cannot_be_set_is_refused_by_name(sqlite_url: str, body: Any, status: int, said: str) -> None:
    """And nothing is changed."""
    async with play_pair(sqlite_url) as pair:
        addon, token = await provision(pair), await make_token(pair)
        found, told = await call(pair, "PATCH", f"/resources/{addon.id}/config", token, json=body)

        assert (status, True) == (found, said in told["message"]), told
        assert [] == await pair.parts.database.read(list_config_changes, addon.id)


async def test_a_resource_that_is_nobodys_gone_or_failed_takes_no_orders(sqlite_url: str) -> None:
    """404, 410 and 409, with its uuid."""
    never_again = dict.fromkeys(TABLE, NEVER)
    async with play_pair(sqlite_url, acme=Acme(error=ValueError("down")), retries=never_again) as pair:
        token, gone = await make_token(pair), await provision(pair)
        await pair.call("DELETE", f"/{gone.id}")
        await pair.settle()
        pair.acme.failures_left = 1
        failed = await provision(pair, "blog")
        config = {"config": {TOKEN: "t-1"}}
        answers = [
            await call(pair, "PATCH", f"/resources/{uuid}/config", token, json=config)
            for uuid in (UUID, gone.id, failed.id)
        ]

        assert [404, 410, 409] == [status for status, _ in answers]
        assert all(uuid in told["message"] for uuid, (_, told) in zip((UUID, gone.id, failed.id), answers, strict=True))


async def test_an_order_that_is_nobodys_is_404(sqlite_url: str) -> None:
    """Whatever number it is, and whoever's resource."""
    async with play_pair(sqlite_url) as pair:
        addon, token = await provision(pair), await make_token(pair)
        paths = [f"/resources/{addon.id}/orders/{number}" for number in (0, 1, 10**30)]
        statuses = [(await call(pair, "GET", path, token))[0] for path in (*paths, f"/resources/{UUID}/orders/1")]

        assert [404] * 4 == statuses


async def test_what_failed_is_retried_or_given_up_by_name(sqlite_url: str) -> None:
    """202 and 204; the timeline says who ordered it. What has not failed is 409."""
    never_again = dict.fromkeys(TABLE, NEVER)
    async with play_pair(sqlite_url, acme=Acme(error=ValueError("down"), failures_left=2), retries=never_again) as pair:
        token, addon = await make_token(pair, "grace"), await provision(pair)
        refused, told = await call(pair, "POST", f"/resources/{addon.id}/retry", token)
        given_up, _ = await call(pair, "POST", f"/resources/{addon.id}/abandon", token)
        again, _ = await call(pair, "POST", f"/resources/{addon.id}/abandon", token)
        events = {event.name: event.detail for event in await pair.list_events(addon.id)}

        # Heroku was told that the provision failed.
        assert (409, True) == (refused, "abandon it" in told["message"])
        assert (204, 409, State.DEPROVISIONED) == (given_up, again, (await pair.find(addon.id)).state)
        assert "grace" == events["operator.abandoned"]["by"]


async def test_a_plan_change_that_failed_is_retried_by_name(sqlite_url: str) -> None:
    never_again = dict.fromkeys(TABLE, NEVER)
    acme = Acme(error=ValueError("down"))
    async with play_pair(sqlite_url, acme=acme, retries=never_again, HEADRACE_ANSWER_SECONDS="0.2") as pair:
        token, addon = await make_token(pair, "grace"), await provision(pair)
        pair.acme.failures_left = 1
        await promise_plan(pair, addon.id, "free")
        status, told = await call(pair, "POST", f"/resources/{addon.id}/retry", token)
        await pair.settle()
        [retried] = [event for event in await pair.list_events(addon.id) if event.name == "operator.retried"]

        assert (202, "plan change", "grace") == (status, told["retried"], retried.detail["by"])
        assert "free" == (await pair.find(addon.id)).plan


async def test_the_next_attempt_is_made_now(sqlite_url: str) -> None:
    """202 with what waited; where nothing waits it is 409, with the resource's name, and nothing is changed."""
    async with play_pair(sqlite_url, retries=SLOW_RETRIES) as pair:
        addon, token = await fail_first(pair), await make_token(pair, "grace")
        status, told = await call(pair, "POST", f"/resources/{addon.id}/try-now", token)
        await pair.settle()
        again = await call(pair, "POST", f"/resources/{addon.id}/give-up", token)
        [hurried] = [event for event in await pair.list_events(addon.id) if event.name == "operator.hurried"]

        assert (202, addon.id, "provision", "run_hook", 1, "ConnectionError") == (status, *list(told.values())[:5])
        assert (State.PROVISIONED, "grace") == ((await pair.find(addon.id)).state, hurried.detail["by"])
        assert (409, True) == (again[0], addon.name in again[1]["message"])
