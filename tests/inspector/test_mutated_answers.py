"""Every answer that Heroku gives of one resource, changed at every place: its ten neighbours are looked at as ever."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any

import pytest

from headrace.client import HerokuClient
from headrace.emulator import Switches
from headrace.inspector.batch_state import Tally
from headrace.inspector.inspector import Inspector
from headrace.protocol.platform import HEADERS
from headrace.protocol.wire import Request, Response
from headrace.store.state.due import make_due
from headrace.store.state.people.access import list_freshly_checked_apps
from headrace.store.state.placements import find_inspection
from inspector.odd_heroku import BATCH, RECHECK, inspect_batch, open_client
from pair import Pair, play_pair

# After so long the add-on itself and its pipeline are read again, and after so short a time its place alone.
WHOLE, PLACE = timedelta(days=2), timedelta(hours=4)
GOOD_APPS = ("shop-dev", "shop-pr-1", "shop-ci", "shop-staging", "blog", "ada-notes", "eves-app")
TEAMLESS = ("blog", "ada-notes", "eves-app")
ODD_APP = "shop"
# What our readers read of any answer.
READ = {"id", "app", "name", "pipeline", "stage", "owner", "user", "email", "role", "team"}
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**70,
    "",
    "a\0b",
    "\ud800",
    "x" * 400,
    BATCH,
    [],
    {},
    [[]],
    {"id": None},
)
VALUES_AT_A_PLACE = 2
ODD_RESPONSES = (
    Response(status=206, headers={"next-range": "id ä..; max=1"}, body=b"[]"),
    Response(status=304),
    Response(status=204),
    Response(status=429, headers={"retry-after": "9" * 30}, body=b"{}"),
    Response(status=404, body=b"\xff\xfe"),
    Response(status=500, body=b"<html>"),
    Response(status=200, body=b"[" * 100_000),
    Response(status=200, headers={"etag": "ä" * 9000, "ratelimit-remaining": "-7"}, body=b"null"),
)


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        ("/addons/{addon}", WHOLE),
        ("/apps/{app}/pipeline-couplings", PLACE),
        ("/pipelines/{pipeline}", WHOLE),
        ("/pipelines/{pipeline}/pipeline-couplings", PLACE),
    ],
)
async def test_a_look_at_an_odd_answer_costs_no_neighbour_anything(
    sqlite_url: str, kind: str, after: timedelta
) -> None:
    """In one batch: whatever stands anywhere in the answer, ten are inspected and none of them has an error."""
    is_list = kind.startswith("/pipelines/") and kind.endswith("couplings")
    async with play_pair(
        sqlite_url, switches=Switches(siblings_visible=is_list), HEADRACE_RECHECK_SECONDS="9000"
    ) as pair:
        odd, good = await _provision_all(pair)
        path = _fill(pair, kind, odd)
        answer = await _ask(pair, odd, path)
        for number, response in enumerate(_mutate(answer), start=1):
            tally = await _inspect_all(pair, [odd, *good], {path: response}, after=after * number)
            errors = [await _find_error(pair, uuid) for uuid in good]

            assert tally.inspected + tally.failed == len(good) + 1, response
            assert (True, [None] * len(good)) == (tally.failed <= 1, errors), response


@pytest.mark.parametrize("kind", ["/apps/{app}", "/apps/{app}/collaborators", "/teams/{team}/members"])
async def test_an_odd_answer_about_who_may_see_an_app_costs_no_neighbour_anything(database_url: str, kind: str) -> None:
    """The others' people are known, whatever stands anywhere in the answer."""
    async with play_pair(database_url, HEADRACE_RECHECK_SECONDS="9000") as pair:
        odd, _ = await _provision_all(pair)
        path, parts = _fill(pair, kind, odd), pair.parts
        apps = {addon.app.id: addon.id for addon in pair.heroku.state.addons}
        # A team's members are asked for with each of its apps.
        others = {pair.heroku.find_app(app).id for app in (TEAMLESS if "teams" in kind else GOOD_APPS)}
        answer = await _ask(pair, odd, path)
        now = parts.clock()
        for response in _mutate(answer):
            now += timedelta(minutes=10)
            async with open_client(pair, {path: response}) as client:
                await _build_inspector(pair, client, now).refresh_access(apps)
            told = await parts.database.read(list_freshly_checked_apps, apps, after=now, now=now)

            assert others <= told, response


async def _inspect_all(pair: Pair, uuids: list[str], answers: dict[str, Response], *, after: timedelta) -> Tally:
    """Have all inspected in one batch; where the service's own worker has taken some of them, once more."""
    for _ in range(20):
        await pair.parts.database.write(make_due, uuids, now=pair.parts.clock())
        tally = await inspect_batch(pair, answers, after=after)
        if tally.inspected + tally.failed == len(uuids):
            return tally
    raise AssertionError(f"The worker was quicker each time: {tally}")


async def _provision_all(pair: Pair) -> tuple[str, list[str]]:
    """One that is to be odd, and ten others; some have neighbours on their own app."""
    apps = [ODD_APP, *GOOD_APPS, "blog", "shop-dev", "ada-notes"]
    addons = [await pair.heroku.create_addon(app, "acme-search:basic") for app in apps]
    await pair.settle()
    odd, *good = [addon.id for addon in addons]
    assert 10 == len(good)
    return odd, good


def _fill(pair: Pair, kind: str, addon: str) -> str:
    app = pair.heroku.find_app(ODD_APP)
    team = next(iter(pair.heroku.state.teams)).id
    return kind.format(addon=addon, app=app.id, pipeline=pair.heroku.find_pipeline("shop").id, team=team)


async def _ask(pair: Pair, uuid: str, path: str) -> Any:
    request = Request(method="GET", path=path, endpoint=path, headers=HEADERS)
    response = await pair.parts.client.send(uuid, request)
    assert response.status in {200, 206}, (path, response.status)
    return json.loads(response.body)


def _mutate(answer: Any) -> Iterator[Response]:
    """Each place of an answer with odd values, and one left out; then what is odd as a whole."""
    # Each place has some of them, one after the other, so that all have had their turn after a few places.
    odd = cycle(ODD_VALUES)
    for place in _list_places(answer):
        for value in islice(odd, VALUES_AT_A_PLACE):
            yield Response(status=200, body=json.dumps(_put(answer, place, value)).encode())
    yield Response(status=200, body=json.dumps(_put(answer, place, None, is_left_out=True)).encode())
    yield from ODD_RESPONSES


def _list_places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to what our readers read, and to the first of each list."""
    if isinstance(value, Mapping):
        for key in sorted(value.keys() & READ):
            yield (*place, key)
            yield from _list_places(value[key], (*place, key))
    elif isinstance(value, list) and value:
        yield (*place, 0)
        yield from _list_places(value[0], (*place, 0))


def _put(answer: Any, place: tuple[Any, ...], value: Any, *, is_left_out: bool = False) -> Any:
    changed = deepcopy(answer)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    if is_left_out:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return changed


def _build_inspector(pair: Pair, client: HerokuClient, now: datetime) -> Inspector:
    return Inspector(pair.parts.database, client, clock=lambda: now, recheck_every=RECHECK, on_move=lambda *_: None)


async def _find_error(pair: Pair, uuid: str) -> str | None:
    check = await pair.parts.database.read(find_inspection, uuid)
    return check.error if check else "none"
