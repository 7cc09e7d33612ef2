"""Who may see what: Heroku's own answer about each app, and nothing of the rest anywhere."""

import re
from datetime import timedelta
from typing import Any

from browsing import COOKIE, log_in, visit
from headrace.emulator import Clock, Fault
from headrace.emulator.world.records import Addon
from headrace.errors import Refused
from headrace.inspector.visibility import Viewer, Visibility
from headrace.models import State
from headrace.testing import eventually
from pair import ADA, EVE, GRACE, Acme, Pair, play_pair

FIVE_MINUTES = timedelta(minutes=5)
SHOP = ("shop", "shop-dev", "shop-pr-1", "shop-staging")


async def get(pair: Pair, path: str, cookie: str) -> tuple[int, str]:
    page = await visit(pair, path, cookie=cookie)
    return page.status, page.text


async def list_apps(pair: Pair, cookie: str) -> list[str]:
    """The apps on a person's board, from its JSON twin."""
    headers = {"Cookie": f"{COOKIE}={cookie}"}
    async with pair.http.get(f"{pair.url}/board.json", headers=headers) as answer:
        assert 200 == answer.status
        board: dict[str, Any] = await answer.json()
    pipelined = [cards for pipeline in board["pipelines"] for cards in pipeline["stages"].values()]
    return sorted(card["app"] for cards in [*pipelined, board["uncoupled"], board["unknown"]] for card in cards)


async def provision(pair: Pair, *apps: str) -> dict[str, Addon]:
    addons = {app: await pair.heroku.create_addon(app, "acme-search:basic", name=f"named-{app}-addon") for app in apps}
    await pair.settle()
    return addons


def remove_collaborator(pair: Pair, app: str, email: str) -> None:
    user = pair.heroku.state.find_user(email)
    assert user is not None
    del pair.heroku.state.apps[app].collaborators[user.id]


def list_asked(pair: Pair) -> list[str]:
    """The ids of the apps whose collaborators Heroku was asked for, in order."""
    paths = (exchange.path for exchange in pair.heroku.traffic)
    return [path.split("/")[2] for path in paths if path.endswith("/collaborators")]


def spell_everything_of(addon: Addon) -> list[str]:
    """Whatever would name a resource or its app."""
    return [addon.id, addon.name, addon.app.id]


async def test_an_admin_of_the_team_sees_every_app_of_the_pipeline(sqlite_url: str) -> None:
    """Ada came for one resource and sees its siblings, grouped by stage, and nothing of other people."""
    async with play_pair(sqlite_url) as pair:
        addons = await provision(pair, *SHOP, "eves-app")
        cookie = await log_in(pair, addons["shop"], ADA)
        apps = await list_apps(pair, cookie)
        status, page = await get(pair, "/board", cookie)

        assert sorted(SHOP) == apps
        assert 200 == status
        assert all(app in page for app in SHOP)
        assert [] == [text for text in spell_everything_of(addons["eves-app"]) if text in page]


async def test_a_collaborator_of_one_app_sees_only_that_app(database_url: str) -> None:
    """Grace works on shop-staging: of its siblings nothing is named, counted or hinted at, in page and twin."""
    clock = Clock()
    # As time goes by, lanes are renewed.
    clock.freeze()
    async with play_pair(database_url, clock=clock) as pair:
        alone = await provision(pair, "shop-staging")
        cookie = await log_in(pair, alone["shop-staging"], GRACE)
        alone_page = (await get(pair, "/board", cookie))[1]
        others = await provision(pair, "shop", "shop-dev", "shop-pr-1")
        cookie = await log_in(pair, alone["shop-staging"], GRACE)
        page, twin = (await get(pair, "/board", cookie))[1], (await get(pair, "/board.json", cookie))[1]

        hidden = [text for addon in others.values() for text in spell_everything_of(addon)]
        assert ["shop-staging"] == await list_apps(pair, cookie)
        assert [] == [text for text in [*hidden, "shop-dev", "shop-pr-1"] if text in page or text in twin]
        assert _without_tokens(alone_page) == _without_tokens(page)


