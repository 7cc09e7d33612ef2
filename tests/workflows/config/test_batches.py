"""Jobs that only set config vars are told to Heroku in batches: few transactions, and nothing comes in between."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import chain, repeat

import pytest
import sqlalchemy as sa

from headrace import AddonService
from headrace.emulator import Addon, Clock, Fault
from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.platform import build_config_update
from headrace.service import find_assembly
from headrace.store.state.config.batches import begin_telling, claim_config_batch
from headrace.store.state.config.changes import list_config_changes
from headrace.store.state.resources import find_resource
from headrace.workflows.config.batches import TOLD_WITHIN_SECONDS, ConfigBatches
from headrace.workflows.engine.ids import read_kind
from headrace.workflows.engine.ledger import workflow_status
from headrace.workflows.lifecycle.core import Core
from ordering import SOON, TOKEN, list_patches, list_secret_kinds, load_config, provision, script, worker
from pair import Pair, play_pair

APPS = ("shop", "shop-staging", "shop-dev")


async def order(pair: Pair, *values: str | None) -> str:
    """Order a value of each resource, in jobs one after the other; return the last job's id."""
    async with script(pair) as service:
        for value in values:
            ordered = await service.jobs.set_config({TOKEN: value}, state="provisioned")
    assert ordered.job_id is not None
    return ordered.job_id


async def count_done(pair: Pair, job_id: str) -> int:
    async with script(pair) as service:
        job = await service.jobs.wait(job_id, within=SOON)
    await pair.settle()
    assert job.is_over
    return job.done


async def find_running(pair: Pair, addon: Addon) -> str | None:
    row = await pair.parts.database.read(find_resource, addon.id)
    return None if row is None else row.running


@asynccontextmanager
async def timed_worker(pair: Pair, seconds: Iterable[float]) -> AsyncIterator[None]:
    """Run a worker by whose stopwatch it is so late, one reading after the other."""
    service = AddonService(pair.parts.settings)
    pair.acme.register(service)
    assembly = find_assembly(service)
    parts, read = assembly.assemble(), iter(seconds)
    core = Core(
        manifest=parts.manifest, database=parts.database, secrets=parts.secrets, engine=parts.engine, clock=parts.clock
    )
    ConfigBatches(core, parts.client, stopwatch=lambda: next(read))
    async with assembly.running(parts, has_worker=True):
        yield


async def count_workflows(pair: Pair, kind: WorkflowKind) -> int:
    query = sa.select(sa.func.count()).where(workflow_status.c.name == kind)
    return await pair.parts.database.read(lambda connection: connection.execute(query).scalar_one())


async def begin(pair: Pair) -> list[Addon]:
    """Provision, and leave no worker behind."""
    async with worker(pair):
        return [await provision(pair, app) for app in APPS]


def list_reads(pair: Pair, addon: Addon) -> list[int | None]:
    path = f"/addons/{addon.id}/config"
    return [sent.status for sent in pair.heroku.traffic if (sent.method, sent.path) == ("GET", path)]


async def test_many_resources_are_one_workflow_and_a_request_each(database_url: str) -> None:
    """Each timeline tells it as of an order of its own, and nothing of the order stays sealed."""
    async with play_pair(database_url) as pair:
        addons = [await provision(pair, app) for app in APPS]

        assert 3 == await count_done(pair, await order(pair, "t-1"))

        assert (1, 0) == tuple(
            [await count_workflows(pair, kind) for kind in (WorkflowKind.CONFIG_BATCH, WorkflowKind.CONFIG_CHANGE)]
        )
        for addon in addons:
            assert ([200, 200], []) == (list_patches(pair, addon), list_reads(pair, addon))
            assert "t-1" == addon.config[TOKEN]
            assert addon.config == await load_config(pair, addon.id)
            assert not [kind for kind in await list_secret_kinds(pair, addon.id) if kind.startswith("config_change")]
            last = (await pair.list_events(addon.id))[-1]
            assert ("config.set", {"number": 1, "config_vars": [TOKEN]}) == (last.name, last.detail)


