"""Jobs: one order for many resources, each done once, stopped and gone on with, and what failed of it."""

from functools import partial
from typing import Any

import pytest

from headrace import (
    ConfigChangeKind,
    ConfigJob,
    Malformed,
    MisuseError,
    NothingToDo,
    UnknownResource,
)
from headrace.emulator import Addon, Fault
from headrace.models import State
from headrace.store.state.config.changes import list_config_changes
from headrace.store.state.resources import update_resource
from ordering import SOON, TOKEN, list_patches, load_config, provision, script, worker
from pair import Pair, play_pair
from workflows.config.test_rotate import RotatingAcme

NOBODY = "01234567-89ab-4def-8123-456789abcdef"
APPS = ("shop", "shop-staging", "shop-dev", "blog")


async def provision_all(pair: Pair) -> list[Addon]:
    """Three of `basic` and one that is `free`."""
    return [await provision(pair, app, plan="free" if app == "blog" else "basic") for app in APPS]


async def wait_for(pair: Pair, job_id: str | None) -> ConfigJob:
    assert job_id is not None
    async with script(pair) as service:
        job = await service.jobs.wait(job_id)
    await pair.settle()
    return job


async def test_every_resource_that_is_wanted_is_set_once_and_no_other(database_url: str) -> None:
    """Ordered by a script, carried out by the worker; both sides agree in the end."""
    async with play_pair(database_url) as pair:
        addons = await provision_all(pair)
        async with script(pair) as service:
            ordered = await service.jobs.set_config({TOKEN: "t-1"}, plan="basic", by="grace")
        job = await wait_for(pair, ordered.job_id)

        assert (3, {}) == (ordered.count, ordered.left_out)
        assert (3, 3, 0, 0, 0) == (job.total, job.done, job.failed, job.waiting, job.dropped)
        assert (ConfigChangeKind.SET, (TOKEN,), "grace") == (job.kind, job.names, job.ordered_by)
        assert ["t-1", "t-1", "t-1", None] == [addon.config.get(TOKEN) for addon in addons]
        assert [2, 2, 2, 1] == [len(list_patches(pair, addon)) for addon in addons]
        for addon in addons:
            assert addon.config == await load_config(pair, addon.id)
        told = (await pair.list_events(addons[0].id))[-2]
        assert {"number": 1, "what": "set", "config_vars": [TOKEN], "by": "grace", "job": job.id} == told.detail


async def test_a_job_is_over_when_what_failed_is_told(database_url: str) -> None:
    """Who it was, where it stopped and why; the others are done."""
    async with play_pair(database_url) as pair:
        addons = await provision_all(pair)
        wrong = sorted(addons, key=lambda addon: addon.id)[1]
        pair.heroku.faults.add(Fault(kind="status", status=422, method="PATCH", path=f"/addons/{wrong.id}/config"))
        async with script(pair) as service:
            ordered = await service.jobs.set_config({TOKEN: "t-1"}, state="provisioned")
            job = await wait_for(pair, ordered.job_id)
            failed = [each async for each in service.jobs.iterate_failed(job.id)]

        assert (3, 1, True) == (job.done, job.failed, job.is_over)
        assert [(wrong.id, wrong.name, "set_config", "Unprocessable")] == [
            (each.uuid, each.name, each.step, each.reason) for each in failed
        ]


async def test_a_job_that_is_stopped_rests_until_it_is_resumed(database_url: str) -> None:
    """What waits does not begin, not even when its resource has something else to do."""
    async with play_pair(database_url, has_worker=False) as pair:
        async with worker(pair):
            addons = await provision_all(pair)
        async with script(pair) as service:
            ordered = await service.jobs.set_config({TOKEN: "t-1"}, uuid=[addon.id for addon in addons])
            assert ordered.job_id is not None
            stopped = await service.jobs.stop(ordered.job_id)
            async with worker(pair):
                await service.set_config(addons[0].id, {TOKEN: "t-0"}, wait=SOON)
                await pair.parts.feeding.run_once()
                await pair.settle()
                resting = await service.jobs.wait(ordered.job_id)
                resumed = await service.jobs.resume(ordered.job_id)
                job = await wait_for(pair, ordered.job_id)

        assert stopped.stopped_at is not None
        assert (4, 4, 0) == (stopped.waiting, resting.waiting, resting.done)
        assert (None, 4) == (resumed.stopped_at, job.done)
        assert {"t-1"} == {addon.config[TOKEN] for addon in addons[1:]}


