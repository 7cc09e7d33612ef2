"""The doctor beside the pages and metrics that tell of the same things."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from browsing import OPERATOR_COOKIE, visit
from headrace.doctor import Finding, Level, examine
from headrace.models import State
from headrace.store.sql.tables import METADATA
from headrace.store.state.placements import make_first_due
from headrace.store.state.resources import update_resource
from headrace.workflows.engine.ledger import workflow_status
from pair import play_pair
from store.making import HOUR, NOON, add_resource, id_of

SECRET = "planted-operator-secret-of-36-letters"


async def test_what_is_due_is_told_alike_wherever_it_is_asked(database_url: str) -> None:
    """An import that knows no app yet is due like any other; a provision that knows none inspects for itself."""
    async with play_pair(
        database_url, has_worker=False, service_clock=lambda: NOON, HEADRACE_OPERATOR_SECRET=SECRET
    ) as pair:
        await pair.parts.database.write(_make_due)
        login = await visit(pair, "/operators/login", form={"secret": SECRET}, name=OPERATOR_COOKIE)
        cookie = login.cookie.value if login.cookie else ""
        sync, overview = [
            json.loads((await visit(pair, f"/operators{path}.json", cookie=cookie, name=OPERATOR_COOKIE)).text)
            for path in ("/sync", "")
        ]
        metrics = (await visit(pair, "/metrics")).text
        findings = await examine(pair.parts)

    text = "2 looks are due, one for 60 minutes; is a worker running? `headrace sync` looks now."
    assert (2, 3600.0) == (sync["state"]["due"], sync["lag_seconds"])
    assert 3600.0 == overview["sync_lag_seconds"]
    assert "headrace_sync_lag_seconds 3600.0" in metrics.splitlines()
    assert Finding(subject="placements", level=Level.WARN, text=text) in findings


@pytest.mark.parametrize("half", ["ours", "the engine's"])
async def test_two_halves_of_different_backups_are_seen(database_url: str, half: str) -> None:
    """Ours and the engine's tables are of one moment, or what is under way is not known to both."""
    async with play_pair(database_url, has_worker=False) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        before = await examine(pair.parts)
        await pair.parts.database.write(_tear, half, addon.id)
        findings = await examine(pair.parts)

    (text,) = [each.text for each in findings if each.subject == "workflows" and each.level is Level.FAIL]
    assert [Level.OK] == [each.level for each in before if each.subject == "workflows"]
    assert text.startswith("1 or more are only in one half of the database")
    assert "`headrace reconcile`" in text


def _tear(connection: sa.Connection, half: str, uuid: str) -> None:
    if half == "the engine's":
        connection.execute(sa.delete(workflow_status))
        return
    for name in ("lifecycle_event", "secret", "resource"):
        table = METADATA.tables[name]
        column = table.c["uuid" if name == "resource" else "resource_uuid"]
        connection.execute(sa.delete(table).where(column == uuid))


def _make_due(connection: sa.Connection) -> None:
    for name, state, due_for in (
        ("imported", State.PROVISIONED, HOUR),
        ("known", State.PROVISIONING, timedelta(minutes=30)),
        ("new", State.PROVISIONING, 2 * HOUR),
        ("gone", State.DEPROVISIONED, 3 * HOUR),
    ):
        uuid = add_resource(connection, name, state=state)
        make_first_due(connection, uuid, now=NOON - due_for)
    update_resource(connection, id_of("known"), app_id=id_of("shop"))
