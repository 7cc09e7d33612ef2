"""The operators' lists and the page of one resource, in a running service: what they show, and what odd input does."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from browsing import OPERATOR_COOKIE, Page, provision, read_csrf, visit
from headrace.emulator import Clock
from headrace.models import State
from headrace.store.histories import find_look
from headrace.store.resources import add_event, find_resource
from headrace.testing import eventually
from headrace.web.timelines import PAGE
from pair import Acme, Pair, play_pair

SECRET = "planted-operator-secret-of-36-letters"
LISTS = ("pipelines", "resources", "workflows", "deliveries", "sync")
ODD = ("%", "_", "'", '"', "\\", "\0", "<b>", "مخزن", "\U0001f6b0", "a" * 5000, "; DROP TABLE resource", "\ufffd", " ")


def play(database_url: str, **options: Any) -> Any:
    return play_pair(database_url, HEADRACE_OPERATOR_SECRET=SECRET, **options)


async def enter(pair: Pair) -> str:
    page = await visit(pair, "/operators/login", form={"secret": SECRET}, name=OPERATOR_COOKIE)
    assert page.cookie is not None
    return page.cookie.value


async def look(pair: Pair, cookie: str, path: str, form: Any = None) -> Page:
    return await visit(pair, f"/operators/{path}", cookie=cookie, form=form, name=OPERATOR_COOKIE)


async def read(pair: Pair, cookie: str, path: str) -> Any:
    page = await look(pair, cookie, path)
    assert 200 == page.status
    return json.loads(page.text)


async def test_nothing_yet_says_what_would_be_here(database_url: str) -> None:
    """No list is a blank page, and every twin is empty."""
    async with play(database_url) as pair:
        cookie = await enter(pair)
        pages = {name: await look(pair, cookie, name) for name in LISTS}
        twins = {name: await read(pair, cookie, f"{name}.json") for name in LISTS}

    assert {200} == {page.status for page in pages.values()}
    assert "When an app with Acme Search stands in a pipeline" in pages["pipelines"].text
    assert "When a customer adds Acme Search to an app" in pages["resources"].text
    assert "Nothing runs or waits." in pages["workflows"].text
    assert "No event was taken in this time." in pages["deliveries"].text
    assert "None: Heroku has told the place of every app" in pages["sync"].text
    assert [[], [], [], [], []] == [
        twins["pipelines"]["pipelines"],
        twins["resources"]["resources"],
        twins["workflows"]["unfinished"],
        twins["deliveries"]["deliveries"],
        twins["sync"]["troubled"],
    ]


async def test_a_resource_is_found_by_every_way(database_url: str) -> None:
    """From its pipeline, from the list, by search and by filter, on pages and twins alike."""
    async with play(database_url) as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await enter(pair)
        (pipeline,) = (await read(pair, cookie, "pipelines.json?q=shop-st&has=staging&without=production"))["pipelines"]
        page = await look(pair, cookie, "pipelines?q=shop-st&has=staging&without=production")
        none = await look(pair, cookie, "pipelines?q=shop-st&has=production")
        inside = await read(pair, cookie, f"pipelines/{pipeline['id']}.json?stage=staging")
        searches = (
            f"q={addon.name}",
            f"q={addon.id}",
            "q=shop-staging",
            "stage=staging&plan=basic",
            "state=provisioned",
        )
        found = [await read(pair, cookie, f"resources.json?{search}") for search in searches]
        shown = [await look(pair, cookie, f"resources?{search}") for search in searches]
        pipeline_page = await look(pair, cookie, f"pipelines/{pipeline['id']}")

    assert ("shop", {"staging": 1}) == (pipeline["name"], pipeline["stages"])
    assert f"/operators/pipelines/{pipeline['id']}" in page.text
    assert "No pipeline matches" in none.text
    assert [[addon.id]] == [[row["uuid"] for row in stage["resources"]] for stage in inside["stages"]]
    assert [[addon.id]] * len(searches) == [[row["uuid"] for row in each["resources"]] for each in found]
    assert all(f"/operators/resources/{addon.id}" in each.text for each in [*shown, pipeline_page])


async def test_production_on_a_small_plan_is_a_filter(sqlite_url: str) -> None:
    """With the export that belongs to it; a plan that is none of the small ones leaves nothing."""
    async with play(sqlite_url, HEADRACE_SMALL_PLANS="basic") as pair:
        addon = await provision(pair, "shop")
        cookie = await enter(pair)
        found = await read(pair, cookie, "resources.json?stage=production&small_plan=1")
        other = await read(pair, cookie, "resources.json?small_plan=1&plan=free")
        page = await look(pair, cookie, "resources?stage=production&small_plan=1")

    assert [addon.id] == [row["uuid"] for row in found["resources"]]
    assert [] == other["resources"]
    assert "/operators/exports/production-on-small-plan.csv" in page.text


async def test_odd_input_breaks_nothing(database_url: str) -> None:
    """It finds nothing, or is no position at all; what is said back is escaped."""
    async with play(database_url) as pair:
        addon = await provision(pair)
        cookie = await enter(pair)
        resource = f"resources/{addon.id}"
        names = ("q", "has", "state", "stage", "plan", "kind", "after", "before", "order")
        for path in (*LISTS, resource):
            for odd in (*ODD, "9999-12-31T23:59:59.999999Z/x", "2026-11-02T12:00:00.000000Z/event/" + "9" * 30):
                query = "&".join(f"{name}={quote(odd)}" for name in names)
                for ending in ("", ".json"):
                    page = await look(pair, cookie, f"{path}{ending}?{query}")
                    assert 200 == page.status, (path, odd)
                    # Of what is JSON, no browser makes a page.
                    assert ending or "<b>" not in page.text, (path, odd)


async def test_the_timeline_has_requests_steps_deliveries_and_moves(database_url: str) -> None:
    """In order, on the page and in the twin, page after page, in either order; and what failed by its kind alone."""
    acme = Acme(error=RuntimeError("the cloud is down"), failures_left=1)
    async with play(database_url, acme=acme) as pair:
        addon = await provision(pair, "shop-staging")
        pair.heroku.move("shop-staging", "production")
        await pair.parts.inspector.inspect(addon.id)
        cookie = await enter(pair)
        path = f"resources/{addon.id}"
        with pair.parts.database.transaction() as connection:
            for number in range(PAGE):
                add_event(connection, addon.id, f"odd.{number}", now=pair.parts.clock())
        pages, here = [], f"{path}.json?order=oldest"
        while here:
            twin = await read(pair, cookie, here)
            pages.append(twin["events"])
            here = (twin["next"] or "").removeprefix("/operators/")
        page = await look(pair, cookie, f"{path}?order=oldest")
        newest = await read(pair, cookie, f"{path}.json")

    lines = [line for each in pages for line in each]
    names = [line["name"] for line in lines]
    assert PAGE == len(pages[0])
    assert len(lines) == len({(line["source"], line["id"]) for line in lines})
    assert {"provision.requested", "run_hook", "provision.done", "placement.moved", f"odd.{PAGE - 1}"} <= set(names)
    assert sorted(line["at"] for line in lines) == [line["at"] for line in lines]
    latest = [line["at"] for line in newest["events"]]
    assert sorted(latest, reverse=True) == latest
    assert f"odd.{PAGE - 1}" in [line["name"] for line in newest["events"]]
    assert ("RuntimeError", False) == (
        next(line["detail"]["reason"] for line in lines if line["source"] == "step" and "reason" in line["detail"]),
        "the cloud is down" in page.text,
    )
    assert ("provisioned", True, ["production", "staging"]) == (
        twin["resource"]["state"],
        twin["token"]["has_token"],
        [each["stage"] for each in twin["placements"]],
    )
    assert ("<svg" in page.text, "Moved" in page.text) == (True, True)


async def test_what_waits_for_its_next_attempt_shows_why(database_url: str) -> None:
    """The step, how often it was tried and the kind of the error; never its text."""
    acme = Acme()
    acme.may_go_on.clear()
    async with play(database_url, acme=acme) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        cookie = await enter(pair)
        (row,) = [
            each for each in (await read(pair, cookie, "workflows.json"))["unfinished"] if each["kind"] == "provision"
        ]
        page = await look(pair, cookie, "workflows")
        acme.may_go_on.set()
        await pair.settle()

        async def is_done() -> bool:
            # A workflow hands its resource over a moment before its own end.
            return not (await read(pair, cookie, "workflows.json"))["unfinished"]

        await eventually(is_done)
        done = await read(pair, cookie, "workflows.json")

    assert (addon.id, "provision", addon.name) == (row["resource_uuid"], row["kind"], row["resource_name"])
    assert f"/operators/resources/{addon.id}" in page.text
    assert ["headrace", "headrace-events", "headrace-sweep"] == [queue["queue"] for queue in done["queues"]]


async def test_a_look_is_ordered_for_one_resource_or_for_all(database_url: str) -> None:
    """Only by its form and with its token; the page asks before all are looked at."""
    async with play(database_url, clock=Clock()) as pair:
        addon = await provision(pair)
        cookie = await enter(pair)
        csrf = read_csrf(await look(pair, cookie, "sync"))
        asked = await look(pair, cookie, "sync/look")
        paths = (f"sync/look/{addon.id}", "sync/look")
        refused = [await look(pair, cookie, path, form={"csrf": "wrong"}) for path in paths]
        before = await pair.parts.database.read(find_look, addon.id)
        done = [await look(pair, cookie, path, form={"csrf": csrf}) for path in paths]
        await pair.sweep()
        after = await pair.parts.database.read(find_look, addon.id)
        resource = await pair.parts.database.read(find_resource, addon.id)

    assert before is not None
    assert after is not None
    assert resource is not None
    assert (State.PROVISIONED, True) == (resource.state, "Look at everything now?" in asked.text)
    assert [403, 403] == [page.status for page in refused]
    assert [f"/operators/resources/{addon.id}", "/operators/sync"] == [page.headers["Location"] for page in done]
    assert before.next_check_at - after.next_check_at <= timedelta(0)


async def test_what_is_gone_is_not_looked_at(sqlite_url: str) -> None:
    """409 and the reason."""
    async with play(sqlite_url) as pair:
        addon = await provision(pair)
        await pair.call("DELETE", f"/{addon.id}")
        await pair.settle()
        cookie = await enter(pair)
        csrf = read_csrf(await look(pair, cookie, "sync"))
        page = await look(pair, cookie, f"sync/look/{addon.id}", form={"csrf": csrf})
        shown = await look(pair, cookie, f"resources/{addon.id}")

    assert (409, True) == (page.status, "is not asked for any more" in page.text)
    assert "Look now" not in shown.text


@pytest.mark.parametrize("path", LISTS)
async def test_no_list_has_a_style_or_a_script_of_its_own(sqlite_url: str, path: str) -> None:
    """The content policy forbids both."""
    async with play(sqlite_url) as pair:
        await provision(pair)
        page = await look(pair, await enter(pair), path)

    assert ("style=" in page.text, "<script" in page.text) == (False, False)
