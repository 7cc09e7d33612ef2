"""The page of one resource, and its timeline."""

from browsing import provision
from headrace.store.state.timeline import TimelineName, add_event
from headrace.web.operators.story.lines import PAGE
from pair import Acme
from web.operators.listing import enter, look, play, read


async def test_the_timeline_has_requests_steps_deliveries_and_moves(database_url: str) -> None:
    """In order, on the page and in the JSON, page after page, in either order; and what failed by its kind alone."""
    acme = Acme(error=RuntimeError("the cloud is down"), failures_left=1)
    async with play(database_url, acme=acme) as pair:
        addon = await provision(pair, "shop-staging")
        pair.heroku.move("shop-staging", "production")
        await pair.parts.inspector.inspect(addon.id)
        cookie = await enter(pair)
        path = f"resources/{addon.id}"
        with pair.parts.database.transaction() as connection:
            for number in range(PAGE):
                add_event(connection, addon.id, list(TimelineName)[number % 2], number=number, now=pair.parts.clock())
        pages, here = [], f"{path}.json?order=oldest"
        while here:
            told = await read(pair, cookie, here)
            pages.append(told["events"])
            here = (told["next"] or "").removeprefix("/operators/")
        page = await look(pair, cookie, f"{path}?order=oldest")
        newest = await read(pair, cookie, f"{path}.json")

    lines = [line for each in pages for line in each]
    names = [line["name"] for line in lines]
    assert PAGE == len(pages[0])
    assert len(lines) == len({(line["source"], line["id"]) for line in lines})
    assert {"provision.requested", "run_hook", "provision.done", "placement.moved"} <= set(names)
    assert set(range(PAGE)) == {line["detail"].get("number") for line in lines} - {None}
    assert sorted(line["at"] for line in lines) == [line["at"] for line in lines]
    latest = [line["at"] for line in newest["events"]]
    assert sorted(latest, reverse=True) == latest
    assert PAGE - 1 in [line["detail"].get("number") for line in newest["events"]]
    assert ("RuntimeError", False) == (
        next(line["detail"]["reason"] for line in lines if line["source"] == "step" and "reason" in line["detail"]),
        "the cloud is down" in page.text,
    )
    assert ("provisioned", True, ["production", "staging"]) == (
        told["resource"]["state"],
        told["token"]["has_token"],
        [each["stage"] for each in told["placements"]],
    )
    assert ("<svg" in page.text, "Moved" in page.text) == (True, True)
