"""Customers come and go while Heroku has bad moments: nothing is lost, and nothing grows. `./dev soak` takes longer."""

import asyncio
from dataclasses import replace

import pytest

from lab.trials.soak import Sample, find_growth, run_soak

STEADY = [
    Sample(seconds=number, memory_mib=100 + number % 3, handles=30 + number % 5, threads=12, waiting=number % 7)
    for number in range(30)
]


@pytest.mark.acceptance
def test_a_few_seconds_of_mixed_load_with_faults_lose_nothing() -> None:
    """Provisions, repeats, plan changes, logins, boards and deprovisions beside faults of every kind."""
    result = asyncio.run(run_soak("sqlite", seconds=8, per_second=4, seed=3))

    # So short a soak warms up only: whether it grows is for a longer one to tell.
    assert [] == [problem for problem in result.problems if "grows" not in problem]
    assert result.answered["provision 202"] >= 8
    assert result.answered["login 303"] >= 4
    assert result.samples


def test_what_goes_up_and_down_does_not_grow() -> None:
    """Noise is not a leak."""
    assert [] == find_growth(STEADY)


@pytest.mark.parametrize(("name", "per_sample"), [("memory_mib", 1.5), ("handles", 1), ("threads", 1), ("waiting", 2)])
def test_a_leak_is_found_and_named(name: str, per_sample: float) -> None:
    """Whatever is added with every sample shows in the last third."""
    leaking = [
        replace(sample, **{name: getattr(sample, name) + number * per_sample}) for number, sample in enumerate(STEADY)
    ]

    assert [name] == [problem.split()[0] for problem in find_growth(leaking)]


def test_a_soak_without_samples_proves_nothing() -> None:
    """Who measures nothing has found nothing flat."""
    assert ["the soak was too short to tell"] == find_growth([])
