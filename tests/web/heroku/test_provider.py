"""The Partner API under bad input: a clear error for the sender, and nothing changed."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from headrace.emulator import Clock
from headrace.models import Secret, State
from headrace.protocol.partner import BODY_LIMIT, build_basic_auth
from headrace.store.sql.tables.schema import (
    lifecycle_event,
    plan_change,
    resource,
    secret,
)
from headrace.testing import eventually
from pair import PASSWORD, SLUG, Acme, Pair, play_pair

MEMBERS = ("plan", "name", "region")
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
UUID = "01234567-89ab-cdef-0123-456789abcdef"
CREDENTIALS = "acme-search:manifest-pass"
# As the article "Inspecting pipelines from an add-on" prints it.
LEGACY_BODY = """
{
  "heroku_id": "app1234@heroku.com",
  "plan": "basic",
  "region": "amazon-web-services::us-east-1",
  "callback_url": "https://api.heroku.com/vendor/apps/app1234@heroku.com",
  "options": {},
  "uuid": "01234567-89ab-cdef-0123-456789abcdef"
}
"""


def make_body(**changes: Any) -> dict[str, Any]:
    return {
        "uuid": UUID,
        "name": "acme-search-curved-1",
        "plan": "basic",
        "region": "amazon-web-services::us-east-1",
        "options": {},
        "callback_url": f"https://api.heroku.com/addons/{UUID}",
        "oauth_grant": None,
        **changes,
    }


async def count_rows(pair: Pair) -> dict[str, int]:
    """Count everything that a call may store."""

    def count(connection: sa.Connection) -> dict[str, int]:
        tables = (resource, secret, plan_change, lifecycle_event)
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in tables
        }

    return await pair.parts.database.read(count)


NOTHING = {"resource": 0, "secret": 0, "plan_change": 0, "lifecycle_event": 0}


async def test_who_is_calling_is_checked_before_anything_is_read(sqlite_url: str) -> None:
    """A wrong password, another scheme or none: 401 on every verb, whatever the body and the uuid are."""
    async with play_pair(sqlite_url) as pair:
        answers = []
        for method, path in (("POST", ""), ("PUT", f"/{UUID}"), ("DELETE", f"/{UUID}")):
            large = io.BytesIO(b"x" * (BODY_LIMIT + 1))
            answers += [
                await pair.call(method, path, password="wrong", data=b"{garbage"),
                await pair.call(method, path, password="wrong", json=make_body()),
                await pair.call(method, path, data=b"{garbage", headers={"Authorization": ""}),
                await pair.call(method, path, headers={"Authorization": "Bearer manifest-pass"}),
                await pair.call(method, path, headers={"Authorization": f"Basic {CREDENTIALS}"}),
                await pair.call(method, path, headers={"Authorization": "Basic \u00e9"}),
                await pair.call(method, path, password="wrong", data=large),
            ]
        stored = await count_rows(pair)

        assert [(401, {"message": "Authentication failed."})] * 21 == answers
        assert NOTHING == stored


async def test_while_a_password_is_rotated_both_are_good(sqlite_url: str) -> None:
    """Until the moment that the manifest names; from then on the new one alone."""
    clock = Clock()
    clock.freeze(NOON)
    urls = {"base_url": "http://127.0.0.1/heroku/resources"}
    before = {"password": PASSWORD, "until": (NOON + timedelta(hours=24)).isoformat()}
    manifest = {"id": SLUG, "$before": before, "api": {"password": "the new one", "test": urls, "production": urls}}
    async with play_pair(sqlite_url, clock=clock, has_worker=False, HEADRACE_MANIFEST=json.dumps(manifest)) as pair:
        during = [(await pair.call("DELETE", f"/{UUID}", password=each))[0] for each in ("the new one", PASSWORD)]
        clock.advance(timedelta(hours=24))
        after = [(await pair.call("DELETE", f"/{UUID}", password=each))[0] for each in ("the new one", PASSWORD)]

    assert ([410, 410], [410, 401]) == (during, after)


async def test_a_stranger_learns_nothing_of_which_uuids_there_are(sqlite_url: str) -> None:
    """Known, unknown and malformed uuids look the same without the password."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        answers = [
            await pair.call(method, f"/{uuid}", password="wrong", json={"plan": "free"})
            for method in ("PUT", "DELETE")
            for uuid in (addon.id, UUID, "not-a-uuid")
        ]

        assert [(401, {"message": "Authentication failed."})] * 6 == answers
        assert (State.PROVISIONED, "basic") == ((row := await pair.find(addon.id)).state, row.plan)


