"""Deliveries of webhooks: what proves to come from Heroku is taken once, everything else is refused alike."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from headrace.errors import MisuseError
from headrace.models import Secret
from headrace.protocol.partner import BODY_LIMIT
from headrace.protocol.webhooks import RETRIED_FOR, SIGNATURE_HEADER, Credentials
from headrace.store.state.notices import NoticeKind, list_open_notices
from headrace.store.state.placements import find_inspection
from headrace.store.state.secrets import ODD_EVENT
from headrace.store.state.webhooks import find_authorization_digest
from headrace.testing import eventually
from hearing import HearingAcme, deliver, list_taken, load_credentials, make_event, provision
from pair import Pair, play_pair

REFUSED = (403, b'{"message":"This delivery could not be verified."}')
FORGED = Credentials(secret=Secret("whsec-guessed"), authorization=Secret("Bearer guessed"))
MINUTE = timedelta(minutes=1)


async def test_a_delivery_is_taken_and_answered_at_once(database_url: str) -> None:
    """204 once it is on disk; the path is beside that of the Partner API, and the uuid may be in capitals."""
    async with play_pair(database_url) as pair:
        uuid = await provision(pair)
        answer = await deliver(pair, uuid, make_event())
        in_capitals = await deliver(pair, uuid.upper(), make_event(), credentials=await load_credentials(pair, uuid))

        assert [(204, b"")] * 2 == [answer, in_capitals]
        assert [(uuid, "api:app", "update")] * 2 == await list_taken(pair)


async def test_what_does_not_prove_to_come_from_heroku_is_refused(sqlite_url: str) -> None:
    """Header and signature both have to be this subscription's; all wrong ones are answered alike."""
    async with play_pair(sqlite_url) as pair:
        uuid, other = await provision(pair, "shop"), await provision(pair, "blog")
        event = make_event()
        answers = [
            await deliver(pair, uuid, event, credentials=FORGED),
            await deliver(pair, uuid, event, credentials=await load_credentials(pair, other)),
            await deliver(pair, uuid, event, headers={"Authorization": ""}),
            await deliver(pair, uuid, event, headers={"Authorization": "Bearer \u00e9"}),
            await deliver(pair, uuid, event, headers={SIGNATURE_HEADER: ""}),
            await deliver(pair, uuid, event, headers={SIGNATURE_HEADER: "AAAA"}),
            await deliver(pair, uuid, event, headers={SIGNATURE_HEADER: "not base64"}),
        ]

        assert [REFUSED] * 7 == answers
        assert [] == await list_taken(pair)


async def test_nobody_learns_which_resources_there_are(sqlite_url: str) -> None:
    """An unknown uuid, and a resource that has no subscription, look like a forged delivery."""
    async with play_pair(sqlite_url) as pair:
        uuid = await provision(pair)
        unsubscribed = await pair.heroku.create_addon("blog", "acme-search:basic")
        await pair.settle()
        gone = await provision(pair, "ada-notes")
        await pair.heroku.deprovision(gone)
        await pair.settle()
        answers = [
            await deliver(pair, about, make_event(), credentials=FORGED)
            for about in (uuid, unsubscribed.id, gone, str(uuid4()))
        ]

        assert [REFUSED] * 4 == answers


async def test_the_last_event_of_a_removed_resource_is_as_good_as_taken(database_url: str) -> None:
    """204, or Heroku would deliver it again for 72 hours; nothing of it is read, because its secret is forgotten."""
    async with play_pair(database_url, acme=HearingAcme()) as pair:
        uuid = await provision(pair)
        ours = await load_credentials(pair, uuid)
        await pair.heroku.deprovision(uuid)
        await pair.settle()
        kept = await pair.parts.database.read(pair.parts.secrets.list_texts, uuid)
        late = [
            await deliver(pair, uuid, body, credentials=ours)
            for body in (make_event(), b"no event", b"x" * (BODY_LIMIT + 1))
        ]
        digest = await pair.parts.database.read(find_authorization_digest, uuid)
        guesses = [
            await deliver(pair, uuid, make_event(), credentials=Credentials(secret=ours.secret, authorization=each))
            for each in (FORGED.authorization, Secret(""), Secret(str(digest)))
        ]

        assert [(204, b"")] * 3 == late
        assert [REFUSED] * 3 == guesses
        assert ([], []) == (kept, await list_taken(pair))


