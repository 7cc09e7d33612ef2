"""The API for a partner's own programs."""

import json
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from browsing import log_in, provision, visit
from headrace.emulator import Clock
from headrace.emulator.kit.faults import Fault
from headrace.hooks.arguments import Resource
from headrace.hooks.panel import Figure, Panel
from headrace.inspector.inspector import ACCESS_GOOD_FOR
from headrace.web.customers.looking import LOOK_LIMIT
from pair import ADA, EVE, GRACE, HELD_SECONDS, Acme, Pair, play_pair

TOKEN = "api-token-of-36-letters-0a1b2c3d4e5f"
UUID = "01234567-89ab-cdef-0123-456789abcdef"
BODY = {"uuid": UUID, "plan": "basic", "refresh_token": "planted-refresh-token"}


async def ask(pair: Pair, method: str, path: str = "", *, token: str = TOKEN, **options: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with pair.http.request(method, f"{pair.url}/api/resources{path}", headers=headers, **options) as answer:
        return answer.status, await answer.json()


async def test_where_no_token_was_made_nobody_comes_in(sqlite_url: str) -> None:
    """The addresses are there, for a token that is made at any time."""
    async with play_pair(sqlite_url) as pair:
        assert 401 == (await ask(pair, "POST", json=BODY))[0]


@pytest.mark.parametrize("token", ["", TOKEN[:-1], TOKEN + "x", "é" * 36])
async def test_who_does_not_know_the_token_learns_nothing(sqlite_url: str, token: str) -> None:
    """Not even whether a resource is there, or whether the body could be read."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=TOKEN) as pair:
        asked = [
            await ask(pair, method, path, token=token, data=b"{")
            for method, path in (("POST", ""), ("GET", f"/{UUID}"), ("GET", f"/{UUID}/placements"))
        ]

        assert [401] * 3 == [status for status, _ in asked]


async def test_a_resource_is_imported_once(sqlite_url: str) -> None:
    """201, then 200; what cannot be read is 400 and says what; nothing is answered that was a secret."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=TOKEN) as pair:
        bodies: list[Any] = [BODY, BODY, BODY | {"uuid": "x"}, []]
        answers = [await ask(pair, "POST", json=body) for body in bodies]
        status, shown = await ask(pair, "GET", f"/{UUID}")

        assert [201, 200, 400, 400] == [status for status, _ in answers]
        assert ["new", "same"] == [answer["change"] for _, answer in answers[:2]]
        assert "uuid" in answers[2][1]["message"]
        assert (200, "basic", None) == (status, shown["plan"], shown["placement"])
        assert "planted" not in str((answers, shown))


async def test_where_a_resource_is_and_was(sqlite_url: str) -> None:
    """Its whole history, and its place at a moment: before the first, in the middle, now."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_API_TOKEN=TOKEN) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.settle()
        clock.advance(timedelta(days=1))
        between = clock.now()
        clock.advance(timedelta(days=1))
        pair.heroku.move("shop-staging", "production")
        await pair.parts.inspector.inspect(addon.id)
        _, history = await ask(pair, "GET", f"/{addon.id}/placements")
        early = between - timedelta(days=9)
        places = [
            (await ask(pair, "GET", f"/{addon.id}", params=params))[1]["placement"]
            for params in ({"as_of": early.isoformat()}, {"as_of": between.isoformat()}, {})
        ]

        assert ["staging", "production"] == [place["stage"] for place in history["placements"]]
        assert [None, "staging", "production"] == [place and place["stage"] for place in places]
        assert ["shop", None] == [places[2]["pipeline"], places[2]["valid_to"]]


@pytest.mark.parametrize("as_of", ["yesterday", "2026-11-24T12:00:00", "0001-01-01T00:00:00+14:00"])
async def test_a_moment_that_is_none_is_refused(sqlite_url: str, as_of: str) -> None:
    """A moment without a time zone is not one either."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=TOKEN) as pair:
        await ask(pair, "POST", json=BODY)
        status, answer = await ask(pair, "GET", f"/{UUID}", params={"as_of": as_of})

        assert (400, True) == (status, "as_of" in answer["message"])


async def test_an_unknown_resource_is_404(sqlite_url: str) -> None:
    """A uuid that is none is 400."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=TOKEN) as pair:
        asked = [await ask(pair, "GET", path) for path in (f"/{UUID}", f"/{UUID}/placements", "/x", "/x/placements")]

        assert [404, 404, 400, 400] == [status for status, _ in asked]


async def ask_board(pair: Pair, uuid: str, email: str, *, version: str = "") -> Any:
    """Ask for a person's board as the partner's back end does, and return the answer with what it says."""
    headers = {"Authorization": f"Bearer {TOKEN}", "If-None-Match": version}
    url = f"{pair.url}/api/resources/{uuid}/board"
    async with pair.http.get(url, headers=headers, params={"email": email}) as answer:
        said = await answer.json() if answer.status != 304 else None
        return answer.status, said, answer.headers


def list_apps(board: Any) -> list[str]:
    pipelined = [cards for pipeline in board["pipelines"] for cards in pipeline["stages"].values()]
    return sorted(card["app"] for cards in [*pipelined, board["uncoupled"], board["unknown"]] for card in cards)


async def test_the_api_shows_a_person_what_their_own_board_does(sqlite_url: str) -> None:
    """The same shape and the same cards as for whoever comes by single sign-on, by id or by address."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=TOKEN) as pair:
        shop = await provision(pair, "shop")
        for app in ("shop-staging", "shop-dev", "eves-app"):
            await provision(pair, app)
        found = {}
        for person in (ADA, GRACE):
            addon = shop if person == ADA else next(iter(pair.heroku.state.apps["shop-staging"].addons.values()))
            told = json.loads((await visit(pair, "/board.json", cookie=await log_in(pair, addon, person))).text)
            status, board, _ = await ask_board(pair, addon.id, person)
            user = pair.heroku.state.find_user(person)
            assert user is not None
            _, by_id = await ask(pair, "GET", f"/{addon.id}/board", params={"user_id": user.id})
            for each in (told, board, by_id):
                # Not everybody's lanes are renewed at the same moment.
                del each["built_at"], each["pipelines"][0]["digest"]
            assert (200, told, told) == (status, board, by_id)
            found[person] = list_apps(board)

        assert {ADA: ["shop", "shop-dev", "shop-staging"], GRACE: ["shop-staging"]} == found


async def test_the_api_shows_the_panels_of_the_cards(sqlite_url: str) -> None:
    """Figures as a card shows them, their trend, and the link into the partner's product."""

    def show(_resource: Resource) -> Panel:
        return Panel(figures=(Figure(label="Documents", value=12_408, trend=(1, 2)),), href="https://acme.example/1")

    async with play_pair(sqlite_url, acme=Acme(panel=show), HEADRACE_API_TOKEN=TOKEN) as pair:
        addon = await provision(pair, "ada-notes")
        _, board, _ = await ask_board(pair, addon.id, ADA)

    (card,) = board["uncoupled"]
    figures = [{"label": "Documents", "text": "12,408", "trend": [1.0, 2.0]}]
    assert {"figures": figures, "sentence": None, "href": "https://acme.example/1"} == card["panel"]
    assert (True, "uncoupled", False) == (card["opened"], card["outcome"], card["moved"])


async def test_a_panel_that_fails_or_dawdles_costs_only_its_own(sqlite_url: str) -> None:
    """The board comes all the same, with the other cards' panels, once the time of a panel is over."""
    may_end = Event()

    def show(resource: Resource) -> Panel:
        if resource.app and resource.app.name == "shop-dev":
            may_end.wait(timeout=HELD_SECONDS)
        if resource.app and resource.app.name == "shop-staging":
            raise LookupError("The index is away.")
        return Panel(sentence="All is well.")

    async with play_pair(sqlite_url, acme=Acme(panel=show), HEADRACE_API_TOKEN=TOKEN) as pair:
        addons = [await provision(pair, app) for app in ("shop", "shop-dev", "shop-staging")]
        _, board, _ = await ask_board(pair, addons[0].id, ADA)
        may_end.set()

    stages = board["pipelines"][0]["stages"]
    panels = {card["app"]: card["panel"] and card["panel"]["sentence"] for cards in stages.values() for card in cards}
    assert {"shop": "All is well.", "shop-dev": None, "shop-staging": None} == panels


async def test_a_board_that_the_caller_has_is_not_sent_again(sqlite_url: str) -> None:
    """304 to the version that was given, until something of it has changed."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=TOKEN) as pair:
        addon = await provision(pair, "shop-staging")
        _, _, headers = await ask_board(pair, addon.id, ADA)
        known, _, _ = await ask_board(pair, addon.id, ADA, version=headers["ETag"])
        pair.heroku.move("shop-staging", "production")
        await pair.parts.inspector.inspect(addon.id)
        changed, board, _ = await ask_board(pair, addon.id, ADA, version=headers["ETag"])

        assert (304, 200) == (known, changed)
        assert ["production"] == list(board["pipelines"][0]["stages"])


async def test_of_a_board_that_the_caller_has_what_has_changed_is_sent(sqlite_url: str) -> None:
    """To who says what that is; a body that says nothing of it is refused, and so is who has no token."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=TOKEN) as pair:
        addon, _ = await provision(pair, "shop-staging"), await provision(pair, "shop")
        path, person = f"/{addon.id}/board", {"email": ADA}
        _, board, _ = await ask_board(pair, addon.id, ADA)
        cards = [card for cards in board["pipelines"][0]["stages"].values() for card in cards]
        has = {"cards": [card["digest"] for card in cards]}
        pair.heroku.move("shop-staging", "production")
        await pair.parts.inspector.inspect(addon.id)
        status, changes = await ask(pair, "POST", path, params=person, json=has)
        bodies = ("", "[]", "x" * (LOOK_LIMIT + 1))
        refused = [await ask(pair, "POST", path, params=person, data=body) for body in bodies]
        refused.append(await ask(pair, "POST", path, params=person, json=has, token=""))

    ((run, moved),) = changes["pipelines"][0]["stages"].values()
    assert (200, "shop", "shop-staging") == (status, cards[run[0]]["app"], moved["app"])
    assert [400, 400, 413, 401] == [status for status, _ in refused]


async def test_who_has_no_access_gets_no_board_whatever_the_partner_says(sqlite_url: str) -> None:
    """403 to a stranger, and to somebody who was removed, at the next look once Heroku's last answer is too old."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_API_TOKEN=TOKEN) as pair:
        addon = await provision(pair, "shop-staging")
        statuses = [(await ask_board(pair, addon.id, each))[0] for each in (EVE, "nobody@elsewhere.example", GRACE)]
        pair.heroku.state.apps["shop-staging"].collaborators.clear()
        clock.advance(ACCESS_GOOD_FOR + timedelta(seconds=1))
        status, said, _ = await ask_board(pair, addon.id, GRACE)

        assert [403, 403, 200] == statuses
        assert (403, {"message": "This person has no access to the app."}) == (status, said)


async def test_without_herokus_answer_the_api_shows_nothing(sqlite_url: str) -> None:
    """503: no login of Heroku's let this person in. Whoever came by single sign-on keeps the one card."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_API_TOKEN=TOKEN) as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon, ADA)
        pair.heroku.faults.add(Fault(kind="status", status=503, path="/apps/*"))
        clock.advance(ACCESS_GOOD_FOR + timedelta(seconds=1))
        status, said, headers = await ask_board(pair, addon.id, ADA)
        page = await visit(pair, "/board", cookie=cookie)

        assert (503, "5", ["message"]) == (status, headers["Retry-After"], list(said))
        assert 200 == page.status


async def test_a_board_needs_a_person_and_a_resource(sqlite_url: str) -> None:
    """400 without a person, 404 for what never was, 410 for what was removed, 401 without the token."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=TOKEN) as pair:
        addon = await provision(pair, "shop-staging")
        nobody, _ = await ask(pair, "GET", f"/{addon.id}/board", params={"email": " "})
        stranger, _ = await ask(pair, "GET", f"/{addon.id}/board", token="")
        unknown, _, _ = await ask_board(pair, UUID, ADA)
        await pair.heroku.deprovision(addon)
        await pair.settle()
        gone, _, _ = await ask_board(pair, addon.id, ADA)

        assert [400, 401, 404, 410] == [nobody, stranger, unknown, gone]


async def test_no_browser_of_another_site_reads_a_board(sqlite_url: str) -> None:
    """Neither the API nor the static files say that another origin may have them: a partner's page has its own."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=TOKEN) as pair:
        addon = await provision(pair, "shop-staging")
        _, _, headers = await ask_board(pair, addon.id, ADA)
        script = await visit(pair, "/static/headrace-board.js", headers={"Origin": "https://acme.example"})

        assert 200 == script.status
        for each in (headers, script.headers):
            assert "Access-Control-Allow-Origin" not in each
            assert "same-origin" == each["Cross-Origin-Resource-Policy"]
