"""The tests of acme.py, as the partner who runs it writes them: `pytest test_acme.py`.

Acme runs as a process, as on Heroku, so a provider in any other language is tested the same way.
"""

from datetime import timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from headrace.emulator import Clock, Emulator, Fault
from headrace.testing import Command, HerokuServer, Provider, eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def provider_under_test(tmp_path: Path) -> Command:
    """Every test has a provider and a database of its own."""
    return Command(
        ("headrace", "serve", "acme:service", "--one-process", "--port", "{port}"),
        cwd=Path(__file__).parent,
        environment={"DATABASE_URL": f"sqlite:///{tmp_path / 'acme.db'}"},
    )


async def test_an_app_in_production_gets_a_dedicated_index(heroku: Emulator, provider: Provider) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    await eventually(lambda: addon.state == "provisioned")

    assert f"https://dedicated.search.acme.example/{addon.id}" == addon.config["ACME_SEARCH_URL"]


async def test_an_index_moves_to_another_plan_and_goes_with_its_app(heroku: Emulator, provider: Provider) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    await eventually(lambda: addon.state == "provisioned")
    await heroku.change_plan(addon, "standard")
    await heroku.destroy_app("storefront")

    assert ("standard", "deprovisioned") == (addon.plan.name, addon.state)
    assert ["PUT", "DELETE"] == [call.method for call in heroku.traffic if call.path.endswith(f"/resources/{addon.id}")]


async def test_a_provision_survives_a_bad_minute_at_heroku(heroku: Emulator, provider: Provider) -> None:
    heroku.faults.add(Fault(kind="status", status=503, path="/addons/*/config", count=1))
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    await eventually(lambda: addon.state == "provisioned")

    assert [503, 200] == [call.status for call in heroku.traffic if call.path == f"/addons/{addon.id}/config"]


async def test_an_unfinished_provision_is_over_after_twelve_hours(
    heroku: Emulator, heroku_clock: Clock, provider: Provider
) -> None:
    heroku.faults.add(Fault(kind="status", status=503, path="/addons/*"))
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    heroku_clock.advance(timedelta(hours=12))

    assert addon.name not in heroku.state.addons
    assert "deprovisioned" == addon.state


def test_a_customer_sees_their_apps_on_the_board(heroku_server: HerokuServer, provider_server: Provider) -> None:
    addon = heroku_server.create_addon("storefront", "acme-search:basic")
    heroku_server.eventually(lambda: addon.state == "provisioned")
    url, form = heroku_server.run(lambda heroku: heroku.sso_form(addon, "ada@lumen.example"))
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    with browser.open(url, urlencode(form).encode()) as page:
        board = page.read().decode()

    assert "storefront" in board
