#!/usr/bin/env bash
# Expected: Avg("seats") of Tortoise ORM over 1 and 2 is 1.5, as SQLite and PostgreSQL answer and as in peewee and piccolo; its docs have
# "average (mean) of all values in the column".
# Happens: the answer passes through the field it was taken of, and that of an IntField is int(): 1. Always cut, never rounded: 0 for an average of
# 0.9, and a sum of averages is short by up to one each. Nothing warns. A FloatField is right.
# Means: average seats, retries, dynos, milliseconds, the share of a 0/1 column: all too small. Ask for Sum and Count and divide.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check tortoise-orm==1.1.9 aiosqlite==0.22.1 peewee==4.5.3
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
import types
from importlib.metadata import version

import peewee
from tortoise import Tortoise, fields
from tortoise.functions import Avg
from tortoise.models import Model

models = types.ModuleType("models")
sys.modules["models"] = models
ROWS = [("web", 1, 0), ("web", 2, 1), ("api", 9, 1), ("api", 10, 1), ("api", 10, 1)]


class Usage(Model):
    id = fields.IntField(primary_key=True)
    app = fields.CharField(10)
    seats = fields.IntField()
    failed = fields.SmallIntField()


Usage.__module__, models.Usage = "models", Usage


async def by_tortoise():
    await Tortoise.init(db_url="sqlite://:memory:", modules={"app": ["models"]})
    await Tortoise.generate_schemas()
    for app, seats, failed in ROWS:
        await Usage.create(app=app, seats=seats, failed=failed)
    query = Usage.annotate(seats_each=Avg("seats"), share=Avg("failed")).group_by("app").order_by("app")
    found = await query.values_list("app", "seats_each", "share")
    _, [row, *_] = await Tortoise.get_connection("default").execute_query(query.values_list("app", "seats_each", "share").sql())
    await Tortoise.close_connections()
    return found, tuple(row)


def by_peewee():
    database = peewee.SqliteDatabase(":memory:")

    class Usage(peewee.Model):
        app, seats, failed = peewee.CharField(), peewee.IntegerField(), peewee.IntegerField()

        class Meta:
            pass

    database.bind([Usage])
    database.create_tables([Usage])
    for app, seats, failed in ROWS:
        Usage.create(app=app, seats=seats, failed=failed)
    averages = peewee.fn.AVG(Usage.seats), peewee.fn.AVG(Usage.failed)
    return list(Usage.select(Usage.app, *averages).group_by(Usage.app).order_by(Usage.app).tuples())


found, row = asyncio.run(by_tortoise())
other = by_peewee()
print(f"average seats and share of failures of an app; rows {ROWS}")
print(f"tortoise-orm {version('tortoise-orm')}: {found}\nthe first row of its own SQL: {row}")
print(f"peewee {version('peewee')}: {[(app, round(seats, 2), share) for app, seats, share in other]}")
assert found == [("api", 9, 1), ("web", 1, 0)], "changed: tortoise"
assert round(row[1], 2) == 9.67, "changed: its SQL"
assert other[1] == ("web", 1.5, 0.5), "changed: peewee"
PY
"$dir/venv/bin/python" "$dir/run.py"
