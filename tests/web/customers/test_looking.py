"""What an open board's script is sent: that there is another version, what has changed, and panels in sight."""

import gzip
import json
import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from browsing import Page, log_in, provision, visit
from headrace.hooks.arguments import Resource
from headrace.hooks.panel import Panel
from headrace.inspector.board_parts import Known
from headrace.models import Stage
from headrace.web.customers.looking import LOOK_LIMIT
from headrace.web.ground.compression import LEVEL
from pair import ADA, Acme, Pair, play_pair
from scenes import NOON, SCENES, render_resources

LANE = re.compile(r'<details class="lane" id="([^"]+)" data-digest="([^"]+)"')
ODD = ("", "[]", '{"cards": [1]}', "{", b'{"lanes": ["\xff"]}')
UNHEARD_OF = '{"lanes": ["abcdef"], "cards": ["ghijkl"], "open": ["shop"]}'
CARD = re.compile(r'<article class="card[^"]*" id="resource-([^"]+)" data-digest="([^"]+)"')


def learn(page: str) -> dict[str, list[str]]:
    """What a browser has of a page."""
    return {
        "lanes": [digest for _, digest in LANE.findall(page)],
        "cards": [digest for _, digest in CARD.findall(page)],
    }


async def take(pair: Pair, cookie: str, *, page: str = "", is_open: tuple[str, ...] = (), path: str = "/board") -> Page:
    return await visit(pair, path, cookie=cookie, form=json.dumps({**learn(page), "open": is_open}))


async def look(pair: Pair, cookie: str, version: str, path: str = "/board") -> Page:
    headers = {"If-None-Match": version, "Prefer": "return=minimal"}
    return await visit(pair, path, cookie=cookie, headers=headers)


def list_digests(board: Any) -> dict[str, list[str]]:
    """What a program has of a board whose cards are all in pipelines."""
    cards = [card for lane in board["pipelines"] for cards in lane["stages"].values() for card in cards]
    return {"lanes": [each["digest"] for each in board["pipelines"]], "cards": [each["digest"] for each in cards]}


def forget_age(board: str) -> Any:
    return json.loads(board) | {"built_at": ""}


async def test_a_script_is_told_that_there_is_another_version_and_sent_what_has_changed(database_url: str) -> None:
    """The card that moved and its lane; of everything else, where it stands."""
    async with play_pair(database_url) as pair:
        addon, other = await provision(pair, "shop-staging"), await provision(pair, "shop")
        cookie = await log_in(pair, addon)
        first = await visit(pair, "/board", cookie=cookie)
        same = await look(pair, cookie, first.headers["ETag"])
        pair.heroku.move("shop-staging", Stage.PRODUCTION)
        await pair.parts.inspector.inspect(addon.id)
        told = await look(pair, cookie, first.headers["ETag"])
        sent = await take(pair, cookie, page=first.text)

        assert (304, "") == (same.status, same.text)
        assert (204, "") == (told.status, told.text)
        assert "return=minimal" == told.headers["Preference-Applied"]
        assert 200 == sent.status
        assert told.headers["ETag"] == sent.headers["ETag"]
        assert [addon.id] == [uuid for uuid, _ in CARD.findall(sent.text)]
        place = [uuid for uuid, _ in CARD.findall(first.text)].index(other.id)
        assert [f"{place}-{place}"] == re.findall(r'data-cards="([^"]+)"', sent.text)


def test_one_move_on_a_board_of_2000_weighs_little() -> None:
    """At most 10 KB, before it is compressed; the page has over a megabyte."""
    resources = SCENES["2000-resources"]()
    whole = render_resources(resources)
    last = resources[-5]
    resources[-5] = replace(last, stage=Stage.PRODUCTION, moved_from=last.stage, moved_at=NOON)
    sent = render_resources(resources, known=msgspec.convert(learn(whole), Known))

    assert 2000 == len(CARD.findall(whole))
    assert len(whole) > 1_000_000
    assert [last.uuid] == [uuid for uuid, _ in CARD.findall(sent)]
    assert len(sent) <= 10_000
    assert len(gzip.compress(sent.encode(), LEVEL)) <= 3_000


async def test_panels_are_asked_for_where_they_are_in_sight(sqlite_url: str) -> None:
    """A lane that is folded waits until it is unfolded; then its cards come with their figures."""
    asked: list[str] = []

    def show(resource: Resource) -> Panel:
        asked.append(resource.uuid)
        return Panel(sentence="All is well.")

    async with play_pair(sqlite_url, acme=Acme(panel=show)) as pair:
        apps = [f"loose-{number}" for number in range(7)]
        for app in apps:
            pair.heroku.create_app(app, owner=ADA)
        addon = await provision(pair, "shop")
        loose = [await provision(pair, app) for app in apps]
        cookie = await log_in(pair, addon)
        page = await visit(pair, "/board", cookie=cookie)
        before = asked.copy()
        asked.clear()
        unfolded = await take(pair, cookie, page=page.text, is_open=("uncoupled",))

        assert [addon.id] == before
        assert {each.id for each in loose} < set(asked)
        assert {each.id for each in loose} == {uuid for uuid, _ in CARD.findall(unfolded.text)}
        assert 7 == unfolded.text.count("All is well.")


