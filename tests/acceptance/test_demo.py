"""`headrace demo` as whoever tries headrace first runs it."""

import json
import os
import pty
import signal
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from acceptance.judging import Watch, find_faults, find_invalid
from acceptance.processes import Processes, log_in

pytestmark = pytest.mark.acceptance

MEMBERS = ["resource", "app", "plan", "state"]
PIPELINES = ["atlas", "billing", "help-centre", "ledger-api", "storefront"]
UNCOUPLED = ["ada-notes", "grace-lab", "orbit-status"]
QUICK_SECONDS = 60.0


def test_once_prints_the_board_and_stops(processes: Processes) -> None:
    """The board by pipeline and stage on standard output, what was done on standard error."""
    demo = processes.headrace("demo", "--once")

    status = demo.wait()

    text = "".join(demo.out)
    assert 0 == status
    assert "22 resources in 5 pipelines: all provisioned" == demo.out[0].strip()
    assert PIPELINES == [line.split()[0] for line in demo.out if "checked" in line and not line.startswith("Not in")]
    assert "  staging      ledger-api-staging (standard)\n" in text
    assert "Not in a pipeline" in text
    assert 22 == sum("202 in" in line for line in demo.err)


def test_once_as_json_prints_what_programs_read(processes: Processes) -> None:
    """One JSON object: pipelines with their stages in order of flow, and what stands in no pipeline."""
    demo = processes.headrace("demo", "--once", "--json")

    status = demo.wait()

    board = json.loads("".join(demo.out))
    stages = {pipeline["name"]: pipeline["stages"] for pipeline in board["pipelines"]}
    cards = [card for found in stages.values() for column in found.values() for card in column] + board["uncoupled"]
    assert (0, []) == (status, demo.err)
    assert ["built_at", "heroku_silent_since", "complete", "pipelines", "uncoupled", "unknown"] == list(board)
    assert [["id", "name", "columns", "stages", "digest"]] * 5 == [list(pipeline) for pipeline in board["pipelines"]]
    assert [MEMBERS] * 22 == [list(card)[:4] for card in cards]
    assert {"provisioned"} == {card["state"] for card in cards}
    assert PIPELINES == list(stages)
    assert ["development", "review", "test", "staging", "production"] == list(stages["storefront"])
    assert [("ledger-api", "premium")] == [(card["app"], card["plan"]) for card in stages["ledger-api"]["production"]]
    assert UNCOUPLED == [card["app"] for card in board["uncoupled"]]


def test_the_tours_page_has_everything_and_a_button_for_each_step(
    processes: Processes, browser: Browser, tmp_path: Path
) -> None:
    """Nothing is wrong with it that a program can find; a press says what came of it, and its links lead there."""
    demo = processes.headrace("demo")
    address = demo.wait_for_line(r"^  (http://127\.0\.0\.1:\d+)$")[1]
    page = browser.new_page()
    watch = Watch(page)
    page.goto(address)
    found = find_faults(page)
    page.get_by_role("button", name="Play step 2").click()
    told = page.get_by_label("What step 2 has come to").inner_text()
    fragment = page.url.partition("#")[2]
    page.goto(str(page.get_by_role("link", name="Board, for step 2").get_attribute("href")), wait_until="commit")
    page.wait_for_url("**/board#*")
    # What a lane's cards say of themselves is asked for as it is unfolded.
    page.locator(".lane", has_text="storefront").first.locator("summary").first.click()

    assert ([], [], []) == (found, watch.complaints, find_invalid(tmp_path, httpx2.get(address).text))
    assert ("step-2", True) == (fragment, told.startswith("Promoted storefront-staging: storefront is at release v"))
    expect(page.locator(".card", has_text="Rebuilt for release")).to_contain_text("storefront")


def test_the_tour_is_played_by_keys_until_it_is_interrupted(processes: Processes) -> None:
    """It tells where everything is, a key in the terminal has an app move on the board, and Ctrl-C ends it quietly."""
    keys, terminal = pty.openpty()
    demo = processes.headrace("demo", stdin=terminal)
    address = demo.wait_for_line(r"http://\S+/sso/apps/\S+")[0]
    demo.wait_for_line(r"^Ctrl-C stops")
    with httpx2.Client() as browser:
        first = log_in(address, browser)
        os.write(keys, b"x1")
        demo.wait_for_line(r"^ +1 +Moved ledger-api-staging to production")
        later = browser.get(str(first.url))

    demo.send_signal(signal.SIGINT)
    status = demo.wait(within=QUICK_SECONDS)
    os.close(keys)
    os.close(terminal)

    assert (200, "/board") == (first.status_code, first.url.path)
    assert 'Staging <b class="counted">1</b>' in first.text
    assert "moved from staging" not in first.text
    assert "moved from staging" in later.text
    assert (0, []) == (status, demo.err)
    assert "Stopping." == demo.out[-1].strip()
