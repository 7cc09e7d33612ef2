#!/usr/bin/env bash
# Expected: Resource.filter(state="gone").limit(1).delete() of Tortoise ORM and of edgy deletes one row, or is refused: Django, whose query sets both
# follow, raises TypeError for delete() and update() of a slice.
# Happens: all rows that match are deleted, or updated; the limit is dropped without a word. In Tortoise it holds on MySQL alone (a capability of the
# backend, false for SQLite, PostgreSQL and SQL Server; asked for in its issues 27, 697 and 748), in edgy nowhere. The number that comes back is the only sign.
# Means: a purge in batches deletes all at once; "take the next one" (limit(1).update(state="taken")) takes the whole backlog for one worker. Select the
# ids first and change those.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check tortoise-orm==1.1.9 aiosqlite==0.22.1 edgy==0.37.0 django==5.2.19
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
import types
from importlib.metadata import version

import django
import edgy
import tortoise
from django.conf import settings

models = types.ModuleType("models")
sys.modules["models"] = models


class Resource(tortoise.models.Model):
    id = tortoise.fields.IntField(primary_key=True)
    state = tortoise.fields.CharField(10)


Resource.__module__, models.Resource = "models", Resource


async def by_tortoise():
    await tortoise.Tortoise.init(db_url="sqlite://:memory:", modules={"app": ["models"]})
    await tortoise.Tortoise.generate_schemas()
    for state in ["gone"] * 4 + ["here"]:
        await Resource.create(state=state)
    gone = Resource.filter(state="gone")
    found = await gone.limit(1).count(), await gone.limit(1).update(state="gone"), await gone.limit(1).delete(), await Resource.all().count()
    await tortoise.Tortoise.close_connections()
    return found


async def by_edgy(address):
    registry = edgy.Registry(database=edgy.Database(address))

    class Resource(edgy.Model):
        state = edgy.CharField(max_length=10)

        class Meta:
            registry = None

    Resource = Resource.add_to_registry(registry)
    async with registry:
        await registry.create_all()
        for state in ["gone"] * 4 + ["here"]:
            await Resource.query.create(state=state)
        gone = Resource.query.filter(state="gone")
        return await gone.limit(1).count(), await gone.limit(1).update(state="gone"), await gone.limit(1).delete(), await Resource.query.count()


def by_django():
    settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}, INSTALLED_APPS=[])
    django.setup()

    class Resource(django.db.models.Model):
        state = django.db.models.CharField(max_length=10)

        class Meta:
            app_label = "app"

    try:
        Resource.objects.filter(state="gone")[:1].delete()
    except TypeError as error:
        return str(error)


found = asyncio.run(by_tortoise()), asyncio.run(by_edgy(f"sqlite:///{sys.argv[1]}"))
print("four rows are gone, one is here; behind .limit(1): (count, rows updated, rows deleted, rows left)")
print(f"tortoise-orm {version('tortoise-orm')}: {found[0]}\nedgy {version('edgy')}: {found[1]}\nDjango {django.__version__}: {by_django()}")
assert found == ((1, 4, 4, 1), (1, 4, 4, 1)), "changed"
PY
"$dir/venv/bin/python" -W ignore "$dir/run.py" "$dir/edgy.db"
