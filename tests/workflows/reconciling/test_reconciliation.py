"""What is here is held against what Heroku has, and mended: against an emulated Heroku, on both databases."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from headrace.emulator import Fault, Switches
from headrace.emulator.render.addons import render_addon
from headrace.models import State
from headrace.protocol.heroku_lists import Listed, parse_heroku_list
from headrace.protocol.reconciliation import Difference
from headrace.store.sql.tables import METADATA
from headrace.store.state.notices import NoticeKind, list_open_notices
from headrace.store.state.resources import update_resource
from headrace.store.state.timeline import TimelineName
from headrace.workflows.engine.ledger import workflow_status
from headrace.workflows.reconciling.reconciliation import Finding, Reconciliation, Report, Terms
from pair import Pair, play_pair

pytestmark = pytest.mark.anyio
APPS = ("shop", "shop-staging", "blog", "ada-notes", "eves-app")
AT_ONCE = timedelta(milliseconds=10)
NONE: dict[str, Listed] = {}


@dataclass
class Fleet:
    """A service with an add-on on each of five apps; `uuids` by app."""

    pair: Pair
    uuids: dict[str, str] = field(default_factory=dict)

    async def add(self, app: str) -> str:
        addon = await self.pair.heroku.create_addon(app, "acme-search:basic")
        await self.pair.settle()
        self.uuids[app] = addon.id
        return addon.id

    def list_addons(self) -> dict[str, Listed]:
        """What Heroku lists now."""
        items = json.dumps(
            [render_addon(each, self.pair.heroku.url) for each in self.pair.heroku.state.addons]
        ).encode()
        found = [each for each in parse_heroku_list(items, service="acme-search") if isinstance(each, Listed)]
        return {each.resource.uuid: each for each in found}

    async def reconcile(self, listed: Mapping[str, Listed] | None = None, **terms: Any) -> Report:
        parts = self.pair.parts
        reconciliation = Reconciliation(parts, parts.client, parts.imports, second_look_after=AT_ONCE)
        listed_at = None if listed is None else parts.clock()
        return await reconciliation.run(Terms(listed=listed, listed_at=listed_at, **terms))

    async def forget(self, uuid: str) -> None:
        """Have a resource as if it had been provisioned after the backup: nothing here knows of it."""

        def delete(connection: sa.Connection) -> None:
            for table in reversed(METADATA.sorted_tables):
                key = next((table.c[name] for name in ("resource_uuid", "uuid") if name in table.c), None)
                if key is not None:
                    connection.execute(sa.delete(table).where(key == uuid))
            is_begun = workflow_status.c.workflow_uuid.like(f"%:{uuid}%")
            connection.execute(sa.delete(workflow_status).where(is_begun))

        await self.pair.parts.database.write(delete)

    async def change(self, uuid: str, **values: Any) -> None:
        await self.pair.parts.database.write(lambda connection: update_resource(connection, uuid, **values))

    async def find_state(self, app: str) -> State:
        return (await self.pair.find(self.uuids[app])).state


@asynccontextmanager
async def play_fleet(database_url: str, *, apps: tuple[str, ...] = APPS, **options: Any) -> AsyncIterator[Fleet]:
    async with play_pair(database_url, **options) as pair:
        fleet = Fleet(pair)
        for app in apps:
            await fleet.add(app)
        yield fleet


def name_differences(report: Report) -> dict[str, Difference]:
    return {finding.uuid: finding.difference for finding in report.findings}


def pick(report: Report, test: Callable[[Finding], bool]) -> list[str]:
    return [finding.uuid for finding in report.findings if test(finding)]


async def test_where_all_agree_nothing_is_done(database_url: str) -> None:
    """With Heroku's list and without."""
    async with play_fleet(database_url) as fleet:
        with_list, without = await fleet.reconcile(fleet.list_addons()), await fleet.reconcile()

    assert ([], [], 5) == (with_list.findings, without.findings, with_list.compared)
    assert (False, False) == (with_list.is_open, without.is_open)


