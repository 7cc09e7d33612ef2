"""Everything of one kind as CSV, one export at a time."""

import csv
import io

import pytest

from browsing import OPERATOR_COOKIE
from headrace.fleet.formats import export
from headrace.store.reports.exports import EXPORTS
from headrace.store.reports.figures.counted_days import save_day
from headrace.store.reports.figures.roll_up import DayCount, FleetFigure
from headrace.testing import eventually
from store.making import NOON
from web.operators.small_fleet import look, make_fleet, play


@pytest.mark.parametrize("what", sorted(EXPORTS))
async def test_an_export_is_sent_as_csv(what: str, sqlite_url: str) -> None:
    """The same that the command writes, as a file to keep."""
    async with play(sqlite_url) as (pair, cookie):
        await make_fleet(pair)
        page = await look(pair, cookie, f"/operators/exports/{what}.csv")
        out = io.BytesIO()
        export(pair.parts.database, what, "csv", out, small_plans=("free",))

        assert 200 == page.status
        assert f'attachment; filename="headrace-{what}.csv"' == page.headers["Content-Disposition"]
        assert out.getvalue().decode() == page.text


async def test_there_is_no_other_export(sqlite_url: str) -> None:
    """404 for what cannot be exported, and for another format."""
    async with play(sqlite_url) as (pair, cookie):
        paths = [f"/operators/exports/{what}" for what in ("secrets.csv", "resources.parquet", "resources")]

        assert [404] * 3 == [(await look(pair, cookie, path)).status for path in paths]


async def test_one_export_is_taken_at_a_time_and_given_back_when_its_client_goes(database_url: str) -> None:
    """More than fits into the buffers between, so that the first is not done when the second comes."""
    async with play(database_url) as (pair, cookie):
        with pair.parts.database.transaction() as connection:
            rows = [DayCount(FleetFigure.MOVES, NOON.date(), "x" * 200, str(number), 1) for number in range(100_000)]
            save_day(connection, NOON.date(), rows, now=NOON)
        path = "/operators/exports/figures.csv"
        sent = {"Cookie": f"{OPERATOR_COOKIE}={cookie}"}
        first = await pair.http.get(pair.url + path, headers=sent)
        await first.content.readline()
        second = await look(pair, cookie, path)
        first.close()

        async def is_free() -> bool:
            return (await look(pair, cookie, "/operators/exports/stage-mix.csv")).status == 200

        assert (429, "10") == (second.status, second.headers["Retry-After"])
        await eventually(is_free)


async def test_an_export_of_a_list_has_what_the_list_shows(sqlite_url: str) -> None:
    """With its filters, its search and its order; of a resource's page, its own places."""
    async with play(sqlite_url) as (pair, cookie):
        await make_fleet(pair)

        async def read_column(path: str, name: str) -> list[str]:
            page = await look(pair, cookie, f"/operators/exports/{path}")
            return [row[name] for row in csv.DictReader(io.StringIO(page.text))]

        (shop,) = await read_column("resources.csv?q=shop&stage=production", "uuid")

        assert ["shop-staging", "shop"] == await read_column(
            "resources.csv?q=hop&sort=-app&state=provisioned", "app_name"
        )
        assert ["ada-notes", "shop"] == await read_column("resources.csv?plan=free&sort=app", "app_name")
        assert ["shop"] == await read_column("resources.csv?stage=production&small_plan=1", "app_name")
        assert (["shop"], []) == (
            await read_column("pipelines.csv?has=production&q=ho", "pipeline_name"),
            await read_column("pipelines.csv?without=staging", "pipeline_name"),
        )
        assert [shop] == await read_column(f"placements.csv?resource={shop}", "resource_uuid")
        assert [] == await read_column(f"moves.csv?resource={shop}", "resource_uuid")
