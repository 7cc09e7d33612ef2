"""The checker can fail: each wrong provider is caught, and by the right checks only."""

import pytest

from headrace.checker import Selection
from headrace.checker.catalogue import CHECKS

from .running import IMPATIENT, QUICK, judge, list_bad
from .wrong import WRONG, Wrong


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.kind.__name__)
async def test_a_wrong_provider_is_caught_by_the_right_checks(wrong: Wrong) -> None:
    """What one provider does wrong is said by the checks of that fact; every other passes, or could not be judged."""
    only = frozenset({wrong.only} if wrong.only else ())
    report = await judge(wrong.kind, selection=Selection(only=only), limits=IMPATIENT if only else QUICK)

    assert wrong.check_ids == {result.id for result in list_bad(report)}


def test_every_check_can_fail() -> None:
    """Each has a provider that does not pass it."""
    assert {check.id for check in CHECKS} == {check_id for wrong in WRONG for check_id in wrong.check_ids}
