"""The release before, built from its commit, on databases that this one has brought up to date or begun."""

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import sqlalchemy as sa

from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.sql.migrate import migrate
from headrace.testing import eventually
from headrace.workflows.engine.port import prepare
from installations import beside, list_tables
from lab.kit.builds import Build, check_out
from lab.kit.databases import make_on_server
from workers import Site, is_ready, prepare_site

pytestmark = pytest.mark.acceptance

# Until there are tags.
BEFORE = "9f2e646"
LONG = timedelta(seconds=60)
ACME = """
from headrace import AddonService

service = AddonService.from_env()

@service.on_provision
def create(provision): return {"ACME_SEARCH_URL": f"https://search.acme.example/{provision.uuid}"}

@service.on_plan_change
def resize(change): ...

@service.on_deprovision
def drop(resource): ...
"""


@pytest.fixture(scope="module")
def older() -> Iterator[Build]:
    with check_out(BEFORE) as builds:
        if len(builds) == 1:
            pytest.skip(f"this clone has no commit {BEFORE}")
        yield builds[1]


async def test_the_release_before_serves_on_where_this_one_migrates(
    older: Build, postgres_server: str, tmp_path: Path
) -> None:
    """A release phase does so under dynos that run: they stay ready, and do what they acknowledge."""
    with make_on_server(postgres_server) as url:
        async with prepare_site(url, tmp_path, acme=ACME) as site, aiohttp.ClientSession() as http:
            with older.start(*build_line(site), environment=build_environment(site), ready_on=site.port):
                bring_up_to_date(url)
                is_still_ready = await is_ready(http, f"http://127.0.0.1:{site.port}")
                addon = await site.heroku.create_addon("shop-staging", "acme-search:basic")
                await eventually(lambda: addon.state == State.PROVISIONED, within=LONG)
            # Once more, as a dyno that is restarted, or rolled back to.
            with older.start(*build_line(site), environment=build_environment(site), ready_on=site.port):
                pass

    assert is_still_ready


async def test_the_release_before_makes_nothing_beside_a_database_that_this_one_began(
    older: Build, postgres_server: str, tmp_path: Path
) -> None:
    """It would not find our schema, begin anew in public, and acknowledge what this one never hears of."""
    with make_on_server(postgres_server) as url:
        bring_up_to_date(url)
        async with prepare_site(url, tmp_path, acme=ACME) as site:
            with pytest.raises(subprocess.CalledProcessError) as refused:
                older.run(*build_line(site), environment=build_environment(site))
        with beside(url) as connection:
            views = sa.inspect(connection).get_view_names(schema="public")
        tables = list_tables(url, "public")

    assert (set(), ["placement_check"]) == (tables, views)
    assert "placement_check" in refused.value.stderr.decode()


def build_line(site: Site) -> tuple[str, ...]:
    return ("serve", "acme:service", "--port", str(site.port))


def build_environment(site: Site) -> dict[str, str]:
    return {**site.environment, "PYTHONPATH": str(site.folder)}


def bring_up_to_date(url: str) -> None:
    database = Database(url)
    migrate(database)
    prepare(database)
    database.close()
