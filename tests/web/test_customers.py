"""Single sign-on, sessions and the board's routes; and that no secret leaks on any of these ways."""

import io
import logging
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from itsdangerous import URLSafeSerializer

from browsing import COOKIE, SALT, Page, log_in, provision, read_csrf, sign_form, visit
from headrace.emulator import Clock, Switches
from headrace.models import Secret
from headrace.protocol.partner import build_basic_auth
from headrace.service import AddonService
from headrace.store.placements import find_check
from headrace.store.seal import KeyRing
from headrace.web.sessions import build_signer
from headrace.workflows.hooks import PlanChange, Provision, Resource
from pair import ADA, EVE, GRACE, PASSWORD, SLUG, Acme, Pair, play_pair

UUID = "01234567-89ab-cdef-0123-456789abcdef"


async def test_a_login_by_herokus_form_leads_to_the_board(sqlite_url: str) -> None:
    """303 and a cookie that no script reads and no other site sends along; then the board."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        url, form = pair.heroku.sso_form(addon, ADA)
        page = await visit(pair, "/sso/login", form=form)
        assert page.cookie is not None
        board = await visit(pair, "/board", cookie=page.cookie.value)

        assert f"{pair.url}/sso/login" == url
        assert (303, "/board") == (page.status, page.headers["Location"])
        assert (True, "lax", "/", "3600") == (
            page.cookie["httponly"],
            page.cookie["samesite"].lower(),
            page.cookie["path"],
            page.cookie["max-age"],
        )
        assert 200 == board.status
        assert all(text in board.text for text in ("shop", ADA, "production"))


@pytest.mark.parametrize(
    ("nav_data", "kept"),
    [("eyJhZGRvbiI6ICJBY21lIn0=", ["eyJhZGRvbiI6ICJBY21lIn0="]), ("", []), ("a b;c", []), ("a" * 3001, [])],
)
async def test_what_herokus_old_header_reads_is_kept(sqlite_url: str, nav_data: str, kept: list[str]) -> None:
    """In the cookie that its script looks for, and only what can be nothing else (contract §4.3)."""
    async with play_pair(sqlite_url) as pair:
        form = {**pair.heroku.sso_form(await provision(pair), ADA)[1], "nav-data": nav_data}
        page = await visit(pair, "/sso/login", form=form, name="heroku-nav-data")

        assert 303 == page.status
        assert kept == ([page.cookie.value] if page.cookie else [])
        assert not page.cookie or ("", "lax") == (page.cookie["httponly"], page.cookie["samesite"].lower())


async def test_a_cookie_of_a_site_on_https_travels_by_https_only(sqlite_url: str) -> None:
    """`Secure` and tied to the host everywhere but on this machine."""
    async with play_pair(sqlite_url) as pair:
        form = pair.heroku.sso_form(await provision(pair), ADA)[1]
        headers = {"Host": "search.acme.example", "X-Forwarded-Proto": "https"}
        async with pair.http.post(f"{pair.url}/sso/login", data=form, headers=headers, allow_redirects=False) as answer:
            cookie = answer.cookies[f"__Host-{COOKIE}"]
        assert (True, "/", "") == (cookie["secure"], cookie["path"], cookie["domain"])


async def test_a_form_that_heroku_made_wrong_is_refused(sqlite_url: str) -> None:
    """Stale or with a bad token: 403, no cookie, and no word of which of the two it was."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        pages = []
        for wrong in (Switches(sso_is_stale=True), Switches(sso_has_bad_token=True)):
            pair.heroku.switches.sso_is_stale = wrong.sso_is_stale
            pair.heroku.switches.sso_has_bad_token = wrong.sso_has_bad_token
            pages.append(await visit(pair, "/sso/login", form=pair.heroku.sso_form(addon, ADA)[1]))

        assert [(403, None)] * 2 == [(page.status, page.cookie) for page in pages]
        assert pages[0].text == pages[1].text
        assert "Open the add-on again from Heroku" in pages[0].text
        assert addon.id not in pages[0].text


async def test_a_form_from_the_future_is_refused(sqlite_url: str) -> None:
    """A minute of skew is allowed, not more."""
    async with play_pair(sqlite_url) as pair:
        form = sign_form(pair, (await provision(pair)).id, ahead=timedelta(minutes=2))
        page = await visit(pair, "/sso/login", form=form)

        assert (403, None) == (page.status, page.cookie)


