"""The operators' pages: not there without a secret, and with one only for those who know it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from browsing import OPERATOR_COOKIE, Page, log_in, provision, read_csrf, visit
from headrace.emulator import Clock
from headrace.errors import ConfigurationError
from headrace.models import Secret, State
from headrace.protocol.retries import NEVER, TABLE
from headrace.settings import read_settings
from headrace.store.notices import PAGE, NoticeKind, list_open_notices, raise_notice
from headrace.store.resources import find_resource
from headrace.web.operator_door import ATTEMPTS_IN_ALL, ATTEMPTS_OF_CLIENT
from headrace.web.sessions import OperatorSession, build_signer
from pair import Acme, Pair, play_pair
from store.making import NOON, add_resource

SECRET = "planted-operator-secret-of-36-letters"
UUID = "01234567-89ab-cdef-0123-456789abcdef"
LISTS = tuple(f"/operators/{name}" for name in ("pipelines", "resources", "workflows", "deliveries", "sync"))
PAGES = (
    "/operators",
    "/operators/definitions",
    "/operators/notices",
    "/operators/exports/resources.csv",
    *LISTS,
    "/operators/sync/look",
    f"/operators/pipelines/{UUID}",
    f"/operators/resources/{UUID}",
    f"/operators/resources/{UUID}/retry",
)
TWINS = (
    "/operators.json",
    "/operators/definitions.json",
    "/operators/notices.json",
    *(f"{path}.json" for path in LISTS),
    f"/operators/pipelines/{UUID}.json",
    f"/operators/resources/{UUID}.json",
)
FORMS = (
    "/operators/logout",
    "/operators/notices/1/settle",
    f"/operators/resources/{UUID}/retry",
    f"/operators/resources/{UUID}/abandon",
    f"/operators/sync/look/{UUID}",
    "/operators/sync/look",
)


@asynccontextmanager
async def play(database_url: str, *, acme: Acme | None = None, clock: Clock | None = None) -> AsyncIterator[Pair]:
    """Run a service that has operators, and where a step that fails has failed for good."""
    never_again = dict.fromkeys(TABLE, NEVER)
    async with play_pair(
        database_url, acme=acme, clock=clock, retries=never_again, HEADRACE_OPERATOR_SECRET=SECRET
    ) as pair:
        yield pair


async def look(pair: Pair, path: str, cookie: str = "", *, form: Any = None, **headers: str) -> Page:
    return await visit(pair, path, cookie=cookie, form=form, headers=headers, name=OPERATOR_COOKIE)


async def try_secret(pair: Pair, secret: str, *, client: str = "203.0.113.7", **headers: str) -> Page:
    """Post the login form, as if through Heroku's router from an address of its client."""
    sent = {"X-Forwarded-For": client, **headers}
    return await visit(pair, "/operators/login", form={"secret": secret}, headers=sent, name=OPERATOR_COOKIE)


async def enter(pair: Pair) -> tuple[str, str]:
    """Log in; return the cookie and the token that forms bring back."""
    page = await try_secret(pair, SECRET)
    assert page.cookie is not None
    cookie = page.cookie.value
    return cookie, read_csrf(await look(pair, "/operators", cookie))


async def fail_provision(pair: Pair) -> str:
    """Let a provision fail for good; its notice is open then."""
    pair.acme.error, pair.acme.failures_left = RuntimeError("the cloud is down"), 1000
    addon = await pair.heroku.create_addon("shop", "acme-search:basic")
    await pair.settle()
    pair.acme.error = None
    with pair.parts.database.transaction() as connection:
        raise_notice(connection, addon.id, NoticeKind.EVENT_FAILED, now=pair.parts.clock(), reason="<odd>")
    return addon.id


async def test_without_a_secret_there_are_no_operators(sqlite_url: str) -> None:
    """Their addresses answer like any that nothing is at."""
    async with play_pair(sqlite_url) as pair:
        nowhere = await visit(pair, "/nowhere")
        pages = [await look(pair, path) for path in (*PAGES, *TWINS, "/operators/login")]
        pages += [await look(pair, path, form={"secret": ""}) for path in (*FORMS, "/operators/login")]

        assert {(404, nowhere.text)} == {(page.status, page.text) for page in pages}


