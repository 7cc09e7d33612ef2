"""PyPI's pyramid-heroku, which Pyramid apps run when they are released, against the emulator."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.installs import PYRAMID_HEROKU, install_from_pypi
from acceptance.processes import build_environment
from emulator.wire import ADA
from headrace.emulator import Emulator

pytestmark = pytest.mark.acceptance

RELEASE_SECONDS = 120.0
# What a release does around its migrations; where Heroku is can be told to the class alone.
RELEASE = """
import sys
from pyramid_heroku.heroku import Heroku

Heroku.api_endpoint, app = sys.argv[1:]
heroku = Heroku(app, "production.ini")
heroku.set_maintenance(True)
print("maintenance:", heroku.get_maintenance())
heroku.scale_down()
heroku.scale_up()
heroku.set_maintenance(False)
print("maintenance:", heroku.get_maintenance())
"""


@pytest.fixture(scope="session")
def packages() -> Path:
    return install_from_pypi(*PYRAMID_HEROKU)


async def test_a_release_scales_an_app_down_and_up_again(packages: Path, heroku: Emulator) -> None:
    """Under maintenance; the process types have what they had before."""
    environment = build_environment(PYTHONPATH=str(packages), MIGRATE_API_SECRET_HEROKU=ADA, NO_PROXY="*")
    command = [sys.executable, "-c", RELEASE, heroku.url, "storefront"]
    ran = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=RELEASE_SECONDS, check=False
    )
    app = heroku.find_app("storefront")

    assert 0 == ran.returncode, ran.stderr
    assert [
        "Maintenance enabled",
        "maintenance: True",
        "Scaled down to:",
        "web=0",
        "worker=0",
        "Scaled up to:",
        "web=2",
        "worker=1",
        "Maintenance disabled",
        "maintenance: False",
    ] == ran.stdout.splitlines()
    assert {"web": 2, "worker": 1} == {name: process.quantity for name, process in app.formation.items()}
