"""Following what happened by the API: in order, waited for, at least once, and across a restart."""

import asyncio
from typing import Any

import pytest

from headrace.store.state.people.api_tokens import Scope
from headrace.store.state.timeline import TimelineName, add_event
from ordering import TOKEN, provision
from pair import Pair, play_pair
from web.programs.calling import call, make_token


async def follow(pair: Pair, token: str, **query: Any) -> list[Any]:
    """Read until nothing is new, as a program does, by what each answer says is next."""
    found: list[Any] = []
    while True:
        status, page = await call(pair, "GET", "/changes", token, params={"limit": 7, **query})
        assert 200 == status, page
        found += page["changes"]
        if not page["changes"]:
            return found
        query["after"] = page["next"]


async def test_what_happened_is_told_in_a_partners_words(database_url: str) -> None:
    """The same lines as in the timeline, each once and in its order, with who ordered it."""
    async with play_pair(database_url) as pair:
        addon, token = await provision(pair, "shop-staging"), await make_token(pair, "grace")
        await call(pair, "PATCH", f"/resources/{addon.id}/config", token, json={"config": {TOKEN: "t-1"}})
        await pair.settle()
        pair.heroku.move("shop-staging", "production")
        await pair.parts.inspector.inspect(addon.id)
        await pair.settle()
        changes = await follow(pair, token)
        by_type = {change["type"]: change for change in changes}

        assert [event.name for event in await pair.list_events(addon.id)] == [change["type"] for change in changes]
        assert len(changes) == len({change["cursor"] for change in changes})
        assert {(addon.id, addon.name)} == {(change["uuid"], change["resource"]) for change in changes}
        assert ("basic", None) == (by_type["provision.requested"]["plan"], by_type["provision.requested"]["by"])
        ordered = by_type["config.requested"]
        assert ("grace", 1, [TOKEN]) == (ordered["by"], ordered["order"], ordered["config_vars"])
        moved = by_type["placement.moved"]
        assert ("staging", "production") == (moved["old_stage"], moved["stage"])
        assert "t-1" not in str(changes)


async def test_who_has_seen_everything_waits_until_something_happens(database_url: str) -> None:
    """The answer comes with it."""
    async with play_pair(database_url) as pair:
        addon, token = await provision(pair), await make_token(pair, "reader", Scope.READ)
        last = (await follow(pair, token))[-1]["cursor"]
        waiting = asyncio.create_task(call(pair, "GET", "/changes", token, params={"after": last, "wait": 25}))
        with pair.parts.database.transaction() as connection:
            add_event(connection, addon.id, TimelineName.CONFIG_SET, now=pair.parts.clock(), number=9)
        status, page = await waiting

        assert (200, ["config.set"], [9]) == (
            status,
            [change["type"] for change in page["changes"]],
            [change["order"] for change in page["changes"]],
        )


async def test_where_nothing_happens_the_cursor_stays(sqlite_url: str) -> None:
    """An empty page, and the same `next`; also where nothing ever happened."""
    async with play_pair(sqlite_url) as pair:
        token = await make_token(pair)
        _, never = await call(pair, "GET", "/changes", token)
        await provision(pair)
        last = (await follow(pair, token))[-1]["cursor"]
        _, page = await call(pair, "GET", "/changes", token, params={"after": last, "wait": 1})

        assert {"changes": [], "next": None} == never
        assert {"changes": [], "next": last} == page


async def test_a_cursor_is_good_after_a_restart(sqlite_url: str) -> None:
    """It is kept by who follows, and what it stands behind is stored."""
    async with play_pair(sqlite_url) as pair:
        token = await make_token(pair)
        await provision(pair)
        changes = await follow(pair, token)
    async with play_pair(sqlite_url) as pair:
        again = await follow(pair, token, after=changes[2]["cursor"])

    assert changes[3:] == again


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("after=x", 400, "after: is no cursor."),
        ("after=99-1764500000000000", 409, "another history"),
        ("limit=1001", 400, "limit: is not a number from 1 to 1,000."),
        ("wait=26", 400, "wait: is not a number from 0 to 25."),
    ],
)
async def test_what_cannot_be_followed_is_said(sqlite_url: str, query: str, status: int, said: str) -> None:
    async with play_pair(sqlite_url, has_worker=False) as pair:
        found, told = await call(pair, "GET", f"/changes?{query}", await make_token(pair))

        assert (status, True) == (found, said in told["message"]), told