async def test_a_token_is_good_for_its_own_resource_and_person_only(sqlite_url: str) -> None:
    """A form put together from another's parts is refused."""
    async with play_pair(sqlite_url) as pair:
        eves, adas = await provision(pair, "eves-app"), await provision(pair, "shop")
        form = pair.heroku.sso_form(eves, EVE)[1]
        changes: list[dict[str, str]] = [
            {"resource_id": adas.id},
            {"resource_id": adas.id, "id": adas.id},
            {"email": ADA},
            {"user_id": pair.heroku.sso_form(adas, ADA)[1]["user_id"]},
            {"timestamp": str(int(form["timestamp"]) + 1)},
            {"resource_token": "", "user_scoped_resource_token": "", "resource_id": adas.id},
            {"user_scoped_resource_token": form["user_scoped_resource_token"].upper()},
        ]
        pages = [await visit(pair, "/sso/login", form={**form, **change}) for change in changes]

        assert [(403, None)] * len(changes) == [(page.status, page.cookie) for page in pages]


async def test_a_resource_that_is_not_there_cannot_be_opened(sqlite_url: str) -> None:
    """404 for one that never was, 410 for one that was removed (contract §4.3)."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        form = pair.heroku.sso_form(addon, ADA)[1]
        await pair.heroku.deprovision(addon)
        await pair.settle()
        gone = await visit(pair, "/sso/login", form=form)
        unknown = await visit(pair, "/sso/login", form=sign_form(pair, UUID))
        no_uuid = await visit(pair, "/sso/login", form=sign_form(pair, "app1234@heroku.com"))

        assert [410, 404, 404] == [gone.status, unknown.status, no_uuid.status]
        assert {None} == {page.cookie for page in (gone, unknown, no_uuid)}


async def test_a_resource_that_is_being_removed_cannot_be_opened(sqlite_url: str) -> None:
    """410 from the moment that Heroku was told yes, however long the partner's hook takes."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        form = pair.heroku.sso_form(addon, ADA)[1]
        pair.acme.drop_error = ConnectionError("the cloud is away")
        await pair.heroku.deprovision(addon)
        going = await visit(pair, "/sso/login", form=form)
        pair.acme.drop_error = None

        assert (410, None) == (going.status, going.cookie)


async def test_a_form_without_a_field_is_malformed(sqlite_url: str) -> None:
    """400 that names the field; one that says nothing in it is missing too."""
    async with play_pair(sqlite_url) as pair:
        form = pair.heroku.sso_form(await provision(pair), ADA)[1]
        del form["id"]
        for missing in ("resource_id", "timestamp"):
            without = {name: value for name, value in form.items() if name != missing}
            pages = [
                await visit(pair, "/sso/login", form=without),
                await visit(pair, "/sso/login", form={**form, missing: ""}),
            ]

            assert [(400, None)] * 2 == [(page.status, page.cookie) for page in pages]
            assert all(missing in page.text for page in pages)


# What is sent as a form, and how it is answered.
UNREADABLE = {
    b"": 400,
    b"\xff\xfe": 400,
    b"&".join(b"a%d=1" % number for number in range(200)): 400,
    b"timestamp=soon&resource_id=" + UUID.encode(): 403,
    b"a=" + b"x" * 70_000: 413,
}


async def test_a_form_that_cannot_be_read_is_refused(sqlite_url: str) -> None:
    """Whatever comes in, the answer is a page of ours and no session."""
    async with play_pair(sqlite_url) as pair:
        pages = [await visit(pair, "/sso/login", form=io.BytesIO(body), method="POST") for body in UNREADABLE]

        assert [(status, None) for status in UNREADABLE.values()] == [(page.status, page.cookie) for page in pages]
        assert all("Acme Search" in page.text for page in pages)


async def test_without_the_user_scoped_token_only_the_one_resource_is_seen(sqlite_url: str) -> None:
    """SHA-1 does not cover who logs in (contract §4.3), so siblings stay hidden, even from an admin."""
    async with play_pair(sqlite_url, switches=Switches(sso_has_user_token=False)) as pair:
        await provision(pair, "shop-staging")
        cookie = await log_in(pair, await provision(pair, "shop"), ADA)
        board = await visit(pair, "/board", cookie=cookie)

        assert 200 == board.status
        assert "production" in board.text
        assert "shop-staging" not in board.text


