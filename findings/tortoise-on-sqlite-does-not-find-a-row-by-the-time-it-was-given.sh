#!/usr/bin/env bash
# Expected: a row that Tortoise ORM wrote with at=T is found by filter(at=T); one moment is one moment, whatever its offset. So it is in Django,
# which turns both sides to UTC, and in PostgreSQL.
# Happens: on SQLite what is written is turned to UTC, and what is looked for is not: T=23:00-05:00 is stored as 04:00 of the next day and searched as the text
# "23:00:00-05:00". Equality finds nothing, at__in nothing, > and < compare wall clocks, and get_or_create(at=T) makes another row each time.
# Means: tests on SQLite with offsets fail or, worse, a service on SQLite counts late evenings into the wrong day and doubles what it wanted to keep single.
# Call .astimezone(UTC) on all that goes into a filter.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check tortoise-orm==1.1.9 aiosqlite==0.22.1
cat >"$dir/run.py" <<'PY'
import asyncio
import datetime
import sys
import types
from importlib.metadata import version

from tortoise import Tortoise, fields
from tortoise.models import Model

models = types.ModuleType("models")
sys.modules["models"] = models
UTC, WEST = datetime.timezone.utc, datetime.timezone(datetime.timedelta(hours=-5))
LATE = datetime.datetime(2026, 11, 1, 23, tzinfo=WEST)  # 2 November, 04:00 in UTC
NIGHT = datetime.datetime(2026, 11, 2, 1, tzinfo=UTC)
BOUND = datetime.datetime(2026, 11, 1, 21, tzinfo=WEST)  # 2 November, 02:00 in UTC: after NIGHT, before LATE


class Event(Model):
    id = fields.IntField(primary_key=True)
    at = fields.DatetimeField()


Event.__module__, models.Event = "models", Event


async def look(change):
    late, bound = change(LATE), change(BOUND)
    equal, among = await Event.filter(at=late).count(), await Event.filter(at__in=[late]).count()
    return equal, among, await Event.filter(at__gt=bound).order_by("id").values_list("id", flat=True)


async def main():
    await Tortoise.init(db_url="sqlite://:memory:", modules={"app": ["models"]})
    await Tortoise.generate_schemas()
    await Event.create(at=LATE)
    await Event.create(at=NIGHT)
    first = await Event.get(id=1)
    plain, turned = await look(lambda time: time), await look(lambda time: time.astimezone(UTC))
    made = [(await Event.get_or_create(at=LATE))[1] for _ in range(3)]
    await Tortoise.close_connections()
    print(f"tortoise-orm {version('tortoise-orm')}: wrote {LATE} and {NIGHT}; the first is read back as {first.at}, equal to it: {first.at == LATE}")
    print(f"found by =, by in, and ids after {BOUND}: {plain}\nthe same turned to UTC before: {turned}\nget_or_create three times makes a row: {made}")
    assert first.at == LATE
    assert plain == (0, 0, [1, 2]), "changed: what is found"
    assert turned == (1, 1, [1]), "changed: in UTC"
    assert made == [True, True, True], "changed: get_or_create"


asyncio.run(main())
PY
"$dir/venv/bin/python" "$dir/run.py"