async def test_credentials_of_many_are_rotated(database_url: str) -> None:
    """Each by its own hook call."""
    acme = RotatingAcme()
    async with play_pair(database_url, acme=acme) as pair:
        addons = await provision_all(pair)
        assert acme.service is not None
        ordered = await acme.service.jobs.rotate(plan="basic")
        job = await wait_for(pair, ordered.job_id)

        assert (3, 0) == (job.done, job.failed)
        assert ["t-2", "t-2", "t-2", "t-1"] == [addon.config[TOKEN] for addon in addons]
        assert 3 == len(acme.rotations)


async def test_a_dry_run_counts_and_orders_nothing(sqlite_url: str) -> None:
    async with play_pair(sqlite_url) as pair:
        addons = await provision_all(pair)
        async with script(pair) as service:
            ordered = await service.jobs.set_config({TOKEN: "t-1"}, plan="basic", dry_run=True)

            assert (None, 3) == (ordered.job_id, ordered.count)
            assert [] == await service.jobs.list()
        assert [] == await pair.parts.database.read(list_config_changes, addons[0].id)


async def test_what_has_gone_is_left_out_and_counted(sqlite_url: str) -> None:
    """A file of uuids is older than the fleet."""
    async with play_pair(sqlite_url) as pair:
        addons = await provision_all(pair)
        await pair.heroku.deprovision(addons[0])
        await pair.settle()
        await pair.parts.database.write(partial(update_resource, state=State.FAILED), addons[1].id)
        for secret in ("token",):
            await pair.parts.database.write(pair.parts.secrets.delete, addons[2].id, secret)
        async with script(pair) as service:
            ordered = await service.jobs.set_config({TOKEN: "t-1"}, uuid=[addon.id for addon in addons])
        job = await wait_for(pair, ordered.job_id)

        assert (1, {"deprovisioned": 1, "failed": 1, "no token": 1}) == (ordered.count, ordered.left_out)
        assert (1, 1) == (job.total, job.done)


async def test_a_resource_that_goes_meanwhile_is_dropped(database_url: str) -> None:
    async with play_pair(database_url, has_worker=False) as pair:
        async with worker(pair):
            addons = await provision_all(pair)
        async with script(pair) as service:
            ordered = await service.jobs.set_config({TOKEN: "t-1"}, state="provisioned")
        await pair.heroku.deprovision(addons[0])
        async with worker(pair):
            job = await wait_for(pair, ordered.job_id)

        assert (3, 1, True) == (job.done, job.dropped, job.is_over)


@pytest.mark.parametrize(
    ("config", "filters", "error", "told"),
    [
        ({"OTHER": "x"}, {"plan": "basic"}, MisuseError, "OTHER, which the manifest does not declare"),
        ({TOKEN: "t-1"}, {}, MisuseError, "state='provisioned' for all"),
        ({TOKEN: "t-1"}, {"colour": "red"}, MisuseError, "cannot be found by colour"),
        ({TOKEN: "t-1"}, {"uuid": NOBODY}, UnknownResource, NOBODY),
        ({TOKEN: "t-1"}, {"uuid": "shop"}, Malformed, "not a UUID"),
    ],
)
async def test_a_wrong_order_is_refused_whole(
    sqlite_url: str, config: dict[str, str], filters: dict[str, Any], error: type[Exception], told: str
) -> None:
    """The text names what is wrong; nothing is ordered of anybody."""
    async with play_pair(sqlite_url) as pair:
        addon = await provision(pair)
        if filters.get("uuid") == NOBODY:
            filters = {"uuid": [addon.id, NOBODY]}
        async with script(pair) as service:
            with pytest.raises(error, match=told):
                await service.jobs.set_config(config, **filters)

            assert [] == await service.jobs.list()
        assert [] == await pair.parts.database.read(list_config_changes, addon.id)


async def test_jobs_that_are_none_are_named(sqlite_url: str) -> None:
    async with play_pair(sqlite_url, has_worker=False) as pair, script(pair) as service:
        for ask in (service.jobs.get, service.jobs.stop, service.jobs.resume):
            with pytest.raises(NothingToDo, match="There is no job nothing"):
                await ask("nothing")


async def test_what_is_over_cannot_be_stopped_and_what_was_not_stopped_not_resumed(sqlite_url: str) -> None:
    async with play_pair(sqlite_url) as pair:
        await provision(pair)
        async with script(pair) as service:
            ordered = await service.jobs.set_config({TOKEN: "t-1"}, state="provisioned")
            job = await wait_for(pair, ordered.job_id)

            with pytest.raises(NothingToDo, match="is over"):
                await service.jobs.stop(job.id)
            with pytest.raises(NothingToDo, match="was not stopped"):
                await service.jobs.resume(job.id)
            assert [job] == await service.jobs.list()