async def test_an_altered_session_is_none(sqlite_url: str) -> None:
    """The cookie is signed: another resource, another key or a cut end makes it worthless."""
    async with play_pair(sqlite_url) as pair:
        shop = await provision(pair, "shop")
        cookie = await log_in(pair, await provision(pair, "eves-app"), EVE)
        signer = build_signer(pair.parts.settings.keys, "session")
        ends_at, payload = signer.loads(cookie)
        forged = [ends_at, {**payload, "resource_uuid": shop.id}]
        others = build_signer(KeyRing([b"another key"]), "session")
        operators = build_signer(pair.parts.settings.keys, "operator session")
        cookies = [
            # Not the last character, of which some bits count for nothing.
            cookie[:-5] + ("A" if cookie[-5] != "A" else "B") + cookie[-4:],
            cookie.partition(".")[0],
            "A" + cookie,
            str(others.dumps(forged)),
            str(operators.dumps(forged)),
            str(URLSafeSerializer("", salt="headrace session").dumps(forged)),
            str(signer.dumps([ends_at, {"resource_uuid": shop.id}])),
            str(signer.dumps(payload)),
            str(signer.dumps("text")),
        ]
        pages = [await visit(pair, path, cookie=value) for value in cookies for path in ("/board", "/board.json")]

        assert 200 == (await visit(pair, "/board", cookie=cookie)).status
        assert {401} == {page.status for page in pages}
        assert not any(shop.id in page.text for page in pages)


async def test_a_session_ends_after_an_hour(sqlite_url: str) -> None:
    """By the service's clock; then the customer comes by Heroku again."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        cookie = await log_in(pair, await provision(pair))
        clock.advance(timedelta(minutes=59))
        before = await visit(pair, "/board", cookie=cookie)
        clock.advance(timedelta(minutes=1, seconds=1))
        after = await visit(pair, "/board", cookie=cookie)

        assert [200, 401] == [before.status, after.status]


async def test_without_a_session_the_way_in_is_shown(sqlite_url: str) -> None:
    """401 with what to do, for people and for programs."""
    async with play_pair(sqlite_url) as pair:
        root = await visit(pair, "/")
        page, twin = await visit(pair, "/board"), await visit(pair, "/board.json")

        assert "/board" == root.headers["Location"]
        assert 401 == page.status
        assert "heroku addons:open acme-search" in page.text
        assert (401, '{"message":"Open the add-on from Heroku first."}') == (twin.status, twin.text)


async def test_every_answer_carries_the_security_headers(sqlite_url: str) -> None:
    """Pages, JSON, errors, redirects and what Heroku is answered: no script, sniffing, frame, store or neighbour."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        cookie = await log_in(pair, addon)
        basic = {"Authorization": build_basic_auth(SLUG, Secret(PASSWORD))}
        pages = [
            await visit(pair, "/board", cookie=cookie),
            await visit(pair, "/board.json", cookie=cookie),
            await visit(pair, "/board"),
            await visit(pair, "/"),
            await visit(pair, "/sso/login", form=pair.heroku.sso_form(addon, ADA)[1]),
            await visit(pair, "/sso/login", form={}),
            await visit(pair, "/sso/login"),
            await visit(pair, "/board/check", form={}),
            await visit(pair, "/nowhere"),
            await visit(pair, "/static/style.css"),
            await visit(pair, "/health"),
            await visit(pair, "/ready"),
            await visit(pair, "/metrics"),
            await visit(pair, "/heroku/resources", form=b"{"),
        ]
        async with pair.http.delete(f"{pair.url}/heroku/resources/{UUID}", headers=basic) as answer:
            pages.append(Page(status=answer.status, text="", headers=answer.headers.copy(), cookie=None))

        for page in pages:
            policy = page.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert ("nosniff", "DENY", "same-origin") == (
                page.headers["X-Content-Type-Options"],
                page.headers["X-Frame-Options"],
                page.headers["Referrer-Policy"],
            )
            assert ("same-origin", "same-origin") == (
                page.headers["Cross-Origin-Opener-Policy"],
                page.headers["Cross-Origin-Resource-Policy"],
            )
            assert "camera=()" in page.headers["Permissions-Policy"]
            assert "Strict-Transport-Security" not in page.headers
        stored = [page.headers["Cache-Control"] for page in pages]
        assert "max-age=3600" == stored[9]
        assert {"no-store"} == {*stored[:9], *stored[10:]}