def test_a_short_secret_is_no_setting() -> None:
    """Also with an emulator on this machine; the problem does not repeat it."""
    with pytest.raises(ConfigurationError) as caught:
        read_settings({"HEADRACE_OPERATOR_SECRET": "short-secret", "HEROKU_API_URL": "http://127.0.0.1:1"})

    (problem,) = [each for each in caught.value.problems if "OPERATOR" in each]
    assert "12 characters, 32 are needed" in problem
    assert "short-secret" not in problem


async def test_who_knows_the_secret_gets_in(database_url: str) -> None:
    """303 to the overview, with a cookie that no script reads and no other site sends along at all."""
    async with play(database_url) as pair:
        page = await try_secret(pair, SECRET)
        assert page.cookie is not None
        home = await look(pair, "/operators", page.cookie.value)

        assert (303, "/operators") == (page.status, page.headers["Location"])
        assert (True, "strict", "/", "3600") == (
            page.cookie["httponly"],
            page.cookie["samesite"].lower(),
            page.cookie["path"],
            page.cookie["max-age"],
        )
        assert (200, True) == (home.status, "<h1>Overview</h1>" in home.text)


async def test_who_does_not_know_it_sees_nothing(sqlite_url: str) -> None:
    """Pages and forms lead to the login, the twins say 401; whether a resource is there is not told."""
    async with play(sqlite_url) as pair:
        addon = await provision(pair)
        customers = await log_in(pair, addon)
        known_pages, known_twins = ([path.replace(UUID, addon.id) for path in paths] for paths in (PAGES, TWINS))
        for cookie in ("", customers, "forged.cookie"):
            pages = [await look(pair, path, cookie) for path in (*PAGES, *known_pages)]
            forms = [await look(pair, path, cookie, form={"csrf": ""}) for path in FORMS]
            twins = [await look(pair, path, cookie) for path in (*TWINS, *known_twins)]

            assert {(303, "/operators/login")} == {(page.status, page.headers["Location"]) for page in [*pages, *forms]}
            assert {401} == {page.status for page in twins}
            assert not any(addon.name in page.text for page in [*pages, *twins])


async def test_the_two_kinds_of_session_are_not_each_others(sqlite_url: str) -> None:
    """An operator's cookie opens no board, under whichever name it is sent."""
    async with play(sqlite_url) as pair:
        await provision(pair)
        cookie, _ = await enter(pair)

        assert 401 == (await visit(pair, "/board", cookie=cookie)).status


@pytest.mark.parametrize("secret", ["", "wrong", SECRET[:-1], SECRET + "x", SECRET.upper(), "\u00e9" * 40])
async def test_a_wrong_secret_is_refused(sqlite_url: str, secret: str) -> None:
    """403, the form again, no cookie."""
    async with play(sqlite_url) as pair:
        page = await try_secret(pair, secret)

        assert (403, None) == (page.status, page.cookie)
        assert "That is not the secret." in page.text


async def test_a_client_has_five_attempts_in_a_quarter_of_an_hour(database_url: str) -> None:
    """Then even the right secret waits; others are not held off, and what a client writes into the header is not it."""
    clock = Clock()
    async with play(database_url, clock=clock) as pair:
        wrong = [await try_secret(pair, "wrong") for _ in range(ATTEMPTS_OF_CLIENT)]
        held_off = [await try_secret(pair, SECRET), await try_secret(pair, SECRET, client="8.8.8.8, 203.0.113.7")]
        other = await try_secret(pair, SECRET, client="203.0.113.8")
        clock.advance(timedelta(minutes=15, seconds=1))
        later = await try_secret(pair, SECRET)

        assert [403] * ATTEMPTS_OF_CLIENT == [page.status for page in wrong]
        assert [(429, "900"), (429, "900")] == [(page.status, page.headers["Retry-After"]) for page in held_off]
        assert [303, 303] == [other.status, later.status]


async def test_attempts_at_once_count_as_well(database_url: str) -> None:
    """Twenty guesses in one moment get no more than five answers."""
    async with play(database_url) as pair:
        pages = await asyncio.gather(*(try_secret(pair, "wrong") for _ in range(20)))

        assert {403, 429} >= {page.status for page in pages}
        assert ATTEMPTS_OF_CLIENT >= sum(page.status == 403 for page in pages)
        assert 429 == (await try_secret(pair, SECRET)).status