async def test_what_is_not_known_here_is_imported(database_url: str) -> None:
    """With Heroku's plan; it has no token, which is for an operator; the next time only that is left to say."""
    async with play_fleet(database_url) as fleet:
        uuid = fleet.uuids["shop"]
        await fleet.forget(uuid)
        first, again = await fleet.reconcile(fleet.list_addons()), await fleet.reconcile(fleet.list_addons())
        row = await fleet.pair.find(uuid)

    assert [(Difference.NO_TOKEN, False), (Difference.UNKNOWN, True)] == [
        (finding.difference, finding.is_mended) for finding in first.findings
    ]
    assert {uuid: Difference.NO_TOKEN} == name_differences(again)
    assert (State.PROVISIONED, "basic", True) == (row.state, row.plan, first.is_open)


async def test_where_the_back_fill_is_open_a_token_comes_with_it(database_url: str) -> None:
    """Then nothing waits for an operator."""
    async with play_fleet(database_url, switches=Switches(grant_backfill=True)) as fleet:
        uuid = fleet.uuids["shop"]
        await fleet.forget(uuid)
        first, again = await fleet.reconcile(fleet.list_addons()), await fleet.reconcile(fleet.list_addons())
        inspection = await fleet.pair.parts.inspector.inspect(uuid)

    assert ({uuid: Difference.UNKNOWN}, False) == (name_differences(first), first.is_open)
    assert [] == again.findings
    assert "shop" == inspection.app.name


async def test_a_token_that_heroku_refuses_is_replaced_where_it_may_be(database_url: str) -> None:
    """A backup may hold a refresh token that has been used since."""
    async with play_fleet(database_url, switches=Switches(grant_backfill=True)) as fleet:
        fleet.pair.heroku.revoke_tokens(fleet.uuids["shop"])
        report = await fleet.reconcile()
        inspection = await fleet.pair.parts.inspector.inspect(fleet.uuids["shop"])

    assert ([], "shop") == (report.findings, inspection.app.name)


async def test_a_plan_that_differs_is_changed_by_the_hook(database_url: str) -> None:
    """Heroku's is what the customer pays; once it is done everybody agrees."""
    async with play_fleet(database_url) as fleet:
        uuid = fleet.uuids["shop"]
        await fleet.change(uuid, plan="free")
        report = await fleet.reconcile()
        await fleet.pair.settle()
        again = await fleet.reconcile()
        row, changed = await fleet.pair.find(uuid), fleet.pair.acme.changed
        names = [event.name for event in await fleet.pair.list_events(uuid)]

    assert ({uuid: Difference.PLAN}, False) == (name_differences(report), report.is_open)
    assert ([("free", "basic")], "basic", []) == (
        [(each.plan, each.new_plan) for each in changed],
        row.plan,
        again.findings,
    )
    assert {TimelineName.PLAN_CHANGE_RECONCILED, TimelineName.PLAN_CHANGE_DONE} < set(names)


async def test_a_hook_that_refuses_heroku_s_plan_is_for_an_operator(database_url: str) -> None:
    """Nobody else hears of it: the customer has changed the plan long ago."""
    async with play_fleet(database_url) as fleet:
        uuid = fleet.uuids["shop"]
        await fleet.pair.heroku.change_plan(uuid, "acme-search:free")
        await fleet.pair.settle()
        addon = fleet.pair.heroku.find_addon(uuid)
        fleet.pair.heroku.state.change_plan(addon, addon.service.plans["tiny"], message="")
        await fleet.pair.parts.database.write(_age_plan_changes)
        report = await fleet.reconcile()
        await fleet.pair.settle()
        notices = await fleet.pair.parts.database.read(list_open_notices)

    assert {uuid: Difference.PLAN} == name_differences(report)
    assert [(uuid, NoticeKind.PLAN_CHANGE_FAILED)] == [(each.resource_uuid, each.kind) for each in notices]


def _age_plan_changes(connection: sa.Connection) -> None:
    table = METADATA.tables["plan_change"]
    for row in connection.execute(sa.select(table)).all():
        older = row.settled_at - timedelta(hours=1)
        connection.execute(sa.update(table).where(table.c.number == row.number).values(settled_at=older))