# What is sent, and a word that the message has to have.
UNREADABLE: list[tuple[bytes | dict[str, Any], str]] = [
    (b"", "not valid JSON"),
    (b"{", "not valid JSON"),
    (b"\xff\xfe", "not valid JSON"),
    (b"[" * 100_000, "The body"),
    (b"[]", "The body"),
    (b"null", "The body"),
    (make_body(uuid=None), "uuid"),
    (make_body(uuid="app1234@heroku.com"), "uuid"),
    (make_body(uuid=7), "uuid"),
    (make_body(uuid=UUID.replace("-", "")), "uuid"),
    (make_body(plan=None), "plan"),
    (make_body(plan=""), "plan"),
    (make_body(plan=["basic"]), "plan"),
    (make_body(region=3), "region"),
    (make_body(options=["a"]), "options"),
    (make_body(options={"size": 10}), "options"),
    (make_body(oauth_grant="code"), "oauth_grant"),
    (make_body(oauth_grant={"code": "c"}), "oauth_grant.expires_at"),
    (make_body(oauth_grant={"code": "c", "expires_at": "soon"}), "oauth_grant.expires_at"),
    (make_body(oauth_grant={"code": "c", "expires_at": "2026-11-23T18:05:00"}), "oauth_grant.expires_at"),
    ({"plan": "basic"}, "uuid"),
    ({"uuid": UUID}, "plan"),
]


async def test_a_provision_that_cannot_be_read_names_the_culprit_and_stores_nothing(sqlite_url: str) -> None:
    """400, JSON, and a message that says which member is wrong."""
    async with play_pair(sqlite_url) as pair:
        answers = [
            await pair.call("POST", data=body if isinstance(body, bytes) else json.dumps(body).encode())
            for body, _ in UNREADABLE
        ]
        stored = await count_rows(pair)

        assert [400] * len(UNREADABLE) == [status for status, _ in answers]
        assert [] == [
            (word, answer)
            for (_, word), (_, answer) in zip(UNREADABLE, answers, strict=True)
            if word not in answer["message"]
        ]
        assert NOTHING == stored
        assert [] == pair.acme.created


