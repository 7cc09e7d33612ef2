"""Jobs by the API: recorded whole, with progress, stopped and gone on with."""

from typing import Any

import pytest

from headrace.emulator import Fault
from headrace.testing import eventually
from ordering import TOKEN, provision, worker
from pair import Pair, play_pair
from web.programs.calling import UUID, call, make_token

APPS = ("shop", "shop-staging", "blog")


async def start(pair: Pair, token: str, **members: Any) -> tuple[int, Any]:
    return await call(pair, "POST", "/jobs", token, json={"kind": "set", "config": {TOKEN: "t-1"}, **members})


async def wait_for(pair: Pair, token: str, job_id: str) -> Any:
    found: dict[str, Any] = {}

    async def is_over() -> bool:
        found.update((await call(pair, "GET", f"/jobs/{job_id}", token))[1])
        return bool(found["is_over"])

    await eventually(is_over)
    await pair.settle()
    return found


async def test_a_job_is_started_and_shown_until_it_is_over(database_url: str) -> None:
    """With what failed of it, and why."""
    async with play_pair(database_url) as pair:
        token, addons = await make_token(pair, "grace"), [await provision(pair, app) for app in APPS]
        pair.heroku.faults.add(Fault(kind="status", status=422, method="PATCH", path=f"/addons/{addons[0].id}/config"))
        status, ordered = await start(pair, token, filters={"state": ["provisioned"], "plan": ["basic"]})
        job = await wait_for(pair, token, ordered["job_id"])
        _, failures = await call(pair, "GET", f"/jobs/{ordered['job_id']}/failures", token)
        _, listed = await call(pair, "GET", "/jobs", token)

        assert (202, 3, {}) == (status, ordered["count"], ordered["left_out"])
        assert (3, 2, 1, 0, "grace") == (job["total"], job["done"], job["failed"], job["waiting"], job["ordered_by"])
        assert ([(addons[0].id, "set_config", "Unprocessable")], None) == (
            [(each["uuid"], each["step"], each["reason"]) for each in failures["failures"]],
            failures["next"],
        )
        assert [job] == listed["jobs"]
        assert [None, "t-1", "t-1"] == [addon.config.get(TOKEN) for addon in addons]


async def test_a_job_is_stopped_and_resumed(sqlite_url: str) -> None:
    """Stopped before a worker comes, it does nothing; resumed, it does all. What does not fit is 409."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        token = await make_token(pair)
        async with worker(pair):
            addons = [await provision(pair, app) for app in APPS]
        _, ordered = await start(pair, token, filters={"app": ["shop", "blog"]})
        path = f"/jobs/{ordered['job_id']}"
        stopped, job = await call(pair, "POST", f"{path}/stop", token)
        async with worker(pair):
            resumed = [(await call(pair, "POST", f"{path}/resume", token))[0] for _ in range(2)]
            over = await wait_for(pair, token, ordered["job_id"])
        stopped_again, _ = await call(pair, "POST", f"{path}/stop", token)

        assert (200, True, 2) == (stopped, job["stopped_at"] is not None, job["waiting"])
        assert ([200, 409], 2, 409) == (resumed, over["done"], stopped_again)
        assert ["t-1", None, "t-1"] == [addon.config.get(TOKEN) for addon in addons]


async def test_a_dry_run_orders_nothing(sqlite_url: str) -> None:
    """200 with of how many it would be."""
    async with play_pair(sqlite_url) as pair:
        token = await make_token(pair)
        await provision(pair)
        status, told = await start(pair, token, filters={"state": ["provisioned"]}, dry_run=True)

        assert (200, {"job_id": None, "count": 1, "left_out": {}}) == (status, told)
        assert {"jobs": []} == (await call(pair, "GET", "/jobs", token))[1]


@pytest.mark.parametrize(
    ("members", "status", "said"),
    [
        ({"filters": {}}, 422, "Say of which resources"),
        ({"filters": {"uuid": [UUID]}}, 404, f"There is no resource {UUID}."),
        ({"filters": {"uuid": ["x"]}}, 400, "uuid is not a UUID."),
        ({"filters": {"plan": ["\0"]}}, 400, "plan: holds a NUL character."),
        ({"filters": {"plna": ["basic"]}}, 400, "plna"),
        ({"filters": {"made_after": "0001-01-01T00:00:00+23:59"}}, 400, "made_after: is not between the years"),
        ({"filters": {"plan": ["basic"]}, "config": None}, 400, "config: `set` takes it"),
        ({"filters": {"plan": ["basic"]}, "kind": "rotate"}, 400, "config: `set` takes it, and `rotate` does not."),
        ({"filters": {"plan": ["basic"]}, "kind": "rotate", "config": None}, 422, "on_rotate"),
        ({"filters": {"plan": ["basic"]}, "config": {"OTHER": "x"}}, 422, "You set OTHER"),
    ],
)
async def test_a_job_that_cannot_be_is_refused(sqlite_url: str, members: Any, status: int, said: str) -> None:
    """What is wrong is named, and there is no job."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        token = await make_token(pair)
        found, told = await start(pair, token, **members)

        assert (status, True) == (found, said in told["message"]), told
        assert {"jobs": []} == (await call(pair, "GET", "/jobs", token))[1]


async def test_a_job_that_is_nobodys_is_404(sqlite_url: str) -> None:
    """And 400 where it is no id at all."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        token = await make_token(pair)
        calls = (("GET", ""), ("GET", "/failures"), ("POST", "/stop"), ("POST", "/resume"))
        found = {
            id_: [(await call(pair, method, f"/jobs/{id_}{path}", token))[0] for method, path in calls]
            for id_ in (UUID, "x")
        }

        assert {UUID: [404] * 4, "x": [400] * 4} == found