async def test_a_program_says_what_it_shows_and_panels_of_that_are_asked_for(sqlite_url: str) -> None:
    """Where it unfolds a lane, the cards in it come anew, with what the partner said; who says nothing has all."""
    asked: list[str] = []

    def show(resource: Resource) -> None:
        asked.append(resource.uuid)

    async with play_pair(sqlite_url, acme=Acme(panel=show)) as pair:
        apps = [f"loose-{number}" for number in range(7)]
        for app in apps:
            pair.heroku.create_app(app, owner=ADA)
        addon = await provision(pair, "shop")
        loose = {(await provision(pair, app)).id for app in apps}
        cookie = await log_in(pair, addon)
        first = json.loads((await visit(pair, "/board.json?open=first", cookie=cookie)).text)
        asked_first = asked.copy()
        body = {**list_digests(first), "open": ["uncoupled"]}
        unfolded = json.loads((await visit(pair, "/board.json", cookie=cookie, form=json.dumps(body))).text)
        nothing = json.loads((await visit(pair, "/board.json?open=", cookie=cookie)).text)
        asked.clear()
        whole = json.loads((await visit(pair, "/board.json", cookie=cookie)).text)

        assert [addon.id] == asked_first
        assert [False] * 7 == ["panel" in card for card in first["uncoupled"]]
        assert loose == {card["uuid"] for card in unfolded["uncoupled"]}
        assert [None] * 7 == [card["panel"] for card in unfolded["uncoupled"]]
        assert [False] * 7 == ["panel" in card for card in nothing["uncoupled"]]
        assert loose | {addon.id} == set(asked)
        assert [None] * 7 == [card["panel"] for card in whole["uncoupled"]]


@pytest.mark.parametrize(("path", "kind"), [("/board", "text/html"), ("/board.json", "application/json")])
async def test_what_is_no_look_is_refused(sqlite_url: str, path: str, kind: str) -> None:
    """With what to think of it; nobody else's session is let in."""
    async with play_pair(sqlite_url) as pair:
        cookie = await log_in(pair, await provision(pair))
        odd = [await visit(pair, path, cookie=cookie, form=body) for body in ODD]
        large = await visit(pair, path, cookie=cookie, form=json.dumps({"lanes": ["x" * LOOK_LIMIT]}))

        assert [400] * len(ODD) == [page.status for page in odd]
        assert "The body: Expected" in odd[1].text
        assert 413 == large.status
        assert 401 == (await visit(pair, path, form="{}")).status
        assert {kind} == {page.headers["Content-Type"].partition(";")[0] for page in (*odd, large)}


async def test_a_program_is_told_that_there_is_another_version_and_sent_what_has_changed(database_url: str) -> None:
    """As a page's script is: the card that moved, and of its neighbour where it stands."""
    async with play_pair(database_url) as pair:
        addon, other = await provision(pair, "shop-staging"), await provision(pair, "shop")
        cookie = await log_in(pair, addon)
        first = await visit(pair, "/board.json", cookie=cookie)
        pair.heroku.move("shop-staging", Stage.PRODUCTION)
        await pair.parts.inspector.inspect(addon.id)
        told = await look(pair, cookie, first.headers["ETag"], path="/board.json")
        sent = await visit(pair, "/board.json", cookie=cookie, form=json.dumps(list_digests(json.loads(first.text))))
        same = await look(pair, cookie, sent.headers["ETag"], path="/board.json")
        (lane,) = json.loads(sent.text)["pipelines"]

        assert (204, "") == (told.status, told.text)
        assert 200 == sent.status
        assert 304 == same.status
        assert [addon.id] == re.findall(r'"uuid":"([^"]+)"', sent.text)
        place = re.findall(r'"uuid":"([^"]+)"', first.text).index(other.id)
        (stage,) = lane["stages"].values()
        assert [place, place] == stage[0][:2]
        assert addon.id == stage[1]["uuid"]


async def test_a_program_that_has_nothing_is_sent_the_whole(sqlite_url: str) -> None:
    """What a read without a body is answered."""
    async with play_pair(sqlite_url) as pair:
        cookie = await log_in(pair, await provision(pair))
        whole = await visit(pair, "/board.json", cookie=cookie)
        posted = [await visit(pair, "/board.json", cookie=cookie, form=body) for body in ("{}", UNHEARD_OF)]

        assert [forget_age(whole.text)] * 2 == [forget_age(page.text) for page in posted]
