"""Who may see what: each way to somebody else's resource leads to nothing of it, not even to a number."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from browsing import COOKIE, OPERATOR_COOKIE, log_in, provision, read_csrf, visit
from headrace.emulator import Clock
from headrace.emulator.world.records import Addon
from headrace.inspector.inspector import ACCESS_GOOD_FOR
from headrace.store.state.placements import find_inspection
from headrace.web.ground.sessions import build_signer
from pair import ADA, EVE, GRACE, Pair, play_pair

SECRET = "o" * 40
# Every route that a customer's browser could ask, with an id put in wherever an id could be guessed to go.
GUESSES = (
    "/board/{id}",
    "/board.json/{id}",
    "/board?uuid={id}",
    "/board.json?uuid={id}",
    "/board?resource={id}&app={id}&pipeline={id}&user_id={id}",
    "/board.json?resource_uuid={id}",
    "/resources/{id}",
    "/heroku/resources/{id}",
    "/operators/resources/{id}",
    "/operators/resources/{id}.json",
    "/static/{id}",
    "/metrics?uuid={id}",
)


def name_everything(addon: Addon) -> list[str]:
    """Whatever would name a resource, its app or its pipeline."""
    coupling = addon.app.coupling
    placed = [coupling.pipeline.id] if coupling else []
    return [addon.id, addon.name, addon.app.id, f">{addon.app.name}<", f'"{addon.app.name}"', *placed]


async def read_everything(pair: Pair, cookie: str) -> str:
    """The board and its JSON, as one text."""
    return "".join([(await visit(pair, path, cookie=cookie)).text for path in ("/board", "/board.json")])


async def list_cards(pair: Pair, cookie: str) -> list[str]:
    told: dict[str, Any] = json.loads((await visit(pair, "/board.json", cookie=cookie)).text)
    pipelined = [cards for pipeline in told["pipelines"] for cards in pipeline["stages"].values()]
    return sorted(card["app"] for cards in [*pipelined, told["uncoupled"], told["unknown"]] for card in cards)


async def test_a_guessed_id_opens_nothing_in_any_route(sqlite_url: str) -> None:
    """Eve knows every id there is of Ada's; whichever route she puts them in, she sees what she saw without."""
    async with play_pair(sqlite_url, HEADRACE_METRICS_TOKEN="m" * 40) as pair:
        shop, eves = await provision(pair, "shop"), await provision(pair, "eves-app")
        cookie = await log_in(pair, eves, EVE)
        coupling = shop.app.coupling
        assert coupling is not None
        ids = (shop.id, shop.app.id, coupling.pipeline.id, shop.name)
        pages = [await visit(pair, guess.format(id=each), cookie=cookie) for guess in GUESSES for each in ids]
        # What she asked for may stand in no answer: none repeats a query.
        found = [name for page in pages for name in name_everything(shop) if name in page.text]

        assert [] == found
        assert {200, 401, 404} == {page.status for page in pages}


async def test_a_form_for_a_resource_of_somebody_else_needs_herokus_signature(sqlite_url: str) -> None:
    """With her own valid form Eve can name Ada's resource in no field."""
    async with play_pair(sqlite_url) as pair:
        shop, eves = await provision(pair, "shop"), await provision(pair, "eves-app")
        fields = ("resource_id", "id", "app", "context_app", "uuid", "nav-data", "resource_uuid")
        seen = []
        for field in fields:
            page = await visit(pair, "/sso/login", form={**pair.heroku.sso_form(eves, EVE)[1], field: shop.id})
            if page.cookie is not None:
                seen.append(await list_cards(pair, page.cookie.value))

        assert [["eves-app"]] * len(seen) == seen


async def test_a_resource_of_another_pipeline_is_not_there(database_url: str) -> None:
    """Grace works on one app of the shop: of the blog, which is Ada's, the board says nothing."""
    async with play_pair(database_url) as pair:
        blog, staging = await provision(pair, "blog"), await provision(pair, "shop-staging")
        text = await read_everything(pair, await log_in(pair, staging, GRACE))

        assert [] == [name for name in name_everything(blog) if name in text]


@pytest.mark.parametrize("siblings", [(), ("shop",), ("shop", "shop-dev", "shop-pr-1", "shop-ci")])
async def test_a_sibling_that_may_not_be_seen_is_not_counted_or_hinted_at(
    sqlite_url: str, siblings: tuple[str, ...]
) -> None:
    """Page and JSON are those of a pipeline in which there is nothing else."""
    async with play_pair(sqlite_url) as pair:
        hidden = [await provision(pair, app) for app in siblings]
        staging = await provision(pair, "shop-staging")
        cookie = await log_in(pair, staging, GRACE)
        told = json.loads((await visit(pair, "/board.json", cookie=cookie)).text)
        text = await read_everything(pair, cookie)
        (shop,) = told["pipelines"]

        assert ["shop-staging"] == await list_cards(pair, cookie)
        assert ["shop-staging"] == [card["app"] for cards in shop["stages"].values() for card in cards]
        assert [] == [each for addon in hidden for each in (addon.id, addon.name, addon.app.id) if each in text]
        assert [] == [app for app in siblings if app != "shop" and app in text]
        assert not any(f"{count} resources" in text for count in range(2, 9))


