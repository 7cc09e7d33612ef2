"""The checker can fail: each wrong provider is caught, and by the right checks only."""

import pytest

from .provider import Provider
from .running import judge, list_bad
from .wrong import WRONG


@pytest.mark.parametrize("kind", WRONG, ids=lambda kind: kind.__name__)
async def test_a_wrong_provider_is_caught_by_the_right_checks(kind: type[Provider]) -> None:
    """What one provider does wrong is said by the checks of that fact; every other passes, or could not be judged."""
    report = await judge(kind)

    assert WRONG[kind] == {result.id for result in list_bad(report)}
