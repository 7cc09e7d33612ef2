"""The official CLI, command by command: account, teams, apps, config vars, releases, access."""

import re
from dataclasses import replace

import pytest

from acceptance.heroku_cli import Terminal
from headrace.emulator import Emulator
from headrace.emulator.heroku.sso import may_log_in

pytestmark = pytest.mark.acceptance

OF_TEAM_LUMEN = ["ledger-api", "ledger-api-dev", "storefront", "storefront-staging"]


async def test_a_user_sees_themselves_and_their_teams(ada: Terminal) -> None:
    """`auth:whoami` and `teams`; a token that Heroku does not know is named as the reason."""
    account = await ada.enter("auth:whoami")
    teams = await ada.enter("teams")
    stranger = await replace(ada, token="nobodys-token").enter_in_vain("apps")

    assert "ada@lumen.example" in account
    assert "lumen admin" in teams
    assert "orbit" not in teams
    assert "The token provided to HEROKU_API_KEY is invalid" in stranger


async def test_apps_are_listed_by_owner_and_by_team(ada: Terminal) -> None:
    """Without a team's apps, with all that Ada sees, and those of one team."""
    own = await ada.enter("apps")
    everything = await ada.enter("apps", "--all")
    of_team = await ada.enter("apps", "--team", "lumen")
    no_team = await ada.enter_in_vain("apps", "--team", "orbit")

    assert "=== ada@lumen.example Apps ada-notes help-centre help-centre-staging Collaborated Apps" in own
    assert "atlas (eu) linus@orbit.example" in own
    assert "storefront" not in own
    assert "storefront lumen@herokumanager.com" in everything
    assert "billing" not in everything
    assert "=== Apps in team lumen" in of_team
    assert [] == [name for name in OF_TEAM_LUMEN if name not in of_team.split()]
    assert "ada-notes" not in of_team
    assert "Error ID: forbidden" in no_team


async def test_an_app_is_made_renamed_and_destroyed(ada: Terminal, heroku: Emulator) -> None:
    """Each command changes what the emulator holds; an app's id outlives its name."""
    created = await ada.enter("create", "kiosk")
    app = heroku.state.apps["kiosk"]
    nameless = await ada.enter("apps:create")
    renamed = await ada.enter("apps:rename", "kiosk-two", "--app", "kiosk")
    info = await ada.enter("apps:info", "--app", app.id)
    destroyed = await ada.enter("apps:destroy", "--app", "kiosk-two", "--confirm", "kiosk-two")

    assert "Creating kiosk... done" in created
    assert re.search(r"Creating app... done, [a-z]+-[a-z]+-\d+", nameless)
    assert "Renaming kiosk to kiosk-two... done" in renamed
    assert "https://kiosk-two.herokuapp.com/" in renamed
    for line in ("=== kiosk-two", "Owner: ada@lumen.example", "Region: us", "Stack: heroku-24"):
        assert line in info
    assert "Destroying kiosk-two (including all add-ons)... done" in destroyed
    assert app.id not in heroku.state.apps


async def test_an_app_is_made_for_a_team(ada: Terminal, heroku: Emulator) -> None:
    created = await ada.enter("apps:create", "lumen-kiosk", "--team", "lumen", "--region", "eu")
    info = await ada.enter("apps:info", "--app", "lumen-kiosk")

    assert "Creating lumen-kiosk... done" in created
    assert "Owner: lumen@herokumanager.com Region: eu" in info
    assert heroku.state.teams["lumen"] is heroku.state.apps["lumen-kiosk"].owner