async def test_the_last_event_of_a_resource_that_was_given_up_is_as_good_as_taken(sqlite_url: str) -> None:
    """However its secrets came to be forgotten."""
    acme = HearingAcme(drop_error=MisuseError("Never."))
    async with play_pair(sqlite_url, acme=acme) as pair:
        uuid = await provision(pair)
        ours = await load_credentials(pair, uuid)
        await pair.heroku.deprovision(uuid)
        await pair.settle()
        failed = await deliver(pair, uuid, make_event(), credentials=ours)
        await pair.parts.operations.abandon(uuid)

        assert (204, b"") == failed
        assert (204, b"") == await deliver(pair, uuid, make_event(), credentials=ours)


async def test_a_strangers_body_is_not_even_read(sqlite_url: str) -> None:
    """However large it is, 403; only who knows the header is told of the limit."""
    async with play_pair(sqlite_url) as pair:
        uuid = await provision(pair)
        large = b"x" * (BODY_LIMIT + 1)
        forged = await deliver(pair, uuid, large, credentials=FORGED)
        genuine = await deliver(pair, uuid, large)

        assert REFUSED == forged
        assert 413 == genuine[0]


async def test_nothing_of_a_body_is_parsed_before_its_signature_is_good(sqlite_url: str) -> None:
    """Garbage with a wrong signature is a forgery; signed it is taken, and is no event."""
    async with play_pair(sqlite_url) as pair:
        uuid = await provision(pair)
        bodies = [b"", b"{", b"[]", b"[" * 100_000, b"\xff"]
        forged = [await deliver(pair, uuid, body, headers={SIGNATURE_HEADER: "AAAA"}) for body in bodies]
        forgeries = await list_odd(pair)
        signed = [(await deliver(pair, uuid, body))[0] for body in bodies]

        assert [REFUSED] * 5 == forged
        assert [] == forgeries
        assert [204] * 5 == signed
        assert ([], [uuid]) == (await list_taken(pair), await list_odd(pair))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": "x" * 61},
        {"id": "nul\x00"},
        {"id": 7},
        {"action": "up date"},
        {"action": "update\n"},
        {"action": None},
        {"resource": {"name": "app"}},
        {"created_at": "2026-11-23T19:00:00"},
        {"created_at": "yesterday"},
        {"created_at": None},
    ],
)
async def test_a_signed_delivery_of_an_odd_form_is_taken_kept_and_shown(
    database_url: str, changes: dict[str, Any]
) -> None:
    """204, since a 4xx would hold its subscription up for three days; a notice, and what it was for an operator."""
    async with play_pair(database_url, acme=HearingAcme()) as pair:
        uuid = await provision(pair)
        odd = make_event(**changes)
        answers = [await deliver(pair, uuid, each) for each in (odd, odd, make_event())]
        (notice,) = await pair.parts.database.read(list_open_notices)
        kept = await pair.parts.database.read(pair.parts.secrets.find, uuid, ODD_EVENT)
        check = await pair.parts.database.read(find_inspection, uuid)

        assert [(204, b"")] * 3 == answers
        assert (uuid, NoticeKind.EVENT_ODD) == (notice.resource_uuid, notice.kind)
        assert "not an event" in notice.detail["reason"]
        assert odd == json.loads(kept or "")
        assert check is not None
        assert check.wanted_at is not None
        assert [(uuid, "api:app", "update")] == await list_taken(pair)


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": {"id": "7b1f0c9e-3a44-4c0b-8d5e-19c2f7a6b350"}},
        {"actor": None},
        {"actor": "dev@example.test"},
        {"previous_data": None},
        {"previous_data": []},
        {"updated_at": None},
        {"updated_at": "soon"},
        {"data": None},
        {"webhook_metadata": None},
        {"webhook_metadata": {"event": {}}},
        {"include": "api:\x00", "resource": "app"},
        {"published_at": "2026-11-23T19:00:00.158Z", "new_member": {}},
    ],
)
async def test_what_decorates_an_event_costs_it_nothing(sqlite_url: str, changes: dict[str, Any]) -> None:
    """It is told to the hook like any other."""
    acme = HearingAcme()
    async with play_pair(sqlite_url, acme=acme) as pair:
        uuid = await provision(pair)
        answer = await deliver(pair, uuid, make_event(**changes))

        assert (204, b"") == answer
        assert [] == await list_odd(pair)
        await eventually(lambda: bool(acme.heard))
        assert [("api:app", "update")] == [(event.entity, event.action) for event in acme.heard]