async def test_tokens_that_have_expired_are_refreshed_on_the_way(database_url: str) -> None:
    """Each once, and the batch is one all the same."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        addons = [await provision(pair, app) for app in APPS]
        clock.advance(timedelta(hours=9))
        asked = len([sent for sent in pair.heroku.traffic if sent.path == "/oauth/token"])

        assert 3 == await count_done(pair, await order(pair, "t-1"))

        refreshes = [sent for sent in pair.heroku.traffic if sent.path == "/oauth/token"][asked:]
        assert [200, 200, 200] == [sent.status for sent in refreshes]
        assert (1, 0) == tuple(
            [await count_workflows(pair, kind) for kind in (WorkflowKind.CONFIG_BATCH, WorkflowKind.CONFIG_CHANGE)]
        )
        assert {"t-1"} == {addon.config[TOKEN] for addon in addons}


async def test_what_a_crash_has_left_open_is_asked_first(database_url: str) -> None:
    """Heroku was told of one and not of the others when a worker died; none is restarted twice, and none left out."""
    async with play_pair(database_url, has_worker=False) as pair:
        addons = await begin(pair)
        job_id = await order(pair, "t-1")
        await pair.parts.feeding.run_once()
        batch = await find_running(pair, addons[0])
        assert batch is not None
        numbers = {addon.id: 1 for addon in addons}
        await pair.parts.database.write(begin_telling, batch, numbers, now=pair.parts.clock())
        await pair.parts.client.call(addons[0].id, build_config_update(addons[0].id, {TOKEN: "t-1"}))
        async with worker(pair):
            assert 3 == await count_done(pair, job_id)

        assert [2, 2, 2] == [len(list_patches(pair, addon)) for addon in addons]
        assert [1, 1, 1] == [len(list_reads(pair, addon)) for addon in addons]
        assert {"t-1"} == {addon.config[TOKEN] for addon in addons}


@pytest.mark.parametrize(
    "fault",
    [Fault(kind="status", status=503), Fault(kind="status", status=429), Fault(kind="drop", after_effect=True)],
    ids=["broken", "limited", "answer lost"],
)
async def test_what_heroku_does_not_take_at_once_goes_on_by_itself(sqlite_url: str, fault: Fault) -> None:
    """The others are done with the batch; where the answer is lost, the app is not restarted again."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        addons = await begin(pair)
        wrong = addons[1]
        hit = {"method": "PATCH", "path": f"/addons/{wrong.id}/config", "count": 1}
        pair.heroku.faults.add(Fault(**{name: getattr(fault, name) for name in fault.__struct_fields__} | hit))
        job_id = await order(pair, "t-1")
        async with worker(pair):
            assert 3 == await count_done(pair, job_id)

        told = [release.description for release in wrong.app.releases].count(f"Update {wrong.name} config vars")
        assert (1, 1) == (told, await count_workflows(pair, WorkflowKind.CONFIG_CHANGE))
        assert {"t-1"} == {addon.config[TOKEN] for addon in addons}
        assert wrong.config == await load_config(pair, wrong.id)


async def test_nothing_comes_in_between(database_url: str) -> None:
    """A change of plan and a removal wait for the batch that has the resources, and are begun by it."""
    async with play_pair(database_url, has_worker=False, HEADRACE_ANSWER_SECONDS="1") as pair:
        addons = await begin(pair)
        job_id = await order(pair, "t-1")
        await pair.parts.feeding.run_once()
        await pair.heroku.change_plan(addons[0], "free")
        await pair.heroku.deprovision(addons[1])
        running = [await find_running(pair, addon) for addon in addons]
        async with worker(pair):
            done = await count_done(pair, job_id)

        assert {WorkflowKind.CONFIG_BATCH} == {read_kind(str(each)) for each in running}
        # What is being removed is told nothing more.
        assert (2, 1) == (done, len(list_patches(pair, addons[1])))
        rows = [await pair.parts.database.read(find_resource, addon.id) for addon in addons]
        assert [("free", State.PROVISIONED), ("basic", State.DEPROVISIONED), ("basic", State.PROVISIONED)] == [
            (row.plan, row.state) for row in rows if row is not None
        ]


