"""Killed again and again, at every kind of moment: nothing is lost, nothing is there twice. `./dev crash` does more."""

import asyncio

import pytest

from lab.trials.crash import run_boundaries, run_bulk
from lab.trials.moving import run_copies
from lab.trials.scenarios import SCENARIOS

pytestmark = pytest.mark.acceptance


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_processes_killed_at_random_lose_nothing(database: str) -> None:
    """Provisions, plan changes, deprovisions and repeats while processes die: in the end all three sides agree."""
    result = asyncio.run(run_bulk(database, provisions=40, seed=7))

    assert ([], []) == (result.lost, result.doubled)
    assert result.kills >= 2
    assert result.acknowledged >= 40


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_process_killed_at_some_boundaries_of_a_workflow_loses_nothing(name: str) -> None:
    """A few boundaries here; each of them in `./dev crash`."""
    result = asyncio.run(run_boundaries("sqlite", name, every=17))

    assert ([], []) == (result.lost, result.doubled)
    assert result.kills >= 1


def test_a_web_killed_before_and_after_it_recorded_a_call_loses_nothing() -> None:
    """Its workers live on: what was committed is done, and what was not Heroku asks for again."""
    result = asyncio.run(run_boundaries("postgresql", "provision at once", victim="web"))

    assert ([], []) == (result.lost, result.doubled)
    assert result.kills >= 2


def test_a_copy_of_a_database_killed_at_some_statements_has_copied_nothing_or_all() -> None:
    """What has nothing is copied to again, and has all then."""
    result = run_copies("sqlite", every=300)

    assert [] == result.lost
    assert result.kills >= 3