async def test_a_stranger_sees_only_what_is_theirs(sqlite_url: str) -> None:
    """Eve has an add-on of the same service, and sees no more of the others than that."""
    async with play_pair(sqlite_url) as pair:
        addons = await provision(pair, "eves-app", "shop", "blog")
        cookie = await log_in(pair, addons["eves-app"], EVE)
        page = (await get(pair, "/board", cookie))[1]

        assert ["eves-app"] == await list_apps(pair, cookie)
        hidden = spell_everything_of(addons["shop"]) + spell_everything_of(addons["blog"])
        assert [] == [text for text in hidden if text in page]


async def test_a_stranger_in_the_same_pipeline_sees_only_what_is_theirs(sqlite_url: str) -> None:
    """A pipeline may hold apps of several owners; being in it opens none of the others."""
    async with play_pair(sqlite_url) as pair:
        pair.heroku.couple("eves-app", "shop", "review")
        addons = await provision(pair, "eves-app", *SHOP)
        eves = await log_in(pair, addons["eves-app"], EVE)
        adas = await log_in(pair, addons["shop"], ADA)

        assert ["eves-app"] == await list_apps(pair, eves)
        assert sorted(SHOP) == await list_apps(pair, adas)
        assert "named-eves-app-addon" not in (await get(pair, "/board", adas))[1]


async def test_a_person_finds_their_apps_of_other_pipelines_too(sqlite_url: str) -> None:
    """Ada opens one add-on and finds those on her other apps on the same board; Grace finds none of them."""
    async with play_pair(sqlite_url) as pair:
        addons = await provision(pair, "shop-staging", "blog", "ada-notes", "eves-app")
        adas = await log_in(pair, addons["blog"], ADA)
        graces = await log_in(pair, addons["shop-staging"], GRACE)

        assert ["ada-notes", "blog", "shop-staging"] == await list_apps(pair, adas)
        assert ["shop-staging"] == await list_apps(pair, graces)


async def test_a_removed_collaborator_is_out_after_five_minutes(database_url: str) -> None:
    """At the next look once the last answer is too old: 403, and the session ends."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        addons = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addons["shop-staging"], GRACE)
        before = await get(pair, "/board", cookie)
        remove_collaborator(pair, "shop-staging", GRACE)
        clock.advance(FIVE_MINUTES - timedelta(seconds=30))
        cached = await get(pair, "/board", cookie)
        clock.advance(timedelta(seconds=31))
        async with pair.http.get(f"{pair.url}/board", headers={"Cookie": f"{COOKIE}={cookie}"}) as answer:
            status, text, ended = answer.status, await answer.text(), answer.cookies[COOKIE]
        again = await get(pair, "/board", cookie)

        assert [200, 200, 403, 401] == [before[0], cached[0], status, again[0]]
        assert [] == [word for word in spell_everything_of(addons["shop-staging"]) if word in text]
        assert ("", "0") == (ended.value, ended["max-age"])


async def test_the_json_twin_shuts_a_removed_collaborator_out_too(sqlite_url: str) -> None:
    """403 and the end of the session, as on the page."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addons = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addons["shop-staging"], GRACE)
        remove_collaborator(pair, "shop-staging", GRACE)
        clock.advance(FIVE_MINUTES + timedelta(seconds=1))
        async with pair.http.get(f"{pair.url}/board.json", headers={"Cookie": f"{COOKIE}={cookie}"}) as answer:
            status, body, ended = answer.status, await answer.json(), answer.cookies.get(COOKIE)

        assert (403, ["message"]) == (status, list(body))
        assert ended is not None
        assert "" == ended.value