async def test_check_now_needs_the_forms_own_token(sqlite_url: str) -> None:
    """Another site can make a browser post, but not know the token; nothing is asked of Heroku then."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        cookie, other = await log_in(pair, addon), await log_in(pair, addon)
        csrf, others_csrf = [read_csrf(await visit(pair, "/board", cookie=value)) for value in (cookie, other)]
        before = await _find_check_time(pair, addon.id)
        refused = [
            await visit(pair, "/board/check", cookie=cookie, form={}),
            await visit(pair, "/board/check", cookie=cookie, form={"csrf": ""}),
            await visit(pair, "/board/check", cookie=cookie, form={"csrf": others_csrf}),
            await visit(pair, "/board/check", form={"csrf": csrf}),
        ]
        unread = await visit(pair, "/board/check", cookie=cookie, method="GET")

        assert [403, 403, 403, 401] == [page.status for page in refused]
        assert 405 == unread.status
        assert before == await _find_check_time(pair, addon.id)


async def test_check_now_asks_heroku_and_shows_the_board(sqlite_url: str) -> None:
    """The button of the board: what moved is found at once."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        cookie = await log_in(pair, addon)
        csrf = read_csrf(await visit(pair, "/board", cookie=cookie))
        before = await _find_check_time(pair, addon.id)
        pair.heroku.move("shop", "staging")
        page = await visit(pair, "/board/check", cookie=cookie, form={"csrf": csrf})
        board = await visit(pair, "/board", cookie=cookie)

        assert (303, "/board") == (page.status, page.headers["Location"])
        assert before < await _find_check_time(pair, addon.id)
        assert "moved from production" in board.text


async def test_check_now_with_a_form_that_cannot_be_read_is_refused(sqlite_url: str) -> None:
    """A 4xx with a page of ours, like at the login."""
    async with play_pair(sqlite_url) as pair:
        cookie = await log_in(pair, await provision(pair))
        bodies = [b"\xff\xfe", b"a=" + b"x" * 70_000]
        pages = [
            await visit(pair, "/board/check", cookie=cookie, form=io.BytesIO(body), method="POST") for body in bodies
        ]

        assert [400, 413] == [page.status for page in pages]
        assert all("Acme Search" in page.text for page in pages)


async def test_a_person_off_the_app_can_check_nothing(sqlite_url: str) -> None:
    """Who lost access while a board was open makes no request to Heroku by its button."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_RECHECK_SECONDS="9000") as pair:
        addon = await provision(pair, "shop-staging")
        cookie = await log_in(pair, addon, GRACE)
        csrf = read_csrf(await visit(pair, "/board", cookie=cookie))
        before = await _find_check_time(pair, addon.id)
        pair.heroku.state.apps["shop-staging"].collaborators.clear()
        clock.advance(timedelta(minutes=5, seconds=1))
        await visit(pair, "/board/check", cookie=cookie, form={"csrf": csrf})
        board = await visit(pair, "/board", cookie=cookie)

        assert 403 == board.status
        assert before == await _find_check_time(pair, addon.id)


PLANTED_CONFIG = {"ACME_SEARCH_URL": "https://u:planted-url-pass@search.acme.example", "ACME_SEARCH_TOKEN": "planted-t"}
PLANTED_LOG_TOKEN = "d.planted-drain-token"
PLANTED_METRICS_TOKEN = "planted-metrics-token-of-36-letters-"
PLANTED_STEP = "planted-step-result"


class PlantingAcme(Acme):
    """A partner whose every answer is a secret, and whose hooks fail once on their way."""

    def register(self, service: AddonService) -> None:
        @service.on_provision
        async def create(provision: Provision) -> dict[str, str]:
            self.created.append(provision)
            await provision.step("make password", lambda: PLANTED_STEP)
            self._behave()
            return {**PLANTED_CONFIG, "ACME_SEARCH_TOKEN": "planted-first-token"}

        @service.on_plan_change
        def resize(change: PlanChange) -> dict[str, str]:
            self.changed.append(change)
            self._behave()
            return PLANTED_CONFIG

        @service.on_deprovision
        def drop(resource: Resource) -> None:
            self.dropped.append(resource)


async def test_no_secret_leaks_anywhere(sqlite_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """From provision to deprovision: not into the log, the database file, any answer, or any repr."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.INFO)
    acme = PlantingAcme(error=RuntimeError("the cloud is down"), failures_left=1)
    answers: list[str] = []
    secrets: dict[str, str] = {
        "manifest password": PASSWORD,
        "salt": SALT.reveal(),
        "client secret": "client-secret",
        "drain token": PLANTED_LOG_TOKEN,
        "metrics token": PLANTED_METRICS_TOKEN,
        "step": PLANTED_STEP,
        "first config": "planted-first-token",
        "config url": "planted-url-pass",
        "config token": PLANTED_CONFIG["ACME_SEARCH_TOKEN"],
    }
    async with play_pair(sqlite_url, acme=acme, HEADRACE_METRICS_TOKEN=PLANTED_METRICS_TOKEN) as pair:
        secrets |= await _live_a_whole_life(pair, acme, answers)
        copied = _copy_database(tmp_path)
        reprs = _spell_parts(pair)
    places = {
        "the log": "\n".join(f"{record.__dict__} {record.getMessage()}" for record in caplog.records) + caplog.text,
        "the answers": "\n".join(answers),
        "the database": copied + _read_files(tmp_path),
        "a repr": reprs,
    }

    # What may be seen is found by the same search, so the search is a good one.
    assert "step.failed" in places["the log"]
    assert "step/make password" in places["the database"]
    assert "headrace_resources_by_plan" in places["the answers"]
    assert 13 == len(set(secrets.values()))
    assert [] == [
        f"{what} in {place}" for place, text in places.items() for what, value in secrets.items() if value in text
    ]


