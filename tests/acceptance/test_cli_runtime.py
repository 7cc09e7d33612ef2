"""The official CLI, command by command: dynos, domains, log drains, maintenance, regions and stacks."""

import re

import pytest

from acceptance.heroku_cli import Terminal
from headrace.emulator import Emulator

pytestmark = pytest.mark.acceptance


async def test_dynos_are_listed_scaled_restarted_and_stopped(ada: Terminal) -> None:
    """A formation is what the world declares; an app without code has none."""
    none = await ada.enter("ps", "--app", "ada-notes")
    listed = await ada.enter("ps", "--app", "storefront")
    scaled = await ada.enter("ps:scale", "web=1", "--app", "storefront")
    grown = await ada.enter("ps:scale", "web+2", "--app", "storefront")
    sizes = await ada.enter("ps:scale", "--app", "storefront")
    restarted = await ada.enter("ps:restart", "--app", "storefront")
    stopped = await ada.enter("ps:stop", "--dyno-name", "web.1", "--app", "storefront")
    missing = await ada.enter_in_vain("ps:stop", "--dyno-name", "web.9", "--app", "storefront")

    assert "No dynos on ada-notes" in none
    assert re.search(r"=== web \(Basic\): \S+ \(2\) web\.1: up .* web\.2: up .* === worker \(Basic\)", listed)
    assert "Scaling dynos... done, now running web at 1:Basic" in scaled
    assert "Scaling dynos... done, now running web at 3:Basic" in grown
    assert "web=3:Basic" in sizes
    assert "Restarting all dynos on storefront... done" in restarted
    assert "Stopping dyno web.1 on storefront... done" in stopped
    assert "Error ID: not_found" in missing


async def test_log_drains_are_added_listed_and_removed(ada: Terminal) -> None:
    added = await ada.enter("drains:add", "https://drain.example/logs", "--app", "ada-notes")
    listed = await ada.enter("drains", "--app", "ada-notes")
    removed = await ada.enter("drains:remove", "https://drain.example/logs", "--app", "ada-notes")
    missing = await ada.enter_in_vain("drains:remove", "https://drain.example/logs", "--app", "ada-notes")

    assert "Successfully added drain https://drain.example/logs" in added
    assert re.search(r"=== Drains https://drain\.example/logs \(d\.[0-9a-f-]{36}\)", listed)
    assert "Successfully removed drain https://drain.example/logs" in removed
    assert "Error ID: not_found" in missing


async def test_what_an_app_runs_on_is_shown(ada: Terminal, heroku: Emulator) -> None:
    domains = await ada.enter("domains", "--app", "ada-notes")
    turned_on = await ada.enter("maintenance:on", "--app", "ada-notes")
    stacks = await ada.enter("apps:stacks", "--app", "ada-notes")
    regions = await ada.enter("regions")

    assert "=== ada-notes Heroku Domain ada-notes.herokuapp.com" in domains
    assert "Enabling maintenance mode for ada-notes... done" in turned_on
    assert heroku.state.apps["ada-notes"].maintenance
    assert "* heroku-24" in stacks
    assert "eu Dublin, Ireland Common Runtime" in regions
