"""What holds for every list: what it says when it is empty, what odd input does, and no style of its own."""

from urllib.parse import quote

import pytest

from browsing import provision
from web.operators.listing import LISTS, enter, look, play, read

ODD = (
    "%",
    "_",
    "'",
    '"',
    "\\",
    "\0",
    "<q>",
    "مخزن",
    "\U0001f6b0",
    "a" * 5000,
    "; DROP TABLE resource",
    "\ufffd",
    " ",
)


async def test_nothing_yet_says_what_would_be_here(database_url: str) -> None:
    """No list is a blank page, and every JSON is empty."""
    async with play(database_url) as pair:
        cookie = await enter(pair)
        pages = {name: await look(pair, cookie, name) for name in LISTS}
        told = {name: await read(pair, cookie, f"{name}.json") for name in LISTS}

    assert {200} == {page.status for page in pages.values()}
    assert "When an app with Acme Search stands in a pipeline" in pages["pipelines"].text
    assert "When a customer adds Acme Search to an app" in pages["resources"].text
    assert "Nothing runs or waits." in pages["workflows"].text
    assert "No event was taken in this time." in pages["deliveries"].text
    assert "None: Heroku has told the place of every app" in pages["sync"].text
    assert [[], [], [], [], []] == [
        told["pipelines"]["pipelines"],
        told["resources"]["resources"],
        told["workflows"]["unfinished"],
        told["deliveries"]["deliveries"],
        told["sync"]["troubled"],
    ]


async def test_odd_input_breaks_nothing(database_url: str) -> None:
    """It finds nothing, or is no position at all; what is said back is escaped."""
    async with play(database_url) as pair:
        addon = await provision(pair)
        cookie = await enter(pair)
        resource = f"resources/{addon.id}"
        names = ("q", "has", "state", "plan", "kind", "order", "sort", "region")
        positions = {"": ("stage", "after", "before"), ".json": ("back_after", "back_before")}
        for path in (*LISTS, resource):
            for odd in (*ODD, "9999-12-31T23:59:59.999999Z/x", "2026-11-02T12:00:00.000000Z/event/" + "9" * 30):
                for ending, more in positions.items():
                    query = "&".join(f"{name}={quote(odd)}" for name in (*names, *more))
                    page = await look(pair, cookie, f"{path}{ending}?{query}")
                    assert 200 == page.status, (path, odd)
                    # Of what is JSON, no browser makes a page.
                    assert ending or "<q>" not in page.text, (path, odd)


@pytest.mark.parametrize("path", LISTS)
async def test_no_list_has_a_style_or_a_script_of_its_own(sqlite_url: str, path: str) -> None:
    """The content policy forbids both."""
    async with play(sqlite_url) as pair:
        await provision(pair)
        page = await look(pair, await enter(pair), path)

    assert (False, 1) == ("style=" in page.text, page.text.count("<script"))
    assert '<script src="/static/lists.js?' in page.text