async def test_a_removed_collaborator_loses_a_sibling_too(sqlite_url: str) -> None:
    """What a person may see is asked for each app, each time the answer is too old."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        grace = pair.heroku.state.find_user(GRACE)
        assert grace is not None
        pair.heroku.state.add_collaborator(pair.heroku.state.apps["shop-dev"], grace)
        addons = await provision(pair, "shop-staging", "shop-dev", "shop")
        cookie = await log_in(pair, addons["shop-staging"], GRACE)
        before = await list_apps(pair, cookie)
        remove_collaborator(pair, "shop-dev", GRACE)
        clock.advance(FIVE_MINUTES + timedelta(seconds=1))
        after = await list_apps(pair, cookie)

        assert ["shop-dev", "shop-staging"] == before
        assert ["shop-staging"] == after


async def test_siblings_are_hidden_when_heroku_does_not_answer(sqlite_url: str) -> None:
    """Without a fresh answer nothing is shown but what the person came for; old answers grant nothing."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addons = await provision(pair, *SHOP)
        cookie = await log_in(pair, addons["shop"], ADA)
        before = await list_apps(pair, cookie)
        for addon in addons.values():
            pair.heroku.revoke_tokens(addon)
        clock.advance(FIVE_MINUTES + timedelta(seconds=1))
        after = await list_apps(pair, cookie)

        assert (sorted(SHOP), ["shop"]) == (before, after)


async def test_open_boards_do_not_ask_again_and_again_while_heroku_does_not_answer(sqlite_url: str) -> None:
    """About each app once, and again after half a minute; then the board is whole again."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addons = await provision(pair, *SHOP)
        cookie = await log_in(pair, addons["shop"], ADA)
        clock.advance(FIVE_MINUTES + timedelta(seconds=1))
        before = list_asked(pair)
        pair.heroku.faults.add(Fault(kind="status", status=503, path="*/collaborators"))
        while_away = [await list_apps(pair, cookie) for _ in range(3)]
        asked = list_asked(pair)[len(before) :]
        pair.heroku.faults.clear()
        clock.advance(timedelta(seconds=30))
        after = await list_apps(pair, cookie)

        assert ([["shop"]] * 3, sorted(SHOP)) == (while_away, after)
        assert sorted(addon.app.id for addon in addons.values()) == sorted(asked)


async def test_a_board_does_not_wait_for_every_answer(sqlite_url: str) -> None:
    """What Heroku takes long to answer about comes at a later look, which does not ask again meanwhile."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addons = await provision(pair, *SHOP)
        cookie = await log_in(pair, addons["shop"], ADA)
        assert sorted(SHOP) == await list_apps(pair, cookie)
        clock.advance(FIVE_MINUTES + timedelta(seconds=1))
        before = list_asked(pair)
        slow = f"/apps/{addons['shop-dev'].app.id}/collaborators"
        pair.heroku.faults.add(Fault(kind="latency", seconds=4.0, path=slow))
        parts = pair.parts
        visibility = Visibility(parts.database, parts.inspector, clock=clock.now, answers_within=0.2)
        ada = Viewer(resource_uuid=addons["shop"].id, user_id="", email=ADA, is_proven=True, let_in_at=clock.now())

        async def look() -> list[str]:
            seen = await visibility.find_seen(ada)
            return sorted(str(each.app.name) for each in seen.resources) if seen else []

        async def is_whole() -> bool:
            return sorted(SHOP) == await look()

        early = [await look() for _ in range(2)]
        others = ["shop", "shop-pr-1", "shop-staging"]
        await eventually(is_whole)

        # The slow one has its answer only after all of this; the others may come one after the other on a busy machine.
        assert [True] * 2 == ["shop" in each and set(each) <= set(others) for each in early]
        assert sorted(addon.app.id for addon in addons.values()) == sorted(list_asked(pair)[len(before) :])