async def test_a_plan_change_that_cannot_be_read_changes_nothing(sqlite_url: str) -> None:
    """The same for PUT: the message names the member, the plan stays, no hook runs."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        before = await count_rows(pair)
        bodies = [b"", b"{", b"[]", b"{}", b'{"plan": 3}', b'{"plan": ""}', b'{"plan": null}']
        answers = [await pair.call("PUT", f"/{addon.id}", data=body) for body in bodies]
        after = await count_rows(pair)

        assert [400] * len(bodies) == [status for status, _ in answers]
        assert ["plan"] * 4 == [answer["message"][:4] for _, answer in answers[3:]]
        assert before == after
        assert [] == pair.acme.changed


async def test_a_path_without_a_uuid_is_malformed(sqlite_url: str) -> None:
    """400 that says so, not a look-up of whatever stands there."""
    async with play_pair(sqlite_url) as pair:
        answers = [
            await pair.call(method, f"/{text}", json={"plan": "free"})
            for method in ("PUT", "DELETE")
            for text in ("app1234@heroku.com", "1", UUID[:-1], f"{{{UUID}}}", "%00")
        ]

        assert [(400, {"message": "uuid is not a UUID."})] * 10 == answers


async def test_a_body_of_over_one_mebibyte_is_refused(sqlite_url: str) -> None:
    """413 with a message, before it is parsed."""
    async with play_pair(sqlite_url) as pair:
        padded = json.dumps(make_body(padding="x" * BODY_LIMIT)).encode()
        provision = await pair.call("POST", data=io.BytesIO(padded))
        plan_change = await pair.call("PUT", f"/{UUID}", data=io.BytesIO(padded))
        stored = await count_rows(pair)

        assert [413, 413] == [provision[0], plan_change[0]]
        assert "larger than 1,048,576 bytes" in provision[1]["message"]
        assert NOTHING == stored


async def test_members_we_do_not_know_are_ignored(sqlite_url: str) -> None:
    """Heroku may add members at any time (contract §1.1)."""
    async with play_pair(sqlite_url) as pair:
        status, answer = await pair.call("POST", json=make_body(new={"deep": [1, None]}, logplex_token="t"))

        assert (200, UUID) == (status, answer["id"])


async def test_the_legacy_body_of_the_article_is_provisioned_at_once(database_url: str) -> None:
    """No grant, no name: the hook runs within the request, and the config is in the answer."""
    async with play_pair(database_url) as pair:
        status, answer = await pair.call("POST", data=LEGACY_BODY.encode())
        row = await pair.find(UUID)

        assert 200 == status
        assert {"id": UUID, "config": {"ACME_SEARCH_URL": f"https://search.acme.example/{UUID}"}} == answer
        assert (State.PROVISIONED, True) == (row.state, row.is_synchronous)
        assert 1 == len(pair.acme.created)


async def test_upper_case_names_the_same_resource(sqlite_url: str) -> None:
    """A uuid is the same in capitals: one resource, one key."""
    async with play_pair(sqlite_url) as pair:
        first = await pair.call("POST", json=make_body())
        second = await pair.call("POST", json=make_body(uuid=UUID.upper()))
        gone = await pair.call("DELETE", f"/{UUID.upper()}")

        assert first == second
        assert 1 == len(pair.acme.created)
        assert (204, None) == gone


async def test_what_nobody_knows_is_said_so(sqlite_url: str) -> None:
    """A plan change of an unknown resource is 404; a deprovision 410, for there is nothing (contract §1.4)."""
    async with play_pair(sqlite_url) as pair:
        uuid = str(uuid4())
        changed = await pair.call("PUT", f"/{uuid}", json={"plan": "basic"})
        removed = await pair.call("DELETE", f"/{uuid}")
        stored = await count_rows(pair)

        assert (404, {"message": f"There is no resource {uuid}."}) == changed
        assert 410 == removed[0]
        assert uuid in removed[1]["message"]
        assert NOTHING == stored


async def test_a_nul_in_a_text_is_malformed_on_every_database(database_url: str) -> None:
    """PostgreSQL cannot store one; the sender is told, and nothing is stored."""
    async with play_pair(database_url) as pair:
        answers = [await pair.call("POST", json=make_body(**{member: "ba\x00sic"})) for member in MEMBERS]
        stored = await count_rows(pair)

        assert [400, 400, 400] == [status for status, _ in answers]
        assert all(name in answer["message"] for name, (_, answer) in zip(MEMBERS, answers, strict=True))
        assert NOTHING == stored


@pytest.mark.parametrize(
    ("path", "methods", "allowed"),
    [("", ("GET", "PUT", "DELETE"), {"POST"}), (f"/{UUID}", ("GET", "POST", "PATCH"), {"PUT", "DELETE"})],
)
async def test_a_wrong_method_is_answered_405_in_json(
    sqlite_url: str, path: str, methods: tuple[str, ...], allowed: set[str]
) -> None:
    """The answer names what is allowed, and is JSON like every other of the Partner API (contract §1.1)."""
    async with play_pair(sqlite_url) as pair:
        for method in methods:
            headers = {"Authorization": build_basic_auth(SLUG, Secret(PASSWORD))}
            async with pair.http.request(method, f"{pair.url}/heroku/resources{path}", headers=headers) as answer:
                status, text = answer.status, await answer.text()
                named = {name.strip() for name in answer.headers["Allow"].split(",")}

            assert (405, allowed) == (status, named)
            assert json.loads(text)["message"]


async def test_a_database_that_is_away_is_answered_503_in_json(sqlite_url: str) -> None:
    """Heroku shows the message of a 503 to the customer and asks again (contract §1.1)."""
    async with play_pair(sqlite_url) as pair:
        await pair.parts.database.write(
            lambda connection: connection.exec_driver_sql("ALTER TABLE resource RENAME TO hidden")
        )
        try:
            url = f"{pair.url}/heroku/resources"
            async with pair.http.request(
                "POST", url, json=make_body(), headers={"Authorization": build_basic_auth(SLUG, Secret(PASSWORD))}
            ) as answer:
                status, headers, text = answer.status, answer.headers, await answer.text()
        finally:
            await pair.parts.database.write(
                lambda connection: connection.exec_driver_sql("ALTER TABLE hidden RENAME TO resource")
            )

        assert 503 == status
        assert "nosniff" == headers["X-Content-Type-Options"]
        assert json.loads(text)["message"]


async def test_a_refusal_within_the_request_is_the_same_for_a_repeat(sqlite_url: str) -> None:
    """A failed provision without a grant answers 503 for trouble, and its repeat never runs the hook again."""
    acme = Acme(config={"OTHER_URL": "https://x.example"})
    async with play_pair(sqlite_url, acme=acme) as pair:
        first = await pair.call("POST", json=make_body())
        await eventually(lambda: acme.dropped)
        second = await pair.call("POST", json=make_body())

        assert 503 == first[0]
        assert first[1]["message"] == second[1]["message"]
        assert 422 == second[0]
        assert 1 == len(acme.created)


# Methods and addresses under base_url that Heroku never asks for.
STRANGE = [
    ("GET", ""),
    ("PATCH", ""),
    ("TRACE", ""),
    ("GET", f"/{UUID}"),
    ("POST", f"/{UUID}"),
    ("GET", "/"),
    ("GET", f"/{UUID}/config"),
    ("DELETE", f"/{UUID}/"),
    ("PUT", "/a/b/c"),
]


async def test_under_base_url_everything_asks_for_the_password_first(sqlite_url: str) -> None:
    """Who does not know it learns neither addresses nor methods; who does is told what is wrong."""
    async with play_pair(sqlite_url) as pair:
        strangers = [await _ask(pair, method, path, password="wrong") for method, path in STRANGE]
        herokus = [await _ask(pair, method, path, password=PASSWORD) for method, path in STRANGE]

        assert [(401, '{"message":"Authentication failed."}')] * len(STRANGE) == strangers
        assert [405, 405, 405, 405, 405, 404, 404, 404, 404] == [status for status, _ in herokus]


async def _ask(pair: Pair, method: str, path: str, *, password: str) -> tuple[int, str]:
    headers = {"Authorization": build_basic_auth(SLUG, Secret(password))}
    # A body that would be refused, if anybody looked at it.
    body = io.BytesIO(b"x" * 200_000)
    async with pair.http.request(method, f"{pair.url}/heroku/resources{path}", headers=headers, data=body) as answer:
        return answer.status, await answer.text()
