"""The official CLI, command by command: pipelines, couplings, transfers, promotions."""

from dataclasses import replace

import pytest

from acceptance.heroku_cli import Terminal, start_program
from headrace.emulator import Emulator

pytestmark = pytest.mark.acceptance


async def test_a_pipeline_is_made_filled_and_shown(ada: Terminal, heroku: Emulator) -> None:
    """An app is named by name, a pipeline by its exact name, which the CLI looks up."""
    heroku.create_app("kiosk", owner="ada@lumen.example")
    heroku.create_app("kiosk-next", owner="ada@lumen.example")
    created = await ada.enter("pipelines:create", "kiosk-line", "--app", "kiosk", "--stage", "production")
    added = await ada.enter("pipelines:add", "kiosk-line", "--app", "kiosk-next", "--stage", "development")
    moved = await ada.enter("pipelines:update", "--app", "kiosk-next", "--stage", "staging")
    info = await ada.enter("pipelines:info", "kiosk-line")
    app_info = await ada.enter("apps:info", "--app", "kiosk-next")
    listed = await ada.enter("pipelines")

    assert "Creating kiosk-line pipeline... done Adding kiosk to kiosk-line pipeline as production... done" in created
    assert "Adding kiosk-next to kiosk-line pipeline as development... done" in added
    assert "Changing kiosk-next to staging... done" in moved
    assert "=== kiosk-line owner: ada@lumen.example" in info
    assert "kiosk-next staging" in info
    assert "kiosk production" in info
    assert "Pipeline: kiosk-line - staging" in app_info
    assert {"kiosk-line", "storefront", "ledger-api", "help-centre", "atlas"} == set(listed.split()[-5:])


async def test_a_pipeline_is_renamed_emptied_and_destroyed(ada: Terminal, heroku: Emulator) -> None:
    """Its apps outlive it."""
    pipeline = heroku.state.pipelines["help-centre"]
    renamed = await ada.enter("pipelines:rename", "help-centre", "help-desk")
    by_id = await ada.enter("pipelines:info", pipeline.id)
    removed = await ada.enter("pipelines:remove", "--app", "help-centre-staging")
    destroyed = await ada.enter("pipelines:destroy", "help-desk")

    assert "Renaming help-centre pipeline to help-desk... done" in renamed
    assert "=== help-desk" in by_id
    assert "Removing help-centre-staging... done" in removed
    assert "Destroying help-desk pipeline... done" in destroyed
    assert pipeline.id not in heroku.state.pipelines
    assert [None, None] == [heroku.state.apps[name].coupling for name in ("help-centre", "help-centre-staging")]


async def test_a_pipeline_takes_the_generation_of_its_first_app(ada: Terminal, heroku: Emulator) -> None:
    """The CLI reads it from the app and sends it along."""
    heroku.state.add_app("fir-app", owner=heroku.state.users_by_email["ada@lumen.example"], generation="fir")
    await ada.enter("pipelines:create", "fir-line", "--app", "fir-app", "--stage", "staging")

    assert "fir" == heroku.state.pipelines["fir-line"].generation


async def test_a_pipeline_goes_from_a_team_to_a_user(ada: Terminal, heroku: Emulator) -> None:
    """Made for the team, given to Ada and back; to nobody it cannot be given."""
    team_made = await ada.enter(
        "pipelines:create", "notes-line", "--app", "ada-notes", "--stage", "production", "--team", "lumen"
    )
    of_team = await ada.read("pipelines:info", "notes-line", "--json")
    given = await ada.enter(
        "pipelines:transfer", "ada@lumen.example", "--pipeline", "notes-line", "--confirm", "notes-line"
    )
    of_ada = await ada.enter("pipelines:info", "notes-line")
    given_back = await ada.enter("pipelines:transfer", "lumen", "--pipeline", "notes-line", "--confirm", "notes-line")
    refused = await ada.enter_in_vain(
        "pipelines:transfer", "nobody@orbit.example", "--pipeline", "notes-line", "--confirm", "notes-line"
    )

    assert "Creating notes-line pipeline... done" in team_made
    assert {"id": heroku.state.teams["lumen"].id, "type": "team"} == of_team["pipeline"]["owner"]
    assert [("ada-notes", "production")] == [(app["name"], app["pipelineCoupling"]["stage"]) for app in of_team["apps"]]
    assert "Transferring notes-line pipeline to the ada@lumen.example account... done" in given
    assert "owner: ada@lumen.example" in of_ada
    assert "Transferring notes-line pipeline to the lumen team... done" in given_back
    assert "Cannot find a team or account" in refused
    assert heroku.state.teams["lumen"] is heroku.state.pipelines["notes-line"].owner


async def test_a_promotion_goes_to_the_next_stage_or_where_it_is_told(ada: Terminal, heroku: Emulator) -> None:
    """It is a release on each target."""
    next_stage = await ada.enter("pipelines:promote", "--app", "storefront-staging")
    named = await ada.enter("pipelines:promote", "--app", "storefront-dev", "--to", "storefront-staging,storefront")
    releases = await ada.enter("releases", "--app", "storefront")

    assert "Starting promotion to production..." in next_stage
    assert "Promotion successful storefront: succeeded" in next_stage
    assert "Starting promotion to apps: storefront-staging,storefront..." in named
    assert "storefront-staging: succeeded" in named
    assert "v3 Promote storefront-dev v1 ada@lumen.example" in releases
    assert "v2 Promote storefront-staging v1 ada@lumen.example" in releases
    assert 2 == len(heroku.state.promotions)


async def test_what_is_wrong_with_a_pipeline_is_told(ada: Terminal) -> None:
    """One that is not there, an app that has one, an app that has none, a promotion with nowhere to go."""
    missing = await ada.enter_in_vain("pipelines:info", "nowhere")
    add_missing = await ada.enter_in_vain("pipelines:add", "store", "--app", "ada-notes", "--stage", "staging")
    coupled = await ada.enter_in_vain("pipelines:add", "help-centre", "--app", "storefront", "--stage", "staging")
    uncoupled = await ada.enter_in_vain("pipelines:update", "--app", "ada-notes", "--stage", "staging")
    nameless = await ada.enter_in_vain("pipelines:rename", "storefront", "X")
    stuck = await ada.enter_in_vain("pipelines:promote", "--app", "storefront")

    assert "Error: Pipeline not found" in missing
    assert "Error: Pipeline not found" in add_missing
    assert "App storefront is already in pipeline storefront." in coupled
    assert "Error ID: not_found" in uncoupled
    assert "Name has to be 3 to 30 lowercase letters" in nameless
    assert "Cannot promote storefront from 'production'" in stuck


async def test_pipelines_of_one_name_are_not_guessed_between(ada: Terminal, heroku: Emulator) -> None:
    """Names are not unique: the CLI asks which, and by id there is no question."""
    owner = heroku.state.users_by_email["ada@lumen.example"]
    own = heroku.state.add_pipeline("storefront", owner=owner)
    # It ends itself by a signal where nobody answers.
    asked = await replace(ada, run_program=start_program).enter_in_vain("pipelines:info", "storefront")
    found = await ada.enter("pipelines:info", own.id)

    assert "Which storefront pipeline?" in asked
    assert f"=== storefront owner: {owner.id}" in found
