"""The operators' page of requests with Heroku: in both directions, with filters, of one resource or of all."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from browsing import log_in, provision
from headrace.clock import read_clock
from headrace.emulator import Fault
from headrace.protocol.kept_requests import Direction, KeptRequest
from headrace.store.state.hour_counts import HourFigure, save_hour_counts
from headrace.store.state.kept_requests import save_requests
from pair import Pair
from web.operators.entering import play as play_once
from web.operators.listing import enter, look, play, read

UUID = "01234567-89ab-cdef-0123-456789abcdef"


def make(at: datetime, **options: Any) -> KeptRequest:
    return KeptRequest(
        **{
            "direction": Direction.TO_HEROKU,
            "purpose": "check",
            "at": at,
            "method": "GET",
            "path": f"/addons/{UUID}",
            "status": 503,
            "ms": 88,
            "request_id": "",
            "resource_uuid": UUID,
            "workflow": None,
            "step": None,
            "asked": "",
            "answered": '{"id":"<odd>"}',
            **options,
        }
    )


async def fill(pair: Pair) -> datetime:
    """Put sixty failed checks of one minute in, and of three days ago a login and a request without an answer."""
    now = read_clock()
    old = now - timedelta(days=3)
    rows = [make(now - timedelta(seconds=number), request_id=f"id-{number}") for number in range(60)]
    rows.append(make(old, direction=Direction.FROM_HEROKU, purpose="sso", path="/sso/100%_login", status=303))
    rows.append(make(old - timedelta(hours=1), status=None, resource_uuid=None))
    await pair.parts.database.write(save_requests, rows)
    return now


async def test_a_provision_is_told_in_both_directions(database_url: str) -> None:
    """What Heroku asked and what it was asked stand under one head; secrets are masks, and the JSON says the same."""
    async with play(database_url, HEADRACE_RECHECK_SECONDS="3600") as pair:
        addon = await provision(pair)
        await log_in(pair, addon)
        await pair.parts.requests.flush()
        cookie = await enter(pair)
        page = await look(pair, cookie, f"requests?resource={addon.id}")
        told = await read(pair, cookie, f"requests.json?resource={addon.id}")
        resource = await look(pair, cookie, f"resources/{addon.id}")

    paths = [(row["direction"], row["path"]) for row in told["requests"] if row["purpose"] == "provision"]
    assert [("from", "/heroku/resources"), ("to", "/oauth/token")] == paths[:-3:-1]
    assert (told["count"], told["failed"]) == (told["to_heroku"] + told["from_heroku"], 0)
    assert 1 == page.text.count("<h3>Provision</h3>")
    assert 'client_secret=<i class="mask">masked</i>' in page.text
    assert "Login by SSO" in page.text
    assert f'href="/operators/requests?resource={addon.id}"' in resource.text


async def test_filters_count_what_they_would_show(database_url: str) -> None:
    """Direction, answer and time stay in the address, and each chip's count is of the others as they are."""
    async with play(database_url) as pair:
        await fill(pair)
        cookie = await enter(pair)
        everything = await look(pair, cookie, f"requests?resource={UUID}")
        failed = await read(pair, cookie, "requests.json?answer=none")
        lately = await look(pair, cookie, "requests?when=day&direction=to")
        found = [await read(pair, cookie, f"requests.json?q={text}") for text in ("id-59", "100%25_l", "0%25x", "sso")]
        none = await look(pair, cookie, "requests?q=nothing-has-this")

    for chip in ("to Heroku 60", "from Heroku 1", "3xx 1", "5xx 60", "no answer 0", "last 24 hours 60"):
        assert chip in everything.text
    assert (1, None) == (failed["count"], failed["requests"][0]["resource_uuid"])
    for chip in ("5xx 60", "no answer 0", "from Heroku 0", "last 24 hours 60"):
        assert chip in lately.text
    assert [1, 1, 0, 1] == [len(each["requests"]) for each in found]
    assert "No request here" in none.text


async def test_pages_go_on_where_the_last_one_ended(database_url: str) -> None:
    """Latest first; nothing is twice or missing, and what is odd comes out as text."""
    async with play(database_url) as pair:
        await fill(pair)
        cookie = await enter(pair)
        first = await read(pair, cookie, "requests.json")
        second = await read(pair, cookie, first["next"].removeprefix("/operators/"))
        page = await look(pair, cookie, "requests")
        odd = await read(pair, cookie, "requests.json?before=soon/x")

    rows = [*first["requests"], *second["requests"]]
    assert (62, 62, None) == (len(rows), len({row["id"] for row in rows}), second["next"])
    assert sorted((row["at"] for row in rows), reverse=True) == [row["at"] for row in rows]
    assert "&lt;odd&gt;" in page.text
    assert "50 shown, of 62" in page.text
    assert odd["requests"] == first["requests"]


async def test_what_was_too_much_is_said(database_url: str) -> None:
    """And for how long requests are kept, or that they are not."""
    async with play(database_url) as pair:
        counts = {(HourFigure.NOT_KEPT, ""): 1234.0}
        await pair.parts.database.write(partial(save_hour_counts, now=pair.parts.clock()), counts)
        page = await look(pair, await enter(pair), "requests")
    async with play(database_url, HEADRACE_KEEP_REQUESTS_DAYS="0") as pair:
        off = await look(pair, await enter(pair), "requests")

    assert "1,234 requests of the last 8 days are not here" in page.text
    assert "For 7 days, at most 200 of a resource and 50,000 in all." in page.text
    assert "Requests are not kept" in off.text


async def test_a_step_that_failed_leads_to_its_requests(sqlite_url: str) -> None:
    """From the line of the timeline to what Heroku was asked in that step, and said."""
    async with play_once(sqlite_url) as pair:
        pair.heroku.faults.add(Fault(kind="status", status=422, path="/addons/*/config"))
        uuid = (await provision(pair)).id
        cookie = await enter(pair)
        page = await look(pair, cookie, f"resources/{uuid}")
        links = [part.split('"')[0] for part in page.text.split('href="')[1:] if "step=" in part.split('"')[0]]
        await pair.parts.requests.flush()
        told = [await read(pair, cookie, _as_json(link)) for link in links]

    assert [[("PATCH", 422)]] == [[(row["method"], row["status"]) for row in each["requests"]] for each in told]


def _as_json(link: str) -> str:
    return link.replace("&amp;", "&").replace("/operators/requests?", "requests.json?")
