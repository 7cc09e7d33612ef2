"""A resource is found from where it stands, by its name, and by filters."""

import re

from browsing import provision
from headrace.store.reports.paging import PAGE
from store.making import HOUR, NOON, add_resource, id_of
from web.operators.listing import enter, look, play, read


async def test_a_resource_is_found_by_every_way(database_url: str) -> None:
    """From its pipeline, from the list, by search and by filter, on pages and JSON alike."""
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


async def test_a_list_is_sorted_and_read_back_with_its_filters(sqlite_url: str) -> None:
    """Heads are links that say how the list goes; pages follow the order either way, and filters stay in all."""
    async with play(sqlite_url) as pair:
        with pair.parts.database.transaction() as connection:
            for number in range(PAGE + 3):
                name, app = f"acme-{number:02}", f"app-{99 - number}"
                add_resource(connection, name, at=NOON + number * HOUR, state="provisioned", app_name=app)
        cookie = await enter(pair)
        first = await read(pair, cookie, "resources.json?state=provisioned&sort=app")
        second = await read(
            pair, cookie, first["next"].removeprefix("/operators/").replace("resources?", "resources.json?")
        )
        back = await read(
            pair, cookie, second["previous"].removeprefix("/operators/").replace("resources?", "resources.json?")
        )
        page = await look(pair, cookie, "resources?state=provisioned&sort=app")

    assert [f"app-{47 + number}" for number in range(PAGE)] == [row["app_name"] for row in first["resources"]]
    assert [id_of(f"acme-0{number}") for number in (2, 1, 0)] == [row["uuid"] for row in second["resources"]]
    assert (first, None, None) == (back, first["previous"], second["next"])
    assert {"count": PAGE + 3, "is_more": False} == first["total"]
    assert all("state=provisioned&sort=app" in address for address in (first["next"], second["previous"]))
    assert f"{PAGE + 3} resources, by app, A to Z" in page.text
    head = r'class="sort" href="/operators/resources\?state=provisioned&amp;sort=([-a-z]+)"'
    assert ["-app", "-created"] == re.findall(head, page.text)
    assert ['aria-sort="ascending"'] == re.findall(r'aria-sort="[a-z]+"', page.text)


async def test_a_list_is_as_long_as_it_can_tell(sqlite_url: str) -> None:
    """What is no order of the list, or no place in it, is left out."""
    async with play(sqlite_url) as pair:
        addon = await provision(pair, "shop")
        cookie = await enter(pair)
        odd = [
            await read(pair, cookie, f"resources.json?{query}")
            for query in (
                "sort=plan",
                "sort=placed",
                "sort=app&before=x",
                "back_before=x",
                "stage=production&before=x/y",
            )
        ]

    assert [[addon.id]] * len(odd) == [[row["uuid"] for row in each["resources"]] for each in odd]
