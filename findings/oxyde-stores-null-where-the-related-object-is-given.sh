#!/usr/bin/env bash
# Expected: Addon.objects.create(app=app) of Oxyde ("Django-style"), with app: App | None = Field(…) as its guides have it, stores the id of app, as Django, Tortoise,
# Piccolo and Peewee do, or is refused.
# Happens: it stores NULL and raises nothing; so does Addon(app=app) with save(), and addon.app = other with save() leaves the old id. filter(app=app) raises.
# The guides give an id (author_id=1) everywhere; that the object is taken and dropped they do not say. Where app has no default, create() raises.
# Means: the add-on belongs to nobody: its app's deletion does not take it along, its app is None in a join, and the code reads like that of any other ORM.
# Always give app_id.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check oxyde==0.8.0
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
from importlib.metadata import version

import oxyde
from oxyde import Field, Model, db


class App(Model):
    id: int | None = Field(default=None, db_pk=True)
    name: str

    class Meta:
        is_table = True


class Addon(Model):
    id: int | None = Field(default=None, db_pk=True)
    kind: str
    app: App | None = Field(default=None, db_on_delete="CASCADE")

    class Meta:
        is_table = True


async def main():
    await db.init(default=f"sqlite:///{sys.argv[1]}/addons.db")
    await oxyde.create_tables(await oxyde.get_connection("default"))
    web = await App.objects.create(name="web")
    other = await App.objects.create(name="other")
    await Addon.objects.create(kind="create(app=web)", app=web)
    await Addon(kind="Addon(app=web).save()", app=web).save()
    await Addon.objects.create(kind="create(app_id=web.id)", app_id=web.id)
    moved = await Addon.objects.create(kind="app = other; save()", app_id=web.id)
    moved.app = other
    await moved.save()
    print(f"oxyde {version('oxyde')}; the id of web is {web.id}, that of other {other.id}")
    found = {addon.kind: addon.app_id for addon in await Addon.objects.all()}
    for kind, app in found.items():
        print(f"{kind:24}{app}")
    assert list(found.values()) == [None, None, web.id, web.id], "changed: what is stored"
    try:
        await Addon.objects.filter(app=web).count()
        raise SystemExit("changed: filter(app=web) is taken")
    except TypeError as error:
        print("filter(app=web):", error)
    await App.objects.filter(id=web.id).delete()
    left = [addon.kind for addon in await Addon.objects.all()]
    print("left when web is deleted:", left)
    assert left == list(found)[:2], "changed: what is left"
    await db.close()


asyncio.run(main())
PY
timeout --signal=KILL 100 "$dir/venv/bin/python" "$dir/run.py" "$dir"
