"""Not there without a secret, and with one only for those who know it."""

import json
import re
from datetime import timedelta

from browsing import log_in, provision, visit
from headrace.emulator import Clock
from headrace.web.ground.sessions import build_signer
from pair import play_pair
from web.operators.entering import FORMS, JSONS, PAGES, SECRET, UUID, enter, look, play


async def test_without_a_secret_there_are_no_operators(sqlite_url: str) -> None:
    """Their addresses answer like any that nothing is at."""
    async with play_pair(sqlite_url) as pair:
        nowhere = await visit(pair, "/nowhere")
        pages = [await look(pair, path) for path in (*PAGES, *JSONS, "/operators/login")]
        pages += [await look(pair, path, form={"secret": ""}) for path in (*FORMS, "/operators/login")]

        assert {(404, nowhere.text)} == {(page.status, page.text) for page in pages}


async def test_who_does_not_know_it_sees_nothing(sqlite_url: str) -> None:
    """Pages and forms lead to the login, the JSON say 401; whether a resource is there is not told."""
    async with play(sqlite_url) as pair:
        addon = await provision(pair)
        customers = await log_in(pair, addon)
        known_pages, known_jsons = ([path.replace(UUID, addon.id) for path in paths] for paths in (PAGES, JSONS))
        for cookie in ("", customers, "forged.cookie"):
            pages = [await look(pair, path, cookie) for path in (*PAGES, *known_pages)]
            forms = [await look(pair, path, cookie, form={"csrf": ""}) for path in FORMS]
            told = [await look(pair, path, cookie) for path in (*JSONS, *known_jsons)]

            leads = {(page.status, page.headers["Location"].partition("?")[0]) for page in [*pages, *forms]}
            assert {(303, "/operators/login")} == leads
            assert {401} == {page.status for page in told}
            assert not any(addon.name in page.text for page in [*pages, *told])


async def test_every_address_of_the_operators_is_tried(sqlite_url: str) -> None:
    """A page that is added goes into `PAGES`, `JSONS` or `FORMS`: what is missing there, no stranger has knocked at."""
    tried = {"get": (*PAGES, *JSONS), "post": FORMS}
    async with play(sqlite_url) as pair:
        paths = json.loads((await visit(pair, "/openapi.json")).text)["paths"]

    assert ["get /operators/login", "post /operators/login"] == [
        f"{method} {path}"
        for path, methods in paths.items()
        for method in sorted(methods)
        if path.startswith("/operators") and not any(is_address_of(path, each) for each in tried[method])
    ]


def is_address_of(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\\{[^}]+}", "[^/]+", re.escape(template)), path) is not None


async def test_the_two_kinds_of_session_are_not_each_others(sqlite_url: str) -> None:
    """An operator's cookie opens no board, under whichever name it is sent."""
    async with play(sqlite_url) as pair:
        await provision(pair)
        cookie, _ = await enter(pair)

        assert 401 == (await visit(pair, "/board", cookie=cookie)).status


async def test_a_session_ends_after_an_hour_and_with_its_secret(sqlite_url: str) -> None:
    """A new secret ends every session at once."""
    clock = Clock()
    async with play(sqlite_url, clock=clock) as pair:
        cookie, _ = await enter(pair)
        keys = pair.parts.settings.keys
        others = build_signer(keys, "operator session of another secret")
        forged = str(others.dumps([int(clock.now().timestamp()) + 60, {"csrf": "c"}]))
        before = await look(pair, "/operators", cookie)
        clock.advance(timedelta(hours=1, seconds=1))
        pages = [await look(pair, "/operators", value) for value in (cookie, forged)]

        assert [200, 303, 303] == [before.status, *(page.status for page in pages)]
    async with play_pair(sqlite_url, HEADRACE_OPERATOR_SECRET=SECRET[::-1]) as pair:
        assert 303 == (await look(pair, "/operators", cookie)).status


async def test_what_is_not_there_is_404_to_an_operator(sqlite_url: str) -> None:
    """An unknown uuid, no uuid, an order that there is none of."""
    async with play(sqlite_url) as pair:
        addon = await provision(pair)
        cookie, csrf = await enter(pair)
        paths = [f"/operators/{kind}/{name}" for kind in ("resources", "pipelines") for name in (UUID, "x", "x.json")]
        pages = [await look(pair, path, cookie) for path in (*paths, f"/operators/resources/{addon.id}/drop")]
        orders = [
            await look(pair, f"/operators/{path}", cookie, form={"csrf": csrf})
            for path in (f"resources/{UUID}/retry", "resources/x/abandon", f"resources/{addon.id}/drop")
        ]
        orders += [
            await look(pair, f"/operators/sync/look/{uuid}", cookie, form={"csrf": csrf}) for uuid in (UUID, "x")
        ]

        assert {404} == {page.status for page in [*pages, *orders]}
