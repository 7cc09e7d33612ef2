"""Two services in one process: they work side by side, or the second is refused at its start with the reason."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from headrace.emulator import describe, load_world
from headrace.emulator import run as run_emulator
from headrace.errors import MisuseError
from headrace.service import AddonService
from headrace.settings import read_settings
from pair import Acme, write_world


@asynccontextmanager
async def prepare_two(first_url: str, second_url: str) -> AsyncIterator[tuple[AddonService, AddonService]]:
    """Make two services of one add-on, staging and production say, each with a database."""
    async with AsyncExitStack() as stack:
        services = []
        for name, database_url in (("staging", first_url), ("production", second_url)):
            base = f"/{name}/heroku/resources"
            world = load_world(write_world("http://127.0.0.1:5050", base_path=base, sso_path=f"/{name}/login"))
            heroku = await stack.enter_async_context(run_emulator(world))
            settings = {**describe(heroku).addon_services[0].settings, "DATABASE_URL": database_url}
            service = AddonService(read_settings(settings))
            Acme().register(service)
            services.append(service)
        yield services[0], services[1]


async def test_two_services_run_in_one_process_where_one_has_a_worker(sqlite_url: str, tmp_path: Path) -> None:
    """Each has its own database; what one is asked the other does not hear."""
    async with prepare_two(sqlite_url, f"sqlite:///{tmp_path / 'other.db'}") as (staging, production):
        first = staging.asgi(prefix="/staging")
        second = production.asgi(prefix="/production", has_worker=False)
        async with first.running(), second.running():
            found = [await service.resources.list() for service in (staging, production)]

    assert [[], []] == [[*page.resources] for page in found]


async def test_a_second_worker_in_a_process_is_refused_at_its_start(sqlite_url: str, tmp_path: Path) -> None:
    """The engine has one of itself in a process; the first goes on, and a worker of its own does for the second."""
    async with prepare_two(sqlite_url, f"sqlite:///{tmp_path / 'other.db'}") as (staging, production):
        async with staging.asgi(prefix="/staging").running():
            with pytest.raises(MisuseError, match=r"has_worker=False.*headrace worker MODULE:SERVICE"):
                async with production.asgi(prefix="/production").running():
                    pass
            resources = (await staging.resources.list()).resources
        async with production.asgi(prefix="/production").running():
            later = (await production.resources.list()).resources

    assert ([], []) == ([*resources], [*later])


async def test_two_services_do_not_share_a_database(sqlite_url: str) -> None:
    """It does not say whose a resource is; the text names both, and what to set."""
    async with (
        prepare_two(sqlite_url, sqlite_url) as (staging, production),
        staging.asgi(prefix="/staging", has_worker=False).running(),
    ):
        with pytest.raises(MisuseError, match=r"/staging/heroku.*has this database already.*DATABASE_URL"):
            async with production.asgi(prefix="/production", has_worker=False).running():
                pass