async def test_nobody_waits_for_what_is_hidden(sqlite_url: str) -> None:
    """Grace's look waits for her own app alone, however many siblings Heroku does not answer about; Ada's for hers."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addons = await provision(pair, *SHOP)
        graces = await log_in(pair, addons["shop-staging"], GRACE)
        clock.advance(FIVE_MINUTES + timedelta(seconds=1))
        hidden = [addons[app].app.id for app in SHOP if app != "shop-staging"]
        for app_id in hidden:
            pair.heroku.faults.add(Fault(kind="latency", seconds=60.0, path=f"/apps/{app_id}*"))
        before = len(list(pair.heroku.traffic))
        apps = await list_apps(pair, graces)
        waited_for = {each.path.split("/")[2] for each in list(pair.heroku.traffic)[before:] if "/apps/" in each.path}

        assert ["shop-staging"] == apps
        assert {addons["shop-staging"].app.id} == waited_for
        pair.heroku.faults.clear()


async def test_an_app_where_somebody_is_new_is_shown_at_a_later_look(sqlite_url: str) -> None:
    """Heroku is asked about it in the background of a look that does not show it."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addons = await provision(pair, "shop-staging", "shop-dev")
        graces = await log_in(pair, addons["shop-staging"], GRACE)
        before = await list_apps(pair, graces)
        grace = pair.heroku.state.find_user(GRACE)
        assert grace is not None
        pair.heroku.state.add_collaborator(pair.heroku.state.apps["shop-dev"], grace)
        clock.advance(FIVE_MINUTES + timedelta(seconds=1))

        async def sees_both() -> bool:
            return ["shop-dev", "shop-staging"] == await list_apps(pair, graces)

        assert ["shop-staging"] == before
        await eventually(sees_both)


async def test_one_sibling_that_heroku_does_not_answer_for_is_hidden_alone(sqlite_url: str) -> None:
    """Each sibling is asked for with its own token."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addons = await provision(pair, *SHOP)
        pair.heroku.revoke_tokens(addons["shop-dev"])
        clock.advance(FIVE_MINUTES + timedelta(seconds=1))
        cookie = await log_in(pair, addons["shop"], ADA)

        assert ["shop", "shop-pr-1", "shop-staging"] == await list_apps(pair, cookie)


async def test_dead_neighbours_on_the_same_app_do_not_keep_a_person_in(sqlite_url: str) -> None:
    """Of several resources on an app some failed, and their tokens are dead: access is asked for with a good one."""
    clock = Clock()
    acme = Acme()
    async with play_pair(sqlite_url, acme=acme, clock=clock) as pair:
        addons = await provision(pair, "shop-staging")
        acme.error, acme.failures_left = Refused("We are full."), 7
        failed = [await pair.heroku.create_addon("shop-staging", "acme-search:basic") for _ in range(7)]
        await pair.settle()
        assert [State.FAILED] * 7 == [(await pair.find(addon.id)).state for addon in failed]
        cookie = await log_in(pair, addons["shop-staging"], GRACE)
        remove_collaborator(pair, "shop-staging", GRACE)
        clock.advance(FIVE_MINUTES + timedelta(seconds=1))
        status, _ = await get(pair, "/board", cookie)

        assert 403 == status


async def test_a_session_opens_no_other_resource(sqlite_url: str) -> None:
    """A guessed uuid leads nowhere: no route and no parameter takes one."""
    async with play_pair(sqlite_url) as pair:
        addons = await provision(pair, "eves-app", "shop")
        cookie = await log_in(pair, addons["eves-app"], EVE)
        shop = addons["shop"]
        routes = [await get(pair, f"/board/{shop.id}", cookie), await get(pair, f"/resources/{shop.id}", cookie)]
        asked = await get(pair, f"/board?resource={shop.id}&uuid={shop.id}&resource_uuid={shop.id}", cookie)

        assert [404, 404] == [status for status, _ in routes]
        assert 200 == asked[0]
        assert [] == [text for text in spell_everything_of(shop) if text in asked[1]]


async def test_a_removed_resource_shows_nothing_to_its_last_session(sqlite_url: str) -> None:
    """When what a person came for is gone, so is the board."""
    async with play_pair(sqlite_url) as pair:
        addons = await provision(pair, "shop", "shop-dev")
        cookie = await log_in(pair, addons["shop"], ADA)
        await pair.heroku.deprovision(addons["shop"])
        await pair.settle()
        status, page = await get(pair, "/board", cookie)

        assert 403 == status
        assert "shop-dev" not in page


def _without_tokens(page: str) -> str:
    """A page without what differs from one request to the next: the form's token, the times, and a digest of both."""
    page = re.sub(r'name="csrf" value="[^"]*"', "", page)
    page = re.sub(r'data-(version|built)="[^"]*"', "", page)
    page = re.sub(r"<time[^>]*>[^<]*</time>", "", page)
    return re.sub(r"\d+ (s|min) ago|just now|\d\d:\d\d(:\d\d)? UTC", "", page)