async def _live_a_whole_life(pair: Pair, acme: Acme, answers: list[str]) -> dict[str, str]:
    """Go through everything that happens to a resource; return the secrets that came up on the way."""
    acme.may_go_on.clear()
    addon = await pair.heroku.create_addon("shop", "acme-search:basic")
    code = addon.provision_body.decode().split('"code":"')[1].split('"', maxsplit=1)[0]
    acme.may_go_on.set()
    await pair.settle()
    found = {"grant code": code, **await _find_tokens(pair, addon.id, "first")}
    body = {"uuid": UUID, "plan": "basic", "log_drain_token": PLANTED_LOG_TOKEN, "oauth_grant": None}
    # The answer to this one has the config, which is how Heroku gets it without a grant.
    assert 200 == (await pair.call("POST", json=body))[0]
    answers.append(str(await pair.call("PUT", f"/{addon.id}", json={"plan": "free"})))
    answers.append(str(await pair.call("POST", password="wrong", json=body)))
    answers.append(str(await pair.call("POST", json={**body, "oauth_grant": {"code": code, "expires_at": "soon"}})))
    acme.error, acme.failures_left = RuntimeError("the cloud is down"), 1
    await pair.heroku.change_plan(addon, "basic")
    pair.heroku.expire_tokens(addon)
    await pair.parts.inspector.inspect(addon.id)
    found |= await _find_tokens(pair, addon.id, "second")
    form = pair.heroku.sso_form(addon, ADA)[1]
    page = await visit(pair, "/sso/login", form=form)
    cookie = page.cookie.value if page.cookie else ""
    answers += [page.text, str(page.headers)]
    paths = ("/board", "/board.json", "/", "/health", "/ready", "/nowhere", "/metrics")
    for path in paths:
        shown = await visit(pair, path, cookie=cookie)
        answers += [shown.text, str(shown.headers)]
    headers = {"Authorization": f"Bearer {PLANTED_METRICS_TOKEN}"}
    async with pair.http.get(f"{pair.url}/metrics", headers=headers) as answer:
        answers.append(await answer.text())
    pair.heroku._heroku.tokens.revoke(addon)
    answers.append((await visit(pair, "/board", cookie=cookie)).text)
    answers.append(str(await pair.call("DELETE", f"/{addon.id}")))
    await pair.settle()
    # Another one stays, so that the file has sealed secrets of each kind.
    await pair.heroku.create_addon("blog", "acme-search:basic")
    await pair.settle()
    return found


async def _find_tokens(pair: Pair, uuid: str, which: str) -> dict[str, str]:
    token = await pair.parts.database.read(pair.parts.secrets.find_token, uuid)
    assert token is not None
    found = {f"{which} access token": token.access.reveal()}
    return found | ({"refresh token": token.refresh.reveal()} if which == "first" else {})


def _copy_database(folder: Path) -> str:
    """Return every byte of the database: what is still in the write-ahead log comes into the copy."""
    copy = folder / "copy.db"
    with closing(sqlite3.connect(folder / "headrace.db")) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy.read_text(encoding="latin-1")


def _read_files(folder: Path) -> str:
    """Return every byte of the database's own files."""
    return "".join(path.read_text(encoding="latin-1") for path in folder.glob("headrace.db*"))


def _spell_parts(pair: Pair) -> str:
    """Every part of the service as a debugger, an error or an f-string would show it."""
    parts = pair.parts
    things: list[Any] = [parts, *vars(parts).values(), parts.settings.manifest, *pair.acme.created]
    return "\n".join(f"{thing!r} {thing}" for thing in things)


async def _find_check_time(pair: Pair, uuid: str) -> Any:
    check = await pair.parts.database.read(find_check, uuid)
    assert check is not None
    return check.checked_at