async def test_what_is_gone_at_heroku_is_deprovisioned_by_the_hook(database_url: str) -> None:
    """Not in Heroku's list, its token refused, and another token says that there is no such add-on."""
    async with play_fleet(database_url) as fleet:
        uuid = fleet.uuids["shop"]
        fleet.pair.heroku.remove_addon(uuid)
        without = await fleet.reconcile()
        assert State.PROVISIONED is await fleet.find_state("shop")
        report = await fleet.reconcile(fleet.list_addons())
        await fleet.pair.settle()
        again = await fleet.reconcile(fleet.list_addons())
        state, dropped = await fleet.find_state("shop"), [each.uuid for each in fleet.pair.acme.dropped]

    assert ({uuid: Difference.UNSURE}, True) == (name_differences(without), without.is_open)
    assert ({uuid: Difference.GONE}, False) == (name_differences(report), report.is_open)
    assert (State.DEPROVISIONED, [uuid], []) == (state, dropped, again.findings)


async def test_an_operator_may_say_that_it_is_gone(database_url: str) -> None:
    """Where nobody else can; but not of what lives."""
    async with play_fleet(database_url, apps=("shop", "blog")) as fleet:
        uuid, living = fleet.uuids["shop"], fleet.uuids["blog"]
        fleet.pair.heroku.remove_addon(uuid)
        report = await fleet.reconcile(gone=[uuid, living])
        await fleet.pair.settle()
        states = [await fleet.find_state("shop"), await fleet.find_state("blog")]

    assert {uuid: Difference.GONE} == name_differences(report)
    assert [State.DEPROVISIONED, State.PROVISIONED] == states


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=503),
        Fault(kind="status", status=401),
        Fault(kind="status", status=403),
        Fault(kind="status", status=404),
        Fault(kind="status", status=410),
        Fault(kind="status", status=404, count=7),
        Fault(kind="drop"),
        Fault(kind="malform"),
        Fault(kind="status", status=404, path="/oauth/token"),
    ],
    ids=str,
)
async def test_no_outage_and_no_empty_list_removes_anything(sqlite_url: str, fault: Fault) -> None:
    """Whatever Heroku answers to all: a host that knows none of ours is not Heroku."""
    async with play_fleet(sqlite_url) as fleet:
        for uuid in fleet.uuids.values():
            fleet.pair.heroku.expire_tokens(uuid)
        fleet.pair.heroku.faults.add(fault)
        for listed in (None, NONE):
            await fleet.reconcile(listed, most_gone=100)
        fleet.pair.heroku.faults.clear()
        await fleet.pair.settle()
        states = {await fleet.find_state(app) for app in APPS}

    assert ({State.PROVISIONED}, []) == (states, fleet.pair.acme.dropped)


async def test_a_list_that_is_somebody_else_s_removes_nothing(sqlite_url: str) -> None:
    """Those whose tokens work live; those without one are seen by a witness."""
    async with play_fleet(sqlite_url) as fleet:
        fleet.pair.heroku.revoke_tokens(fleet.uuids["shop"])
        report = await fleet.reconcile(NONE, most_gone=100)

    assert {fleet.uuids["shop"]: Difference.REFUSED} == name_differences(report)


async def test_more_than_the_bound_are_not_removed(sqlite_url: str) -> None:
    """One in ten by default, and always one; with the word of an operator, more."""
    async with play_fleet(sqlite_url) as fleet:
        gone = [fleet.uuids["shop"], fleet.uuids["shop-staging"]]
        for uuid in gone:
            fleet.pair.heroku.remove_addon(uuid)
        listed = fleet.list_addons()
        held = await fleet.reconcile(listed)
        await fleet.pair.settle()
        dropped = list(fleet.pair.acme.dropped)
        done = await fleet.reconcile(listed, most_gone=40)
        await fleet.pair.settle()

    assert (sorted(gone), True, []) == (pick(held, lambda each: each.is_held_back), held.is_open, dropped)
    assert (sorted(gone), sorted(gone)) == (
        pick(done, lambda each: each.is_mended),
        sorted(each.uuid for each in fleet.pair.acme.dropped),
    )