async def test_many_clients_have_fifty_attempts_together(sqlite_url: str) -> None:
    """A thousand machines are no better at guessing than a few."""
    async with play(sqlite_url) as pair:
        pages = [
            await try_secret(pair, "wrong", client=f"203.0.{number}.1", Connection="close")
            for number in range(ATTEMPTS_IN_ALL + 2)
        ]

        assert [403] * ATTEMPTS_IN_ALL + [429] * 2 == [page.status for page in pages]


async def test_the_right_secret_clears_a_clients_attempts(sqlite_url: str) -> None:
    """Who mistypes now and then is never held off."""
    async with play(sqlite_url) as pair:
        statuses = [(await try_secret(pair, secret)).status for secret in ["wrong", "wrong", "wrong", SECRET] * 3]

        assert [403, 403, 403, 303] * 3 == statuses


async def test_another_site_can_send_no_login(sqlite_url: str) -> None:
    """A browser says where a form comes from."""
    async with play(sqlite_url) as pair:
        pages = [
            await try_secret(pair, SECRET, **{"Sec-Fetch-Site": "cross-site"}),
            await try_secret(pair, SECRET, **{"Sec-Fetch-Site": "same-site"}),
            await try_secret(pair, SECRET, Origin="https://evil.example"),
            await try_secret(pair, SECRET, Origin="null"),
        ]
        own = await try_secret(pair, SECRET, Origin=pair.url)

        assert [(403, None)] * 4 == [(page.status, page.cookie) for page in pages]
        assert 303 == own.status


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


async def test_logging_out_ends_the_cookie(sqlite_url: str) -> None:
    """And needs the page's own token, so that no other site can do it."""
    async with play(sqlite_url) as pair:
        cookie, csrf = await enter(pair)
        refused = await look(pair, "/operators/logout", cookie, form={"csrf": "wrong"})
        done = await look(pair, "/operators/logout", cookie, form={"csrf": csrf})

        assert (403, None) == (refused.status, refused.cookie)
        assert done.cookie is not None
        assert ("", "0", "/operators/login") == (done.cookie.value, done.cookie["max-age"], done.headers["Location"])


async def test_notices_and_timelines_are_shown(database_url: str) -> None:
    """Page and twin: what is open, on which resource, in which state, and what happened to it."""
    async with play(database_url) as pair:
        uuid = await fail_provision(pair)
        cookie, _ = await enter(pair)
        home, twin = [await look(pair, f"/operators/notices{form}", cookie) for form in ("", ".json")]
        timeline = await look(pair, f"/operators/resources/{uuid}", cookie)
        timeline_twin = json.loads((await look(pair, f"/operators/resources/{uuid}.json", cookie)).text)

        (odd,) = [each for each in json.loads(twin.text)["notices"] if each["kind"] == NoticeKind.EVENT_FAILED]
        assert (uuid, "failed", {"reason": "<odd>"}) == (odd["resource_uuid"], odd["resource_state"], odd["detail"])
        means = f'href="/operators/definitions#{NoticeKind.EVENT_FAILED}"'
        shown = (NoticeKind.EVENT_FAILED, odd["resource_name"], "failed", "&lt;odd&gt;", means)
        assert all(text in home.text for text in shown)
        assert all(text in timeline.text for text in ("provision.failed", NoticeKind.EVENT_FAILED, uuid))
        assert ("failed", True) == (
            timeline_twin["resource"]["state"],
            "provision.failed" in [event["name"] for event in timeline_twin["events"]],
        )


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


async def test_a_notice_is_settled_by_its_button(database_url: str) -> None:
    """Once settled it is not open any more; settling it twice is as good."""
    async with play(database_url) as pair:
        await fail_provision(pair)
        cookie, csrf = await enter(pair)
        open_now = await pair.parts.database.read(list_open_notices)
        (odd,) = [notice for notice in open_now if notice.kind == NoticeKind.EVENT_FAILED]
        path = f"/operators/notices/{odd.id}/settle"
        refused = await look(pair, path, cookie, form={"csrf": "wrong"})
        still = await pair.parts.database.read(list_open_notices)
        pages = [await look(pair, path, cookie, form={"csrf": csrf}) for _ in range(2)]
        left = await pair.parts.database.read(list_open_notices)

        assert (403, open_now) == (refused.status, still)
        assert [(303, "/operators/notices")] * 2 == [(page.status, page.headers["Location"]) for page in pages]
        assert NoticeKind.EVENT_FAILED not in [notice.kind for notice in left]