async def test_what_heroku_would_not_deliver_any_more_is_refused(database_url: str) -> None:
    """Heroku tries for 72 hours (contract §8.4); what is older is a replay, whatever its signature says."""
    async with play_pair(database_url) as pair:
        uuid = await provision(pair)
        now = datetime.now(UTC)
        late = await deliver(pair, uuid, make_event(created_at=(now - RETRIED_FOR + MINUTE).isoformat()))
        too_late = await deliver(pair, uuid, make_event(created_at=(now - RETRIED_FOR - MINUTE).isoformat()))

        assert (204, REFUSED) == (late[0], too_late)
        assert 1 == len(await list_taken(pair))


async def test_an_event_is_remembered_for_as_long_as_it_could_be_replayed(sqlite_url: str) -> None:
    """The same bytes are taken once; when the record of it goes, its age keeps it out."""
    async with play_pair(sqlite_url) as pair:
        uuid = await provision(pair)
        event = make_event(created_at=(datetime.now(UTC) - RETRIED_FOR + MINUTE).isoformat())
        answers = [await deliver(pair, uuid, event) for _ in range(3)]
        once = await list_taken(pair)

        assert [(204, b"")] * 3 == answers
        assert 1 == len(once)


async def test_a_database_that_is_away_is_answered_503_and_the_event_is_taken_later(sqlite_url: str) -> None:
    """Nothing was recorded, so Heroku delivers again."""
    async with play_pair(sqlite_url) as pair:
        uuid = await provision(pair)
        credentials, event = await load_credentials(pair, uuid), make_event()
        await _rename_table(pair, "webhook_event", "hidden")
        away = await deliver(pair, uuid, event, credentials=credentials)
        await _rename_table(pair, "hidden", "webhook_event")
        back = await deliver(pair, uuid, event, credentials=credentials)

        assert ([503, 204], 1) == ([away[0], back[0]], len(await list_taken(pair)))


@pytest.mark.parametrize("path", ["", "/", "/not-a-uuid", "/../resources"])
async def test_there_is_nothing_without_a_uuid(sqlite_url: str, path: str) -> None:
    """404 from the router, or what stands at that address."""
    async with play_pair(sqlite_url) as pair, pair.http.post(f"{pair.url}/heroku/webhooks{path}") as answer:
        assert answer.status in {401, 404}


async def test_only_post_delivers(sqlite_url: str) -> None:
    """405 on every other method."""
    async with play_pair(sqlite_url) as pair:
        statuses = []
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            async with pair.http.request(method, f"{pair.url}/heroku/webhooks/{uuid4()}") as answer:
                statuses.append(answer.status)

        assert [405] * 4 == statuses


async def test_deliveries_are_counted_by_what_became_of_them(sqlite_url: str) -> None:
    """New, repeated, and each reason for a refusal."""
    async with play_pair(sqlite_url) as pair:
        uuid = await provision(pair)
        event = make_event()
        for _ in range(2):
            await deliver(pair, uuid, event)
        await deliver(pair, uuid, event, credentials=FORGED)
        async with pair.http.get(f"{pair.url}/metrics") as answer:
            text = await answer.text()

        for outcome in ("new", "repeated", "bad_authorization"):
            assert f'headrace_webhook_deliveries_total{{outcome="{outcome}"}} 1.0' in text


async def test_no_log_line_tells_what_a_delivery_holds(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither what was taken nor what was refused, and no credential."""
    caplog.set_level(logging.DEBUG)
    async with play_pair(sqlite_url, acme=HearingAcme()) as pair:
        uuid = await provision(pair)
        credentials = await load_credentials(pair, uuid)
        event = make_event(data={"config": "recognisable-7f3a"})
        await deliver(pair, uuid, event)
        await deliver(pair, uuid, event, headers={SIGNATURE_HEADER: "AAAA"})
        await deliver(pair, uuid, b'{"recognisable-7f3a":')

    assert "recognisable-7f3a" not in caplog.text
    assert credentials.secret.reveal() not in caplog.text
    assert credentials.authorization.reveal() not in caplog.text


async def list_odd(pair: Pair) -> list[str]:
    """The resources about which Heroku delivered what is no event."""
    notices = await pair.parts.database.read(list_open_notices)
    return [each.resource_uuid for each in notices if each.kind == NoticeKind.EVENT_ODD]


async def _rename_table(pair: Pair, old: str, new: str) -> None:
    await pair.parts.database.write(lambda connection: connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}"))
