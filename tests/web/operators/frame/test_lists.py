"""The address of a list: values in, values out."""

from datetime import UTC, datetime, timedelta

import pytest

from headrace.web.operators.frame.lists import Address, find_next, only_chips, read_position, spell_position, turn_chip

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
FILTERED = Address("/list", (("q", "a&b"), ("has", "staging"), ("after", "b/1")))


def test_an_address_writes_what_was_asked_for() -> None:
    """Every character that means something in an address is escaped."""
    assert "/list?q=a%26b&has=staging&after=b%2F1" == str(FILTERED)
    assert "/list" == str(Address("/list"))
    assert "/list.json?q=a%26b&has=staging&after=b%2F1" == str(FILTERED.as_json)


def test_a_filter_that_is_turned_begins_at_the_first_page() -> None:
    """On and off again is where it was; another value of it stands beside it, or in its place."""
    assert (("q", "a&b"),) == FILTERED.turn("has", "staging").query
    assert (("q", "a&b"), ("has", "staging"), ("has", "review")) == FILTERED.turn("has", "review").query
    assert (("q", "a&b"), ("has", "review")) == FILTERED.only("has", "review").query
    assert FILTERED.first == FILTERED.turn("has", "x").turn("has", "x")
    assert (("q", "a&b"), ("has", "staging"), ("after", "c/2")) == FILTERED.at("after", "c/2").query
    assert [False, True] == [FILTERED.is_first, FILTERED.first.is_first]


def test_chips_say_which_filters_are_on() -> None:
    """Each leads to the list with it turned."""
    (one, other) = only_chips(FILTERED, "has", [("staging", "staging"), ("review", "review")])
    beside = turn_chip(FILTERED, "has review", "has", "review", stage="review")

    assert [(True, "/list?q=a%26b"), (False, "/list?q=a%26b&has=review")] == [
        (chip.is_on, chip.href) for chip in (one, other)
    ]
    assert (False, "/list?q=a%26b&has=staging&has=review", "review") == (beside.is_on, beside.href, beside.stage)


def test_a_position_is_read_as_it_was_written() -> None:
    """Exact to the microsecond; what follows may have slashes of its own in its last part."""
    at = NOON + timedelta(microseconds=7)

    assert (at, ["r", "e/1"]) == read_position(spell_position(at, "r", "e/1"), parts=3)


@pytest.mark.parametrize(
    "text",
    ["", "/", "x/1", "2026-11-02/1", "2026-11-02T12:00:00.000000Z", "2026-11-02T12:00:00+00:00/1", "9999-99-99T00Z/1"],
)
def test_what_is_no_position_is_the_first_page(text: str) -> None:
    """Whoever writes one by hand gets a list."""
    assert read_position(text) is None


def test_only_a_full_page_has_a_next_one() -> None:
    """One row more is asked for than a page has: where it came, the page behind the last shown begins."""
    following = find_next(FILTERED, "after", ["a", "b", "c"], str.upper, most=2)

    assert "/list?q=a%26b&has=staging&after=B" == following
    assert find_next(FILTERED, "after", ["a", "b"], str.upper, most=2) is None
