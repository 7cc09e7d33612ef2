"""The release before, built from its commit, on databases that this one has brought up to date or begun."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from headrace.database_urls import read_database_url
from headrace.models import State
from headrace.store.sql.database import Database
from headrace.store.sql.migrate import migrate
from headrace.store.sql.tables.views import VIEWS, SqlView
from headrace.testing import eventually
from headrace.workflows.engine.port import prepare
from installations import beside, list_tables
from lab.kit.builds import Build, check_out
from lab.kit.databases import make_on_server
from workers import Site, is_ready, prepare_site, serve_process

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


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_what_the_release_before_wrote_is_served_and_in_the_views(
    older: Build, kind: str, postgres_server: str, tmp_path: Path
) -> None:
    """Its database is brought up to date when this one starts on it; each view has what the older one noted."""
    with ExitStack() as stack:
        own = f"sqlite:///{tmp_path / 'headrace.db'}"
        url = own if kind == "sqlite" else stack.enter_context(make_on_server(postgres_server))
        async with prepare_site(url, tmp_path, acme=ACME) as site:
            with older.start(*build_line(site), environment=build_environment(site), ready_on=site.port):
                addon = await site.heroku.create_addon("shop-staging", "acme-search:basic")
                await eventually(lambda: addon.state == State.PROVISIONED, within=LONG)
                await eventually(partial(is_placed, url, addon.id), within=LONG)
            async with serve_process(tmp_path, site.environment, site.port):
                await site.heroku.change_plan(addon, "acme-search:free")
                await eventually(lambda: addon.plan.name.endswith("free"), within=LONG)
        seen = {view.name: read_view(url, view) for view in VIEWS if "resource_uuid" in view.columns}

    [now], [place], plans = (seen[name] for name in ("resource_now", "placement_history", "plan_history"))
    assert (addon.id, "free", "provisioned", "staging") == (now.resource_uuid, now.plan, now.state, now.stage)
    assert (addon.id, "staging", None) == (place.resource_uuid, place.stage, place.coupled_at)
    assert ["basic", "free"] == [row.plan for row in sorted(plans, key=lambda row: row.valid_from)]


def is_placed(url: str, uuid: str) -> bool:
    """Whether an older release has noted where a resource is: its tables are where such a release had them."""
    engine = sa.create_engine(read_database_url(url), poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        query = sa.text("SELECT count(*) FROM placement WHERE resource_uuid = :uuid AND stage IS NOT NULL")
        return bool(connection.execute(query, {"uuid": uuid}).scalar())


def read_view(url: str, view: SqlView) -> Sequence[Any]:
    database = Database(url)
    with database.reads.connect() as connection:
        rows = connection.execute(sa.text(f"SELECT * FROM {view.name}")).all()
    database.close()
    return rows


def build_line(site: Site) -> tuple[str, ...]:
    return ("serve", "acme:service", "--port", str(site.port))


def build_environment(site: Site) -> dict[str, str]:
    return {**site.environment, "PYTHONPATH": str(site.folder)}


def bring_up_to_date(url: str) -> None:
    database = Database(url)
    migrate(database)
    prepare(database)
    database.close()
