"""`/metrics` tells where each resource is, if it is wanted to."""

import gzip

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from headrace.clock import read_clock
from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import pipeline
from headrace.store.state.placements import save_inspection
from headrace.web.programs.metrics import Metrics
from headrace.web.programs.placed import PLACED, UNLISTED
from headrace.web.programs.scraping import LARGE
from pair import play_pair
from store.making import NOON, add_resource, place
from web.programs.test_metrics import parse


def fill(database: Database, *names: str) -> None:
    with database.transaction() as connection:
        for name in names:
            add_resource(connection, name, state=State.PROVISIONED, provisioned_at=NOON)
            save_inspection(connection, place(name, app=f"app-{name}"), next_check_at=NOON)


async def render(database: Database, series: int) -> str:
    return (await Metrics(database, clock=read_clock, small_plans=(), placed_series=series).render()).decode()


async def test_nothing_is_told_of_any_resource_unless_it_is_wanted(database: Database) -> None:
    fill(database, "a")
    text = await render(database, 0)

    assert PLACED not in text
    assert UNLISTED not in text


async def test_a_series_of_a_resource_has_when_it_came_to_where_it_is(database: Database) -> None:
    """And as many as were wanted; of the others there is a count."""
    fill(database, "a", "b", "c")
    text = await render(database, 2)
    (family,) = (each for each in text_string_to_metric_families(text) if each.name == PLACED)

    assert {NOON.timestamp()} == {sample.value for sample in family.samples}
    assert {("app-a", "storefront", "staging", "basic"), ("app-b", "storefront", "staging", "basic")} >= {
        tuple(sample.labels[label] for label in ("app_name", "pipeline_name", "stage", "plan"))
        for sample in family.samples
    }
    assert {"uuid", "app_name", "pipeline_id", "pipeline_name", "stage", "plan"} == family.samples[0].labels.keys()
    assert (2, {(): 1}) == (len(family.samples), parse(text)[UNLISTED])


@pytest.mark.parametrize("name", ['"quoted"', "back\\slash", "two\nlines", '\\"', "plain", "naïve"])
async def test_whatever_a_pipeline_is_called_prometheus_reads_its_name(database: Database, name: str) -> None:
    fill(database, "a")
    with database.transaction() as connection:
        connection.execute(sa.update(pipeline).values(name=name))
    (family,) = (each for each in text_string_to_metric_families(await render(database, 1)) if each.name == PLACED)

    assert name == family.samples[0].labels["pipeline_name"]


async def test_what_is_large_comes_compressed(sqlite_url: str) -> None:
    """To whoever takes it so, once."""
    async with play_pair(sqlite_url, has_worker=False, HEADRACE_PLACED_SERIES="5000") as pair:
        fill(pair.parts.database, *(f"r{number}" for number in range(1200)))
        asked = {"Accept-Encoding": "gzip"}
        async with pair.http.get(f"{pair.url}/metrics", headers=asked, auto_decompress=False) as answer:
            body, headers = await answer.read(), answer.headers
        async with pair.http.get(f"{pair.url}/metrics", headers={"Accept-Encoding": "identity"}) as answer:
            plain = await answer.read()

    assert ("gzip", "Accept-Encoding") == (headers["Content-Encoding"], headers["Vary"])
    assert len(body) < LARGE < len(plain)
    assert 1200 == len(parse(gzip.decompress(body).decode())[PLACED]) == len(parse(plain.decode())[PLACED])


async def test_what_is_counted_is_told_once(sqlite_url: str) -> None:
    """And not when it was counted first, as the client would have it: those are as many series again."""
    async with play_pair(sqlite_url) as pair:
        await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        async with pair.http.get(f"{pair.url}/metrics") as answer:
            names = parse(await answer.text())

    assert "headrace_platform_requests_total" in names
    assert [] == [name for name in names if name.endswith("_created")]
