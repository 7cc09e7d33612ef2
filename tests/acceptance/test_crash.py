"""Killed again and again, at every kind of moment: nothing is lost, nothing is there twice. `./dev crash` does more."""

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from trials.crash import SCENARIOS, run_boundaries, run_bulk

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_processes_killed_at_random_lose_nothing(database: str) -> None:
    """Provisions, plan changes, deprovisions and repeats while processes die: in the end all three sides agree."""
    result = asyncio.run(run_bulk(database, provisions=20, seed=7))

    assert ([], []) == (result.lost, result.doubled)
    assert result.kills >= 2
    assert result.acknowledged >= 20


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_process_killed_at_some_boundaries_of_a_workflow_loses_nothing(name: str) -> None:
    """A few boundaries here; each of them in `./dev crash`."""
    result = asyncio.run(run_boundaries("sqlite", name, every=17))

    assert ([], []) == (result.lost, result.doubled)
    assert result.kills >= 1
