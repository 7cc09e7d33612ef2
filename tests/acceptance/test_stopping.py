"""Ctrl-C, and the signal with which a platform stops a process, end every command in order."""

import signal

import pytest

from acceptance.processes import Processes

pytestmark = pytest.mark.acceptance

# What a stop may take; a worker that is still starting, on a busy machine, takes a good part of it.
QUICK_SECONDS = 60.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: str(number.name))
def test_the_emulator_can_be_stopped_once_it_says_that_it_runs(processes: Processes, number: signal.Signals) -> None:
    """A program that reads the ready line may stop the emulator with its next breath."""
    emulator = processes.headrace("emulate", "--port", "0", "--json")
    emulator.wait_for_line("^{.*}$")

    emulator.send_signal(number)

    assert (0, []) == (emulator.wait(within=QUICK_SECONDS), emulator.err)


def test_ctrl_c_ends_the_service_without_complaint(processes: Processes) -> None:
    """Stopping is not a failure: exit status 0, and nothing after the log's last line."""
    service = processes.start_heroku_and_acme(is_forked=False).service

    service.send_signal(signal.SIGINT)

    assert 0 == service.wait(within=QUICK_SECONDS)
    assert "Aborted!\n" not in service.err
    assert [] == [line for line in service.err if "Traceback" in line or '"level": "ERROR"' in line]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: str(number.name))
def test_the_demo_can_be_stopped_while_it_provisions(processes: Processes, number: signal.Signals) -> None:
    """Whoever has seen enough may go at once, and nothing stays behind in the folder for temporary files."""
    demo = processes.headrace("demo", environment={"TMPDIR": str(processes.folder)})
    demo.wait_for_line("^ +provision +storefront-dev")

    demo.send_signal(number)

    assert (0, []) == (demo.wait(within=QUICK_SECONDS), demo.err)
    assert [] == list(processes.folder.glob("headrace-demo-*"))
