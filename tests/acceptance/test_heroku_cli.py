"""A customer's own tool, the official Heroku CLI, against the emulator and the example add-on as processes."""

import asyncio
import re

import httpx2
import pytest

from acceptance.heroku_cli import HerokuCli, Terminal
from acceptance.processes import Processes, Town, log_in, wait_until
from emulator.wire import ADA as ADA_TOKEN
from headrace.emulator import Emulator

pytestmark = pytest.mark.acceptance

ADA = "ada@lumen.example"
MEMBERS = ("app", "plan", "state")


def find_addon(town: Town, app: str) -> str:
    """Return the uuid of the one add-on of an app."""
    (addon,) = town.call("GET", f"/apps/{app}/addons", user=ADA)
    return str(addon["id"])


@pytest.mark.long
def test_an_addon_of_the_cli_stands_on_the_board(processes: Processes, heroku_cli: HerokuCli) -> None:
    """Apps and a pipeline made with the CLI: each hook knows the stage of its app, and so does the board."""
    town = processes.start_heroku_and_acme()
    heroku = heroku_cli.log_in(town.heroku_url, town.tokens[ADA]).run
    for app in ("kiosk", "kiosk-pr-1"):
        heroku("apps:create", app)
    heroku("pipelines:create", "kiosk-line", "--app", "kiosk", "--stage", "production")
    heroku("pipelines:add", "kiosk-line", "--app", "kiosk-pr-1", "--stage", "review")
    app_info = heroku("apps:info", "--app", "kiosk")
    created = heroku("addons:create", "acme-search:basic", "--app", "kiosk", "--wait")
    heroku("addons:create", "acme-search:basic", "--app", "kiosk-pr-1")
    uuid, review_uuid = find_addon(town, "kiosk"), find_addon(town, "kiosk-pr-1")
    wait_until(lambda: town.is_provisioned(review_uuid, user=ADA))
    config, review_config = heroku("config", "--app", "kiosk"), heroku("config", "--app", "kiosk-pr-1")
    addon_info = heroku("addons:info", "acme-search", "--app", "kiosk")

    inspection = town.inspect(uuid)
    with httpx2.Client() as browser:
        page = log_in(town.build_login_url("kiosk", uuid, user=ADA), browser)
        board = browser.get(f"{town.acme_url}/board.json").json()

    assert re.search(r"Pipeline: +kiosk-line - production", app_info)
    assert re.search(r"Created \S+ as ACME_SEARCH_URL", created)
    assert re.search(r"Plan: +acme-search:basic\n", addon_info)
    assert f"ACME_SEARCH_URL: https://dedicated.search.acme.example/{uuid}" in config
    assert f"ACME_SEARCH_URL: https://shared.search.acme.example/{review_uuid}" in review_config
    assert ("kiosk", "placed", "kiosk-line", "production") == tuple(
        inspection[name] for name in ("app", "outcome", "pipeline", "stage")
    )
    assert (["kiosk-line"], []) == ([pipeline["name"] for pipeline in board["pipelines"]], board["uncoupled"])
    assert {
        "review": [("kiosk-pr-1", "basic", "provisioned")],
        "production": [("kiosk", "basic", "provisioned")],
    } == {
        stage: [tuple(card[name] for name in MEMBERS) for card in cards]
        for stage, cards in board["pipelines"][0]["stages"].items()
    }
    assert (200, "/board") == (page.status_code, page.url.path)
    assert re.search(r"<h2[^>]*><bdi>kiosk-line</bdi><small[^>]*>2<", page.text)
    one = '<b class="counted">1</b>'
    assert re.search(
        rf"Review {one}.*kiosk-pr-1.*Production {one}.*<article[^>]* data-origin>.*kiosk", page.text, re.DOTALL
    )


def test_the_cli_changes_the_plan_and_removes_the_addon(processes: Processes, heroku_cli: HerokuCli) -> None:
    """The customer reads what the add-on answers; a plan that the hook refuses stays as it was."""
    town = processes.start_heroku_and_acme()
    uuid = town.add_acme("ada-notes", user=ADA)["ada-notes"]
    terminal = heroku_cli.log_in(town.heroku_url, town.tokens[ADA])

    upgraded = terminal.run("addons:upgrade", "acme-search", "acme-search:standard", "--app", "ada-notes")
    refused = terminal.try_run("addons:upgrade", "acme-search", "acme-search:free", "--app", "ada-notes")
    addon_info = terminal.run("addons:info", "acme-search", "--app", "ada-notes")
    with httpx2.Client() as browser:
        page = log_in(town.build_login_url("ada-notes", uuid, user=ADA), browser)
        destroyed = terminal.run("addons:destroy", "acme-search", "--app", "ada-notes", "--confirm", "ada-notes")
        config = terminal.run("config", "--app", "ada-notes")
        gone = browser.get(f"{town.acme_url}/board")

    assert "The plan is standard now." in upgraded
    assert 0 != refused.returncode
    assert "Your data does not fit this plan." in refused.stderr
    assert re.search(r"Plan: +acme-search:standard\n", addon_info)
    assert "Not in a pipeline" in page.text
    assert f'id="resource-{uuid}"' in page.text
    assert re.search(r"Destroying \S+ on ada-notes... done", destroyed)
    assert "ACME_SEARCH_URL" not in config
    assert f'id="resource-{uuid}"' not in gone.text


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["apps:info", "--app", "ada-notes", "--json"], 0),
        (["apps:info", "--app", "nobodys"], 2),
    ],
    ids=["it goes well", "it is refused"],
)
async def test_a_command_says_and_ends_the_same_in_a_process_that_stays(
    arguments: list[str], status: int, ada: Terminal, heroku_cli: HerokuCli, heroku: Emulator
) -> None:
    """What most tests of the CLI run is what a customer runs: output, errors and exit status."""
    started = heroku_cli.log_in(heroku.url, ADA_TOKEN)
    first, second, alone = [await asyncio.to_thread(terminal.try_run, *arguments) for terminal in (ada, ada, started)]

    assert (status, status, status) == (first.returncode, second.returncode, alone.returncode)
    assert (alone.stdout, alone.stdout) == (first.stdout, second.stdout)