async def test_jobs_are_carried_out_in_their_order(sqlite_url: str) -> None:
    """The later one removes what the first has set."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        addons = await begin(pair)
        job_id = await order(pair, "t-1", None)
        async with worker(pair):
            assert 3 == await count_done(pair, job_id)

        for addon in addons:
            assert TOKEN not in addon.config
            assert ["done", "done"] == [
                each.outcome for each in await pair.parts.database.read(list_config_changes, addon.id)
            ]
            assert {"number": 2, "config_vars": [], "removed": [TOKEN]} == (await pair.list_events(addon.id))[-1].detail


async def test_a_batch_takes_what_is_free_from_behind_the_last_one(database_url: str) -> None:
    """Two workers that claim have no resource in common."""
    async with play_pair(database_url, has_worker=False) as pair:
        addons = await begin(pair)
        await order(pair, "t-1")
        uuids, database = sorted(addon.id for addon in addons), pair.parts.database
        claimed = [await database.write(claim_config_batch, batch, limit=2) for batch in ("first", "second", "third")]

        assert [{uuids[0]: 1, uuids[1]: 1}, {uuids[2]: 1}, {}] == claimed
        assert ["first", "first", "second"] == [
            await find_running(pair, addon) for addon in sorted(addons, key=lambda each: each.id)
        ]


# A batch is opened, and one of it has begun, with the proof before it: what comes then is too late, and the next batch.
TOO_LATE = TOLD_WITHIN_SECONDS + 1


async def test_what_a_batch_has_not_begun_in_its_time_is_in_the_next(database_url: str) -> None:
    """Nothing of it is asked first, since Heroku was told nothing, and each is told once."""
    async with play_pair(database_url, has_worker=False) as pair:
        addons = await begin(pair)
        job_id = await order(pair, "t-1")
        async with timed_worker(pair, chain([0.0, 0.0, 0.0], repeat(TOO_LATE))):
            assert 3 == await count_done(pair, job_id)

        assert await count_workflows(pair, WorkflowKind.CONFIG_BATCH) >= 2
        assert 0 == await count_workflows(pair, WorkflowKind.CONFIG_CHANGE)
        for addon in addons:
            assert ("t-1", [200, 200], []) == (addon.config[TOKEN], list_patches(pair, addon), list_reads(pair, addon))


async def test_within_its_time_a_batch_begins_all_that_is_in_it(sqlite_url: str) -> None:
    """To the last moment."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        await begin(pair)
        job_id = await order(pair, "t-1")
        async with timed_worker(pair, chain([0.0], repeat(TOLD_WITHIN_SECONDS))):
            assert 3 == await count_done(pair, job_id)

        assert 1 == await count_workflows(pair, WorkflowKind.CONFIG_BATCH)


async def test_a_change_of_plan_comes_before_what_a_batch_has_not_begun(database_url: str) -> None:
    """It waits for the batch, and not for the next one."""
    async with play_pair(database_url, has_worker=False, HEADRACE_ANSWER_SECONDS="1") as pair:
        addons = sorted(await begin(pair), key=lambda each: each.id)
        job_id = await order(pair, "t-1")
        await pair.parts.feeding.run_once()
        await pair.heroku.change_plan(addons[-1], "free")
        async with timed_worker(pair, chain([0.0, 0.0, 0.0], repeat(TOO_LATE))):
            assert 3 == await count_done(pair, job_id)

        names = [event.name for event in await pair.list_events(addons[-1].id)]
        assert ["plan_change.done", "config.set"] == [each for each in names if each.endswith((".done", ".set"))][-2:]
        assert ["t-1"] * 3 == [addon.config[TOKEN] for addon in addons]