async def test_older_notices_are_on_the_next_page(database_url: str) -> None:
    """By the id of the last one; behind the last page there is none, and a way back."""
    async with play(database_url) as pair:
        with pair.parts.database.transaction() as connection:
            for number in range(PAGE + 1):
                uuid = add_resource(connection, f"acme-{number}", state=State.DEPROVISIONED, running=None)
                raise_notice(connection, uuid, NoticeKind.EVENT_FAILED, now=NOON)
        cookie, _ = await enter(pair)
        first = json.loads((await look(pair, "/operators/notices.json", cookie)).text)
        page = await look(pair, "/operators/notices", cookie)
        older = f"/operators/notices{{}}?before={first['older']}"
        second = json.loads((await look(pair, older.format(".json"), cookie)).text)
        last = await look(pair, "/operators/notices?before=1", cookie)

        assert (PAGE, 1, None) == (len(first["notices"]), len(second["notices"]), second["older"])
        assert all(text in page.text for text in (f"{PAGE + 1} open notices", older.format("")))
        assert all(text in last.text for text in ("There is none that is older.", 'href="/operators/notices">First'))


async def test_giving_up_is_asked_for_and_then_done(database_url: str) -> None:
    """The link only asks; the form does it, and only with its token."""
    async with play(database_url) as pair:
        uuid = await fail_provision(pair)
        cookie, csrf = await enter(pair)
        path = f"/operators/resources/{uuid}/abandon"
        asked = await look(pair, path, cookie)
        refused = [
            await look(pair, path, cookie, form={"csrf": "wrong"}),
            await look(pair, path, cookie, form={"csrf": csrf}, **{"Sec-Fetch-Site": "cross-site"}),
        ]
        before = await pair.find(uuid)
        done = await look(pair, path, cookie, form={"csrf": csrf})

        assert (200, True) == (asked.status, "No hook is called" in asked.text)
        assert [403, 403] == [page.status for page in refused]
        assert (State.FAILED, State.DEPROVISIONED) == (before.state, (await pair.find(uuid)).state)
        assert (303, f"/operators/resources/{uuid}") == (done.status, done.headers["Location"])


async def test_an_order_that_does_not_fit_says_why(sqlite_url: str) -> None:
    """409 with the reason, and nothing changed."""
    async with play(sqlite_url) as pair:
        addon = await provision(pair)
        cookie, csrf = await enter(pair)
        before = await pair.parts.database.read(find_resource, addon.id)
        pages = [
            await look(pair, f"/operators/resources/{addon.id}/{order}", cookie, form={"csrf": csrf})
            for order in ("retry", "abandon")
        ]

        assert [409, 409] == [page.status for page in pages]
        assert "did not fail" in pages[0].text
        assert before == await pair.parts.database.read(find_resource, addon.id)


async def test_a_plan_change_that_failed_is_tried_again(sqlite_url: str) -> None:
    """The button gives the order, and the worker carries it out."""
    async with play(sqlite_url, acme=Acme(error=ValueError("down"), failures_left=0)) as pair:
        addon = await provision(pair)
        pair.acme.failures_left = 1000
        await pair.call("PUT", f"/{addon.id}", json={"plan": "free"})
        await pair.settle()
        pair.acme.failures_left = 0
        cookie, csrf = await enter(pair)
        await look(pair, f"/operators/resources/{addon.id}/retry", cookie, form={"csrf": csrf})
        await pair.settle()

        assert "free" == (await pair.find(addon.id)).plan


def test_the_secret_shows_itself_nowhere() -> None:
    """A session and its part of the settings print no secret."""
    assert "•••" == repr(Secret(SECRET))
    assert SECRET not in repr(OperatorSession(csrf="c"))