async def test_what_is_wrong_with_an_app_is_told(ada: Terminal) -> None:
    """A name that is taken, one that is no name, an app that is not there, one that is not Ada's."""
    taken = await ada.enter_in_vain("create", "storefront")
    nameless = await ada.enter_in_vain("create", "No_App!")
    missing = await ada.enter_in_vain("apps:info", "--app", "nowhere")
    forbidden = await ada.enter_in_vain("apps:info", "--app", "billing")
    unconfirmed = await ada.enter_in_vain("apps:destroy", "--app", "ada-notes", "--confirm", "storefront")

    assert "Error: Name is already taken" in taken
    assert "Name must start with a letter" in nameless
    assert "Error: Couldn't find that app. Error ID: not_found" in missing
    assert "Error ID: forbidden" in forbidden
    assert "Confirmation storefront did not match ada-notes. Aborted." in unconfirmed


async def test_config_vars_are_set_read_and_removed_each_in_a_release(ada: Terminal) -> None:
    """The CLI shows the version of the release that a change made; a release keeps the config vars of its time."""
    written = await ada.enter("config:set", "GREETING=hello", "LIMIT=10", "--app", "ada-notes")
    read = await ada.enter("config:get", "GREETING", "--app", "ada-notes")
    removed = await ada.enter("config:unset", "LIMIT", "--app", "ada-notes")
    left = await ada.enter("config", "--app", "ada-notes")
    releases = await ada.enter("releases", "--app", "ada-notes")
    before = await ada.enter("releases:info", "v2", "--app", "ada-notes")
    latest = await ada.enter("releases:info", "--app", "ada-notes")
    missing = await ada.enter_in_vain("releases:info", "v9", "--app", "ada-notes")

    assert "Setting GREETING, LIMIT and restarting ada-notes... done, v2" in written
    assert "hello" in read.split()
    assert "Unsetting LIMIT and restarting ada-notes... done, v3" in removed
    assert left.endswith("=== ada-notes Config Vars GREETING: hello")
    assert "=== ada-notes Releases - Current: v3" in releases
    assert "v3 Remove LIMIT config vars ada@lumen.example" in releases
    assert "v2 Set GREETING, LIMIT config vars ada@lumen.example" in releases
    assert "GREETING: hello LIMIT: 10" in before
    assert "=== Release v3" in latest
    assert "LIMIT:" not in latest
    assert "Error ID: not_found" in missing


async def test_permissions_on_an_enterprise_teams_app_open_its_addons(ada: Terminal, heroku: Emulator) -> None:
    """There the CLI wants permissions with `access:add`, and shows them."""
    heroku.state.teams["lumen"].is_enterprise = True
    add = ("access:add", "grace@lumen.example", "--app", "storefront")
    without = await ada.enter_in_vain(*add)
    added = await ada.enter(*add, "--permissions", "operate")
    shown = await ada.enter("access", "--app", "storefront")
    members = await ada.enter("members", "--team", "lumen")
    grace = heroku.state.find_user("grace@lumen.example")
    assert grace is not None

    assert "Missing argument: permissions" in without
    assert "with operate, view permissions... done" in added
    assert "grace@lumen.example collaborator operate, view" in shown
    assert "grace@lumen.example member" in members
    assert may_log_in(heroku.find_app("storefront"), grace)


async def test_access_to_an_app_is_given_and_taken(ada: Terminal) -> None:
    """The owner stands in the list; a team's app shows the team's members."""
    added = await ada.enter("access:add", "grace@lumen.example", "--app", "ada-notes")
    shared = await ada.enter("access", "--app", "ada-notes")
    removed = await ada.enter("access:remove", "grace@lumen.example", "--app", "ada-notes")
    alone = await ada.enter("access", "--app", "ada-notes")
    of_team = await ada.enter("access", "--app", "storefront")
    invited = await ada.enter("access:add", "nobody@lumen.example", "--app", "ada-notes")

    assert "Adding grace@lumen.example access to the app ada-notes... done" in added
    assert "ada@lumen.example owner deploy, manage, operate, view" in shared
    assert "grace@lumen.example collaborator" in shared
    assert "Removing grace@lumen.example access from the app ada-notes... done" in removed
    assert "grace@lumen.example" not in alone
    assert "ada@lumen.example admin" in of_team
    assert "Adding nobody@lumen.example access to the app ada-notes... done" in invited
