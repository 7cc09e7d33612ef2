"""What is remembered of requests."""

from headrace.web.ground.bounded import Bounded


def test_what_was_kept_first_goes_first() -> None:
    """Never more is kept than was said; what is kept once more counts as new."""
    kept = Bounded[str, int](2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        kept.keep(key, value)

    assert {"a": 3, "c": 4} == kept
