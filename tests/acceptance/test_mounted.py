"""examples/mounted: the add-on below a prefix of the partner's own site, in each framework, under uvicorn."""

import re
import sys
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from acceptance.processes import EXAMPLES
from headrace.emulator import load_world, run
from headrace.testing import Command, eventually, run_provider
from pair import ADA, write_world

pytestmark = pytest.mark.acceptance

FRAMEWORKS = ("starlette", "fastapi", "django", "flask")
START_WITHIN = timedelta(seconds=180)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SOMEWHERE = "http://127.0.0.1:5050"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_page_shows_what_is_run(framework: str) -> None:
    """docs/mounting.md has the lines of each example word for word."""
    example = (EXAMPLES / "mounted" / f"{framework}_app.py").read_text(encoding="utf-8")
    blocks = BLOCK.findall((EXAMPLES.parent / "docs" / "mounting.md").read_text(encoding="utf-8"))

    assert 1 == len([block for block in blocks if block in example])


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_site_of_the_partners_serves_its_add_on_below_a_prefix(framework: str, tmp_path: Path) -> None:
    """Heroku provisions there, its login leads to the board there, and the site's own page knows the resource."""
    world = write_world(SOMEWHERE, base_path="/addon/heroku/resources", sso_path="/addon/sso/login")
    command = Command(
        (sys.executable, "-m", "uvicorn", f"mounted.{framework}_app:app", "--port", "{port}"),
        cwd=EXAMPLES,
        environment={"DATABASE_URL": f"sqlite:///{tmp_path / 'acme.db'}"},
    )
    async with (
        run(load_world(world)) as heroku,
        run_provider(heroku, command, within=START_WITHIN) as provider,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
    ):
        addon = await heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: addon.state == "provisioned")
        login, form = heroku.sso_form(addon, ADA)
        async with browser.post(login, data=form) as board:
            landed, shown = board.url.path, await board.text()
        async with browser.get(f"{provider.url}/addon/static/style.css") as style, browser.get(provider.url) as home:
            statuses, told = (style.status, home.status), await home.text()

        assert f"https://dedicated.search.acme.example/{addon.id}" == addon.config["ACME_SEARCH_URL"]
        assert f"{provider.url}/addon/sso/login" == login
        assert "/addon/board" == landed
        assert 'href="/addon/static/style.css?v=' in shown
        assert ((200, 200), "1 apps search with Acme.") == (statuses, told)
        assert ["/addon/"] == [cookie["path"] for cookie in browser.cookie_jar if "headrace" in cookie.key]
