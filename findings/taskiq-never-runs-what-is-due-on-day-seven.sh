#!/usr/bin/env bash
# Expected: a schedule of taskiq with "cron" fires when crontab(5) says, where a week's day may be 0 to 7 (both ends Sunday) or a name, and a month a
# name; what the scheduler does not understand is an error, for it has a CronValueError.
# Happens: pycron, which it asks, says no for ever and raises nothing: "0 3 * * 7" never fires, "5-7" and "1-7" are without Sunday, and a month's name
# never matches. cronsim and croniter fire them all.
# Means: a weekly clean-up or invoice run is accepted, listed and never done, and no log line tells. Write Sunday as 0 and months as numbers, and test
# each schedule with a moment when it is due.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check taskiq==0.13.0 pycron==3.3.0 cronsim==2.8 croniter==7.0.0
cat >"$dir/run.py" <<'PY'
import asyncio
import datetime
import logging
from importlib.metadata import version

import croniter
import cronsim
from taskiq import InMemoryBroker, TaskiqScheduler
from taskiq.cli.scheduler.run import get_all_schedules, is_cron_task_now
from taskiq.schedule_sources import LabelScheduleSource

logging.basicConfig(level=logging.WARNING)
FROM, DAYS = datetime.datetime(2026, 11, 1), 28  # a Sunday, four weeks
NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
DAYS_AT_TASKIQ = {
    "0 3 * * 7": [],
    "0 3 * * 5-7": ["Fri", "Sat"],
    "0 3 * * 1-7": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
    "0 3 * nov 0": [],
    "0 3 * 11 sun": ["Sun"],
}
broker = InMemoryBroker()


@broker.task(schedule=[{"cron": cron} for cron in DAYS_AT_TASKIQ])
async def clean_up():
    pass


def days(moments):
    found = {moment.weekday() for moment in moments if moment < FROM + datetime.timedelta(days=DAYS)}
    return [NAMES[day] for day in sorted(found)]


def until_the_end(iterator):
    for moment in iterator:
        if moment >= FROM + datetime.timedelta(days=DAYS):
            return
        yield moment


async def main():
    await broker.startup()
    scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])
    await scheduler.sources[0].startup()
    [(_, tasks)] = await get_all_schedules(scheduler)
    print(f"days, four weeks from {FROM.date()}: taskiq {version('taskiq')}, cronsim {version('cronsim')}, croniter {version('croniter')}")
    assert len(tasks) == len(DAYS_AT_TASKIQ), "changed: taskiq refuses some"
    threes = [(FROM + datetime.timedelta(days=day, hours=3)).replace(tzinfo=datetime.timezone.utc) for day in range(DAYS)]
    before = FROM - datetime.timedelta(seconds=1)
    for task in tasks:
        ours = days([at.replace(tzinfo=None) for at in threes if is_cron_task_now(task.cron, at, None, None)])
        sim = days(until_the_end(cronsim.CronSim(task.cron, before)))
        croni = days(until_the_end(croniter.croniter(task.cron, before, ret_type=datetime.datetime)))
        print(f"{task.cron:16} taskiq {ours}, cronsim {sim}, croniter {croni}")
        assert ours == DAYS_AT_TASKIQ[task.cron], f"changed: {task.cron}"
        assert "Sun" in sim and sim == croni, f"changed: the others on {task.cron}"


asyncio.run(main())
PY
"$dir/venv/bin/python" "$dir/run.py"
