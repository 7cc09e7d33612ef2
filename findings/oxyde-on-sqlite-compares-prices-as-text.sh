#!/usr/bin/env bash
# Expected: filter(price__gte=Decimal("10")) of Oxyde on SQLite finds 19.90 and 100, filter(price=Decimal("100.00")) finds 100, order_by("price") is by number: the guides
# list gt, lt and between for Decimal, and SQLite among the databases of full support.
# Happens: the column is TEXT and so is the parameter, and letters are compared: 9.5 is greater than 10 and than an int of 50, 100 is less than 20, 100.00 is not 100,
# max() is 9.5 and the order 100, 19.90, 9.5; sum() is by number. Reading gives right Decimals, so that no test of reading notices.
# Means: "all plans above 10 dollars" is a wrong list, silently, in tests on SQLite, or in production where it is the other way round. Store cents as int: with
# db_type="NUMERIC(10, 2)", the guides' own example, the column is NUMERIC, and create() raises since the price comes back as None.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check oxyde==0.8.0
cat >"$dir/run.py" <<'PY'
import asyncio
import sys
from decimal import Decimal
from importlib.metadata import version

import oxyde
from oxyde import Field, Model, db


class Plan(Model):
    id: int | None = Field(default=None, db_pk=True)
    price: Decimal

    class Meta:
        is_table = True


async def main():
    await db.init(default=f"sqlite:///{sys.argv[1]}/plans.db")
    await oxyde.create_tables(await oxyde.get_connection("default"))
    for price in ("9.5", "19.90", "100"):
        await Plan.objects.create(price=Decimal(price))

    async def prices(query):
        return [str(plan.price) for plan in await query.all()]

    plans = Plan.objects
    ten, twenty = Decimal("10"), Decimal("20")
    found = {
        "price >= 10": await prices(plans.filter(price__gte=ten)),
        "price < 20": await prices(plans.filter(price__lt=twenty)),
        "price between 10 and 20": await prices(plans.filter(price__between=(ten, twenty))),
        "price = 100.00": await prices(plans.filter(price=Decimal("100.00"))),
        "price > 50 (an int)": await prices(plans.filter(price__gt=50)),
        "ordered": await prices(plans.order_by("price")),
        "max, min, sum": [str(await plans.max("price")), str(await plans.min("price")), str(await plans.sum("price"))],
    }
    wanted = [["9.5", "19.90", "100"], ["19.90", "100"], ["19.90", "100"], [], ["9.5"], ["100", "19.90", "9.5"], ["9.5", "100", "129.4"]]
    print(f"oxyde {version('oxyde')}: 9.5, 19.90 and 100 are stored")
    for question, answer in found.items():
        print(f"{question:25}{answer}")
    print("types:", await oxyde.execute_raw("SELECT DISTINCT typeof(price) AS type FROM plan"))
    assert list(found.values()) == wanted, "changed"
    await db.close()


asyncio.run(main())
PY
timeout --signal=KILL 100 "$dir/venv/bin/python" "$dir/run.py" "$dir"
