"""What people read: counts, durations and moments."""

from datetime import timedelta

import pytest

from headrace.wording import (
    spell_age,
    spell_duration,
    spell_name,
    spell_number,
    spell_seconds,
    spell_share,
    spell_signed,
    split_seconds,
)


def test_numbers_are_spelled_for_people() -> None:
    """With a comma for thousands, a sign of their own width, a unit, and a dash for what is not known."""
    assert ("1,918", "2.5", "\u2013") == (spell_number(1918), spell_number(2.5, 1), spell_number(None))
    assert ("82.7\u202f%", "\u2013") == (spell_share(0.827), spell_share(None))
    assert ("+1,038", "0", "\u22123") == (spell_signed(1038), spell_signed(0), spell_signed(-3))
    found = [split_seconds(seconds) for seconds in (0, 0.44, 4.2, 38, 150, 7200, 90_000_000)]
    assert [("0", "s"), ("0.4", "s"), ("4.2", "s"), ("38", "s"), ("2.5", "min"), ("2.0", "h"), ("1042", "d")] == found


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0 s"), (40, "40 s"), (60, "1 min"), (7199, "1 h"), (86_400, "1 d")]
)
def test_an_age_is_told_in_its_largest_unit(seconds: int, text: str) -> None:
    """A clock ahead of ours gives no negative age."""
    assert text == spell_age(timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (20, "1 minute"),
        (300, "5 minutes"),
        (301, "6 minutes"),
        (7200, "2 hours"),
        (7201, "3 hours"),
        (172_800, "2 days"),
    ],
)
def test_an_interval_is_rounded_up(seconds: int, text: str) -> None:
    """Nothing is promised too soon."""
    assert text == spell_duration(timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0142, "14 ms"), (4.2, "4.2 s"), (5, "5 s"), (300, "5 min"), (10_800, "3 h")]
)
def test_a_short_time_is_told_in_its_unit(seconds: float, text: str) -> None:
    """As people say it."""
    assert text == spell_seconds(seconds)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("shop", "shop"),
        ("Große Straße", "Große Straße"),
        ("a\x1b[31mb\r\n\tc", "a?[31mb???c"),
        ("a\u202eb\u2066", "a?b?"),
    ],
)
def test_a_name_neither_moves_the_cursor_nor_turns_the_line(text: str, spelled: str) -> None:
    """Customers choose names; control characters and direction marks are shown as question marks."""
    assert spelled == spell_name(text)
