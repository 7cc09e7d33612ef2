"""A resource is found from where it stands, by its name, and by filters."""

from browsing import provision
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