async def test_a_sibling_of_an_owner_who_is_a_stranger_is_not_there(sqlite_url: str) -> None:
    """A pipeline may hold apps of several owners, each of whom sees their own."""
    async with play_pair(sqlite_url) as pair:
        pair.heroku.couple("eves-app", "shop", "review")
        shop, eves = await provision(pair, "shop"), await provision(pair, "eves-app")
        adas = await read_everything(pair, await log_in(pair, shop, ADA))
        eves_text = await read_everything(pair, await log_in(pair, eves, EVE))

        assert [] == [name for name in (eves.id, eves.name, "eves-app") if name in adas]
        assert [] == [name for name in (shop.id, shop.name, shop.app.id) if name in eves_text]


async def test_a_removed_collaborator_is_out_everywhere_after_five_minutes(database_url: str) -> None:
    """Page, JSON and button; also of a sibling's app, while the app they came from stays open to them."""
    clock = Clock()
    async with play_pair(database_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        staging, dev = await provision(pair, "shop-staging"), await provision(pair, "shop-dev")
        grace = pair.heroku.state.find_user(GRACE)
        assert grace is not None
        pair.heroku.state.apps["shop-dev"].collaborators[grace.id] = pair.heroku.state.apps[
            "shop-staging"
        ].collaborators[grace.id]
        clock.advance(ACCESS_GOOD_FOR + timedelta(seconds=1))
        from_staging, from_dev = await log_in(pair, staging, GRACE), await log_in(pair, dev, GRACE)
        csrf = read_csrf(await visit(pair, "/board", cookie=from_dev))
        both = await list_cards(pair, from_staging)
        del pair.heroku.state.apps["shop-dev"].collaborators[grace.id]
        clock.advance(ACCESS_GOOD_FOR + timedelta(seconds=1))
        left = await list_cards(pair, from_staging)
        text = await read_everything(pair, from_staging)
        shut = [
            await visit(pair, "/board", cookie=from_dev),
            await visit(pair, "/board.json", cookie=from_dev),
        ]
        # The add-on was read before the refusal: it could have been on another app by then.
        before = await pair.parts.database.read(find_inspection, dev.id)
        await visit(pair, "/board/check", cookie=from_dev, form={"csrf": csrf})

        assert ["shop-dev", "shop-staging"] == both
        assert ["shop-staging"] == left
        assert [] == [name for name in (dev.id, dev.name, "shop-dev") if name in text]
        assert [(403, False), (401, False)] == [(page.status, dev.name in page.text) for page in shut]
        assert before == await pair.parts.database.read(find_inspection, dev.id)


async def test_a_stale_session_opens_nothing(sqlite_url: str) -> None:
    """After its hour the cookie is as good as none, in page, JSON and button."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        addon = await provision(pair)
        cookie = await log_in(pair, addon)
        csrf = read_csrf(await visit(pair, "/board", cookie=cookie))
        clock.advance(timedelta(hours=1, seconds=1))
        pages = [
            await visit(pair, "/board", cookie=cookie),
            await visit(pair, "/board.json", cookie=cookie),
            await visit(pair, "/board/check", cookie=cookie, form={"csrf": csrf}),
        ]

        assert [(401, False)] * 3 == [(page.status, addon.name in page.text) for page in pages]


async def test_a_session_is_for_the_resource_that_it_was_made_for(sqlite_url: str) -> None:
    """Eve has a session and knows Ada's resource: without the key she cannot put the two together."""
    async with play_pair(sqlite_url) as pair:
        shop, eves = await provision(pair, "shop"), await provision(pair, "eves-app")
        cookie = await log_in(pair, eves, EVE)
        adas = await log_in(pair, shop, ADA)
        # Her payload under Ada's signature, and Ada's under hers.
        mixed = [
            f"{cookie.rpartition('.')[0]}.{adas.rpartition('.')[2]}",
            f"{adas.rpartition('.')[0]}.{cookie.rpartition('.')[2]}",
        ]
        pages = [await visit(pair, path, cookie=each) for each in mixed for path in ("/board", "/board.json")]

        assert {401} == {page.status for page in pages}


async def test_a_session_ends_with_its_resource(sqlite_url: str) -> None:
    """Once the add-on is deprovisioned, the cookie of yesterday opens no board."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        cookie = await log_in(pair, addon)
        await pair.heroku.deprovision(addon)
        await pair.settle()
        pages = [await visit(pair, path, cookie=cookie) for path in ("/board", "/board.json")]

        assert [(403, False), (401, False)] == [(page.status, addon.name in page.text) for page in pages]


async def test_a_session_says_nothing_of_who_may_see_what(sqlite_url: str) -> None:
    """What the cookie holds is who came for what: access is asked of Heroku, so an old cookie cannot keep it."""
    async with play_pair(sqlite_url) as pair:
        cookie = await log_in(pair, await provision(pair))
        _, payload = build_signer(pair.parts.settings.keys, "session").loads(cookie)

        assert {"resource_uuid", "user_id", "email", "app", "is_proven", "csrf", "let_in_at"} == set(payload)


async def test_check_now_asks_only_about_what_is_visible(sqlite_url: str) -> None:
    """The button of Grace's board makes no request about the siblings that she does not see."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        shop, staging = await provision(pair, "shop"), await provision(pair, "shop-staging")
        cookie = await log_in(pair, staging, GRACE)
        csrf = read_csrf(await visit(pair, "/board", cookie=cookie))
        before = [await pair.parts.database.read(find_inspection, addon.id) for addon in (shop, staging)]
        clock.advance(timedelta(seconds=30))
        form = {"csrf": csrf, "uuid": shop.id, "resource": shop.id, "resource_uuid": shop.id}
        page = await visit(pair, "/board/check", cookie=cookie, form=form)
        after = [await pair.parts.database.read(find_inspection, addon.id) for addon in (shop, staging)]

        assert 303 == page.status
        assert (True, False) == (before[0] == after[0], before[1] == after[1])


async def test_an_attachment_on_another_app_opens_nothing_else_of_its_owner(sqlite_url: str) -> None:
    """Eve has Ada's add-on attached to her app. If Heroku lets her in she sees that one, until its lists are asked."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        blog, notes = await provision(pair, "blog"), await provision(pair, "ada-notes")
        pair.heroku.attach(blog, "eves-app")
        cookie = await log_in(pair, blog, EVE)
        cards, seen = await list_cards(pair, cookie), await read_everything(pair, cookie)
        clock.advance(ACCESS_GOOD_FOR + timedelta(seconds=1))
        page = await visit(pair, "/board", cookie=cookie)

        assert (["blog"], 403) == (cards, page.status)
        assert [] == [name for name in name_everything(notes) if name in seen]
        assert [] == [name for name in name_everything(blog) if name in page.text]


async def test_a_login_for_another_resource_replaces_the_one_before(sqlite_url: str) -> None:
    """One browser has one session: the cookie that was there gives the new one nothing."""
    async with play_pair(sqlite_url) as pair:
        shop, eves = await provision(pair, "shop"), await provision(pair, "eves-app")
        adas = await log_in(pair, shop, ADA)
        form = pair.heroku.sso_form(eves, EVE)[1]
        page = await visit(pair, "/sso/login", form=form, cookie=adas, name=COOKIE)
        assert page.cookie is not None

        assert ["eves-app"] == await list_cards(pair, page.cookie.value)


async def test_no_form_of_ours_is_taken_from_another_site(sqlite_url: str) -> None:
    """Each that our description names, and so each that is added: without its token, or sent from elsewhere."""
    async with play_pair(sqlite_url, HEADRACE_OPERATOR_SECRET=SECRET) as pair:
        addon = await provision(pair)
        customers = await log_in(pair, addon)
        login = await visit(pair, "/operators/login", form={"secret": SECRET}, name=OPERATOR_COOKIE)
        assert login.cookie is not None
        operators = login.cookie.value
        sessions = {COOKIE: customers, OPERATOR_COOKIE: operators}
        tokens = {
            COOKIE: read_csrf(await visit(pair, "/board", cookie=customers)),
            OPERATOR_COOKIE: read_csrf(await visit(pair, "/operators", cookie=operators, name=OPERATOR_COOKIE)),
        }
        description = json.loads((await visit(pair, "/openapi.json")).text)
        statuses = {}
        for path in list_own_forms(description):
            name = OPERATOR_COOKIE if path.startswith("/operators") else COOKIE
            url = path.format(uuid=addon.id, id=1, order="retry", action="Rebuild")
            ask = partial(visit, pair, url, cookie=sessions[name], name=name)
            elsewhere = {"Sec-Fetch-Site": "cross-site"}
            statuses[path] = (
                (await ask(form={"csrf": ""})).status,
                (await ask(form={"csrf": tokens[name]}, headers=elsewhere)).status,
            )

        assert {"/board/check", "/operators/logout"} < statuses.keys()
        assert {(403, 403)} == set(statuses.values())


def list_own_forms(description: Any) -> list[str]:
    """The addresses that take a form with a token, which is all but the two ways to log in."""
    taking = [
        path
        for path, methods in description["paths"].items()
        if "application/x-www-form-urlencoded" in methods.get("post", {}).get("requestBody", {}).get("content", {})
    ]
    return [path for path in taking if path not in ("/sso/login", "/operators/login")]
