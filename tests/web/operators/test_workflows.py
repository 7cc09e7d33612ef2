"""What runs or waits, and why."""

from headrace.testing import eventually
from pair import Acme
from web.operators.listing import enter, look, play, read


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
    assert ["headrace", "headrace-changes", "headrace-events", "headrace-sweep"] == [
        queue["queue"] for queue in done["queues"]
    ]
