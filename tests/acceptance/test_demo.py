"""`headrace demo` as whoever tries headrace first runs it."""

import json
import os
import pty
import signal

import httpx2
import pytest

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
    assert [["id", "name", "columns", "stages"]] * 5 == [list(pipeline) for pipeline in board["pipelines"]]
    assert [MEMBERS] * 22 == [list(card)[:4] for card in cards]
    assert {"provisioned"} == {card["state"] for card in cards}
    assert PIPELINES == list(stages)
    assert ["development", "review", "test", "staging", "production"] == list(stages["storefront"])
    assert [("ledger-api", "premium")] == [(card["app"], card["plan"]) for card in stages["ledger-api"]["production"]]
    assert UNCOUPLED == [card["app"] for card in board["uncoupled"]]


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
