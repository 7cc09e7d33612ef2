"""The checker can fail: each wrong provider is caught, and by the right facts only."""

import pytest

from checker.running import judge, list_bad
from checker.wrong import Wrong, list_wrong
from headrace.checker import Selection
from headrace.checker.catalogue import FACTS

WRONG = list_wrong()


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.kind.__name__)
async def test_a_wrong_provider_is_caught_by_the_right_facts(wrong: Wrong) -> None:
    """What one provider does wrong is said by the facts it concerns; every other holds, or could not be judged."""
    only = frozenset({wrong.only} if wrong.only else ())
    report = await judge(wrong.kind, selection=Selection(only=only))

    assert wrong.fact_ids == {result.id for result in list_bad(report)}, (
        "Facts that catch this provider stand in its `@caught_by`; a new one may catch it too."
    )


def test_every_fact_can_fail() -> None:
    """Each has a provider that does not pass it."""
    assert {fact.id for fact in FACTS} == {fact_id for wrong in WRONG for fact_id in wrong.fact_ids}, (
        "A fact wants a provider that is wrong about it, `@caught_by` it, in tests/checker/features."
    )
