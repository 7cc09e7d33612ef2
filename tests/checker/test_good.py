"""Providers that keep the contract pass."""

from .provider import Provider, SynchronousProvider
from .running import judge, list_bad


async def test_a_good_asynchronous_provider_passes_everything() -> None:
    """Nothing fails, nothing is warned of, and nothing that must hold is left unjudged."""
    report = await judge(Provider)

    assert [] == list_bad(report)
    assert report.has_passed
    assert () == report.left


async def test_a_good_synchronous_provider_passes_everything() -> None:
    """What only concerns asynchronous provisioning is not declared, which is no fault."""
    report = await judge(SynchronousProvider)

    assert [] == list_bad(report)
    assert report.has_passed
    assert {"not declared"} == {result.why for result in report.results if result.feature == "asynchronous"}