async def test_a_rehearsal_changes_nothing(database_url: str) -> None:
    """It says the same, and that it is open."""
    async with play_fleet(database_url) as fleet:
        await fleet.forget(fleet.uuids["shop"])
        await fleet.change(fleet.uuids["blog"], plan="free")
        fleet.pair.heroku.remove_addon(fleet.uuids["ada-notes"])
        reports = [await fleet.reconcile(fleet.list_addons(), is_rehearsal=True) for _ in range(2)]
        await fleet.pair.settle()
        acme = fleet.pair.acme

    assert {
        fleet.uuids["shop"]: Difference.UNKNOWN,
        fleet.uuids["blog"]: Difference.PLAN,
        fleet.uuids["ada-notes"]: Difference.GONE,
    } == name_differences(reports[0])
    assert (reports[0], True, [], []) == (reports[1], reports[0].is_open, acme.changed, acme.dropped)


async def test_what_was_finished_after_the_backup_is_taken_for_done(database_url: str) -> None:
    """Its grant is spent, so its provision has failed here with a notice; at Heroku it works, and is left alone."""
    async with play_fleet(database_url, has_worker=True) as fleet:
        pair, uuid = fleet.pair, fleet.uuids["shop"]
        body = pair.heroku.find_addon(uuid).provision_body
        await fleet.forget(uuid)
        status, _ = await pair.call("POST", data=body, headers={"Content-Type": "application/json"})
        await pair.settle()
        failed = await fleet.find_state("shop")
        notices = await pair.parts.database.read(list_open_notices)
        report = await fleet.reconcile(fleet.list_addons())
        await pair.settle()
        row, left = await pair.find(uuid), await pair.parts.database.read(list_open_notices)

    assert (202, State.FAILED, [NoticeKind.GRANT_LOST]) == (status, failed, [each.kind for each in notices])
    assert [Difference.FINISHED, Difference.NO_TOKEN] == [each.difference for each in report.findings]
    assert (State.PROVISIONED, [], []) == (row.state, left, pair.acme.dropped)
    assert uuid in [each.id for each in pair.heroku.state.addons]


async def test_what_heroku_waits_for_is_said_with_the_way_out(sqlite_url: str) -> None:
    """Its request came after the backup; nothing is imported that is not there yet."""
    async with play_fleet(sqlite_url) as fleet:
        addon = fleet.pair.heroku.begin_provision("shop-dev", "acme-search:basic")
        report = await fleet.reconcile(fleet.list_addons())

    assert ({addon.id: Difference.UNFINISHED}, True) == (name_differences(report), report.is_open)


async def test_what_is_removed_here_and_alive_at_heroku_is_reported(sqlite_url: str) -> None:
    """It is not made anew by itself; what an old list still has, and Heroku has not, is nothing to tell."""
    async with play_fleet(sqlite_url) as fleet:
        listed = fleet.list_addons()
        await fleet.pair.heroku.deprovision(fleet.uuids["blog"])
        await fleet.pair.settle()
        await fleet.change(fleet.uuids["shop"], state=State.DEPROVISIONED)
        report = await fleet.reconcile(listed)
        await fleet.pair.settle()

    assert ({fleet.uuids["shop"]: Difference.REMOVED}, True) == (name_differences(report), report.is_open)
    assert [fleet.uuids["blog"]] == [each.uuid for each in fleet.pair.acme.dropped]


async def test_an_old_list_imports_nothing_that_is_gone(sqlite_url: str) -> None:
    """A witness is asked first."""
    async with play_fleet(sqlite_url) as fleet:
        listed = fleet.list_addons()
        await fleet.forget(fleet.uuids["shop"])
        fleet.pair.heroku.remove_addon(fleet.uuids["shop"])
        report = await fleet.reconcile(listed)

    assert [] == report.findings
