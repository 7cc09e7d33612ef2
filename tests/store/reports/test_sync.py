"""The state of the sync, deliveries and one resource's history in the store, on both databases."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from headrace.encryption import KeyRing, make_key
from headrace.models import Outcome, Secret, State, Token
from headrace.store.reports.deliveries import (
    DeliveryKey,
    SubscriptionKey,
    UnansweredRow,
    list_deliveries,
    list_deliveries_of,
    list_unanswered,
)
from headrace.store.reports.histories import (
    TokenHealth,
    find_latest_inspection,
    find_token_health,
    list_latest_placements,
    list_lifecycle,
)
from headrace.store.reports.paging import Place
from headrace.store.reports.sync import NEVER_INSPECTED, SyncState, list_troubled, load_sync_state
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import placement_check, webhook_event, webhook_subscription
from headrace.store.state.due import claim_batch, count_due, find_longest_due, make_due_after
from headrace.store.state.notices import NoticeKind, raise_notice
from headrace.store.state.placements import make_first_due, save_failed_inspection, save_inspection
from headrace.store.state.resources import update_resource
from headrace.store.state.secrets import SecretStore
from headrace.store.state.timeline import TimelineName, add_event
from store.making import HOUR, NOON, add_resource, decline, id_of, make_request, place


def look(connection: sa.Connection, name: str, *, error: str | None = None, due: timedelta = HOUR) -> None:
    """Store a provisioned resource that was looked at, once with an answer, and then with this error."""
    add_resource(connection, name, state="provisioned")
    save_inspection(connection, place(name), next_check_at=NOON + due)
    if error:
        save_failed_inspection(connection, id_of(name), error=error, now=NOON, next_check_at=NOON + due)


async def test_the_state_counts_what_is_due_and_what_is_in_trouble(database: Database) -> None:
    """Live resources only: what is gone has no place to ask for. What is in a batch has waited since it was due."""
    with database.transaction() as connection:
        look(connection, "fine")
        look(connection, "due", due=-HOUR)
        look(connection, "longest due", due=-2 * HOUR, error="TokenRejected")
        look(connection, "down", error="HerokuBroken")
        look(connection, "gone", due=-3 * HOUR, error="HerokuBroken")
        update_resource(connection, id_of("gone"), state="deprovisioned")
        add_resource(connection, "new", state="provisioned")
        make_first_due(connection, id_of("new"), now=NOON + HOUR)
        add_resource(connection, "hidden", state="provisioned")
        save_inspection(connection, decline(Outcome.APP_HIDDEN, "hidden"), next_check_at=NOON + HOUR)
        before = load_sync_state(connection, now=NOON)
        claim_batch(connection, id_of("batch"), now=NOON, limit=1, lease=HOUR, only=[id_of("longest due")])
        after = load_sync_state(connection, now=NOON)

    troubled = {"HerokuBroken": 1, "TokenRejected": 1, "app_hidden": 1, NEVER_INSPECTED: 1}
    assert SyncState(due=2, due_since=NOON - 2 * HOUR, batches=0, troubled=troubled) == before
    assert (1, NOON - 2 * HOUR, 1) == (after.due, after.due_since, after.batches)


def test_what_is_due_is_found_without_going_through_all_resources(sqlite_url: str) -> None:
    """The page and the metrics ask again and again: both begin at the placements that are due, in their order."""
    database = Database(sqlite_url)
    asked: list[tuple[str, Any]] = []
    event.listen(database.writes, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    with database.transaction() as connection:
        look(connection, "due", due=-HOUR)
        asked.clear()
        assert NOON - HOUR == find_longest_due(connection)
        assert 1 == count_due(connection, now=NOON, most=1)
        plans = [
            row.detail
            for statement, values in list(asked)
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    database.close()

    assert 4 <= len(plans)
    assert [] == [plan for plan in plans if plan.startswith(("SCAN resource", "USE TEMP B-TREE"))]


@pytest.mark.parametrize("kind", ["HerokuBroken", NEVER_INSPECTED, "forbidden"])
async def test_each_kind_of_trouble_is_listed_by_page(database: Database, kind: str) -> None:
    """By uuid, live resources alone, none twice and none missing."""
    names = [f"r{number}" for number in range(7)]
    with database.transaction() as connection:
        look(connection, "fine")
        for name in names:
            if kind == "HerokuBroken":
                look(connection, name, error=kind)
                continue
            add_resource(connection, name, state="provisioned")
            make_first_due(connection, id_of(name), now=NOON)
            if kind == "forbidden":
                save_inspection(connection, decline(Outcome.FORBIDDEN, name), next_check_at=NOON)
        update_resource(connection, id_of("r3"), state="deprovisioned")
        pages: list[list[str]] = []
        behind: Place[tuple[str]] | None = None
        while found := list_troubled(connection, kind, place=behind, limit=4):
            pages.append([row.uuid for row in found])
            behind = Place((found[-1].uuid,))
        kinds = {row.kind for row in list_troubled(connection, kind)}

    assert [4, 2] == [len(page) for page in pages]
    assert sorted(id_of(name) for name in names if name != "r3") == [uuid for page in pages for uuid in page]
    assert {kind} == kinds


async def test_every_look_is_made_due_some_at_a_time(database: Database) -> None:
    """But for those in a batch, which somebody is about to make, and those that are due already."""
    with database.transaction() as connection:
        for number in range(5):
            look(connection, f"r{number}")
        look(connection, "in a batch", due=-HOUR)
        claim_batch(connection, id_of("batch"), now=NOON, limit=1, lease=HOUR)
        look(connection, "long due", due=-HOUR)
        last: str | None = ""
        rounds = 0
        while last is not None:
            last, rounds = make_due_after(connection, last, now=NOON, limit=3), rounds + 1
        due = dict(
            connection.execute(sa.select(placement_check.c.resource_uuid, placement_check.c.next_check_at)).all()
        )

    assert 4 == rounds
    assert {NOON} == {due[id_of(f"r{number}")] for number in range(5)}
    assert [NOON + HOUR, NOON - HOUR] == [due[id_of("in a batch")], due[id_of("long due")]]


def deliver(connection: sa.Connection, name: str, event_id: str, *, at: int, late: int = 0) -> None:
    row: dict[str, Any] = {"resource_uuid": id_of(name), "event_id": event_id, "entity": "api:app", "action": "update"}
    times = {"created_at": NOON + at * HOUR, "received_at": NOON + (at + late) * HOUR}
    connection.execute(sa.insert(webhook_event).values(**row, **times))


async def test_deliveries_are_listed_by_when_they_happened(database: Database) -> None:
    """The latest first, those of one moment once each; those of one resource by when they came."""
    with database.transaction() as connection:
        for name in ("acme-1", "acme-2"):
            add_resource(connection, name)
            for number in range(3):
                deliver(connection, name, f"e{number}", at=number // 2, late=number)
        pages = []
        behind: Place[DeliveryKey] | None = None
        while found := list_deliveries(connection, place=behind, limit=4):
            pages.append([(row.resource_name, row.event_id, row.created_at) for row in found])
            behind = Place(found[-1].key)
        mine = list_deliveries_of(connection, id_of("acme-1"), since=None, is_newest_first=True, limit=9)
        later = list_deliveries_of(connection, id_of("acme-1"), since=NOON + HOUR, is_newest_first=False, limit=9)

    rows = [row for page in pages for row in page]
    assert [4, 2] == [len(page) for page in pages]
    assert 6 == len(set(rows))
    assert sorted((at for _, _, at in rows), reverse=True) == [at for _, _, at in rows]
    assert ["e2", "e1", "e0"] == [row.event_id for row in mine]
    assert ["e1", "e2"] == [row.event_id for row in later]


async def test_what_heroku_has_not_confirmed_is_listed_with_its_reason(database: Database) -> None:
    """Asked for longest ago first; what was confirmed, and what is gone, is not."""
    with database.transaction() as connection:
        for number, name in enumerate(("old", "new", "done", "gone")):
            add_resource(connection, name, state="deprovisioned" if name == "gone" else "provisioned")
            subscribed_at = NOON if name == "done" else None
            connection.execute(
                sa.insert(webhook_subscription).values(
                    resource_uuid=id_of(name),
                    number=2,
                    url="https://acme.example",
                    include="api:app",
                    asked_at=NOON + number * HOUR,
                    subscribed_at=subscribed_at,
                )
            )
        raise_notice(connection, id_of("old"), NoticeKind.SUBSCRIPTION_FAILED, now=NOON, reason="Forbidden")
        first = list_unanswered(connection, limit=1)
        rest = list_unanswered(connection, place=Place(SubscriptionKey(NOON, id_of("old"))))

    expected = UnansweredRow(
        resource_uuid=id_of("old"),
        resource_name="old",
        state=State.PROVISIONED,
        number=2,
        asked_at=NOON,
        reason="Forbidden",
    )
    assert [expected] == first
    assert [("new", None)] == [(row.resource_name, row.reason) for row in rest]


async def test_a_history_has_the_latest_places_first(database: Database) -> None:
    """And no more of them than are asked for."""
    with database.transaction() as connection:
        uuid = add_resource(connection, state="provisioned")
        for number, stage in enumerate(("development", "staging", "production")):
            save_inspection(connection, place(stage=stage, at=NOON + number * HOUR), next_check_at=NOON)
        places = list_latest_placements(connection, uuid, limit=2)
        found = find_latest_inspection(connection, uuid)

    assert [("production", None), ("staging", NOON + 2 * HOUR)] == [(each.stage, each.valid_to) for each in places]
    assert "storefront" == places[0].pipeline_name
    assert found is not None
    assert (Outcome.PLACED, None, False) == (found.outcome, found.error, found.is_in_batch)


async def test_of_a_token_only_its_health_is_told(database: Database) -> None:
    """That there is one, until when, and whether somebody is refreshing it; without opening it."""
    secrets = SecretStore(KeyRing.parse(make_key()))
    token = Token(access=Secret("a"), refresh=Secret("r"), expires_at=NOON + HOUR)
    with database.transaction() as connection:
        uuid = add_resource(connection)
        states = [find_token_health(connection, uuid, now=NOON)]
        grant = make_request().grant
        assert grant is not None
        secrets.save_grant(connection, uuid, grant)
        states.append(find_token_health(connection, uuid, now=NOON))
        secrets.save_token(connection, uuid, token)
        states.append(find_token_health(connection, uuid, now=NOON))
        assert secrets.claim_refresh(connection, uuid, token, now=NOON, until=NOON + HOUR)
        states.append(find_token_health(connection, uuid, now=NOON))
        states.append(find_token_health(connection, uuid, now=NOON + 2 * HOUR))

    expires_at = token.expires_at
    assert [
        TokenHealth(has_token=False, has_grant=False, expires_at=None, is_being_refreshed=False),
        TokenHealth(has_token=False, has_grant=True, expires_at=None, is_being_refreshed=False),
        TokenHealth(has_token=True, has_grant=False, expires_at=expires_at, is_being_refreshed=False),
        TokenHealth(has_token=True, has_grant=False, expires_at=expires_at, is_being_refreshed=True),
        TokenHealth(has_token=True, has_grant=False, expires_at=expires_at, is_being_refreshed=False),
    ] == states


@pytest.mark.parametrize("is_newest_first", [True, False])
async def test_events_are_paged_in_either_order(database: Database, *, is_newest_first: bool) -> None:
    """Those of one moment by their numbers; and none of another resource."""
    told = list(TimelineName)[:5]
    with database.transaction() as connection:
        uuid, other = add_resource(connection), add_resource(connection, "acme-2")
        for number, name in enumerate(told):
            add_event(connection, uuid, name, now=NOON + (number // 2) * HOUR)
            add_event(connection, other, TimelineName.OPERATOR_RETRIED, now=NOON)
        names, since = [], None
        while found := list_lifecycle(connection, uuid, since=since, is_newest_first=is_newest_first, limit=2):
            names += [row.name for row in found]
            since = (found[-1].at, found[-1].id)

    assert (told[::-1] if is_newest_first else told) == names
