"""Thousands of provisions at once, as after an outage: nobody else waits until the last of them is done."""

from datetime import datetime, timedelta

from ordering import provision, worker
from pair import Pair, play_pair

# Four times what a worker works on at a time.
CROWD = 200
# On a machine that is busy with other tests.
LONG = timedelta(minutes=5)


async def find_end(pair: Pair, uuid: str, name: str) -> datetime:
    [moment] = [event.at for event in await pair.list_events(uuid) if event.name == name]
    return moment


async def test_a_plan_change_and_a_removal_do_not_wait_behind_a_crowd_of_provisions(sqlite_url: str) -> None:
    """They were ordered last, and are done with the first that a worker takes at a time, not with the last of them."""
    async with play_pair(sqlite_url, has_worker=False, HEADRACE_ANSWER_SECONDS="1") as pair:
        async with worker(pair):
            changed, removed = await provision(pair), await provision(pair, "blog")
        crowd = [await pair.heroku.create_addon("shop", "acme-search:basic") for _ in range(CROWD)]
        statuses = [
            (await pair.call("PUT", f"/{changed.id}", json={"plan": "free"}))[0],
            (await pair.call("DELETE", f"/{removed.id}"))[0],
        ]
        async with worker(pair):
            await pair.settle(within=LONG)
        provisioned = [await find_end(pair, addon.id, "provision.done") for addon in crowd]
        ends = (
            await find_end(pair, changed.id, "plan_change.done"),
            await find_end(pair, removed.id, "deprovision.done"),
        )

    assert [202, 204] == statuses
    assert CROWD / 2 > sum(each < max(ends) for each in provisioned)
