"""The address of a list, what its timeline joins, and the lines that it draws: values in, values out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headrace.models import Stage
from headrace.store.deliveries import DeliveryRow
from headrace.store.histories import LifecycleRow
from headrace.store.placements import PlacementRow
from headrace.web.channels import STRIP_WIDTH, draw_channel, draw_strip, sort_stages
from headrace.web.lists import Address, is_number, only_chips, read_position, spell_position, turn_chip
from headrace.web.timelines import Source, fold_lines, join_lines, spell_seconds, spell_title
from headrace.workflows.ledger import Attempt

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FILTERED = Address("/list", (("q", "a&b"), ("has", "staging"), ("after", "b/1")))


def test_an_address_writes_what_was_asked_for() -> None:
    """Every character that means something in an address is escaped."""
    assert "/list?q=a%26b&has=staging&after=b%2F1" == str(FILTERED)
    assert "/list" == str(Address("/list"))
    assert "/list.json?q=a%26b&has=staging&after=b%2F1" == str(FILTERED.twin)


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


def test_only_what_fits_into_a_database_is_a_number() -> None:
    """Digits of other scripts are none."""
    assert [True, False, False, False, False] == [is_number(text) for text in ("7", "", "-1", "٣", "9" * 10)]


def test_stages_flow_downstream_and_new_words_come_last() -> None:
    """In the order in which code goes."""
    assert ["development", "review", "test", "staging", "production", "canary"] == sort_stages(
        ["canary", "production", "staging", "test", "review", "development"]
    )


@pytest.mark.parametrize(
    ("stages", "marks"),
    [
        ({}, ["void", "void", "void", "void", "void"]),
        ({"staging": 3}, ["void", "void", "void", "on solo", "void"]),
        ({"review": 1, "production": 2}, ["void", "on first passing", "off", "off", "on last"]),
        ({"development": 1, "test": 1, "staging": 1}, ["on first", "off", "on passing", "on last", "void"]),
    ],
)
def test_a_channel_runs_from_the_first_stage_that_holds_something_to_the_last(
    stages: dict[str, int], marks: list[str]
) -> None:
    """Broken where nothing stands, and nowhere beyond."""
    assert marks == [cell.marks for cell in draw_channel(stages, list(Stage))]


def stay(hours: int, stage: str | None, *, until: int | None = None) -> PlacementRow:
    return PlacementRow(
        id=hours,
        app_id="a",
        app_name=None,
        pipeline_id=None,
        pipeline_name=None,
        stage=stage,
        valid_from=NOON + timedelta(hours=hours),
        valid_to=None if until is None else NOON + timedelta(hours=until),
    )


def test_a_strip_is_as_wide_as_its_time() -> None:
    """The last place goes on to now; all together are the whole width."""
    stays = draw_strip([stay(0, "staging", until=1), stay(1, None)], now=NOON + timedelta(hours=4))

    assert [(0.0, 250.0, "staging"), (250.0, 750.0, "none")] == [(each.x, each.width, each.stage) for each in stays]


def test_a_short_stay_can_be_seen() -> None:
    """Beside a year, an hour would have no width."""
    stays = draw_strip([stay(0, "review", until=1), stay(1, "staging")], now=NOON + timedelta(days=365))

    assert stays[0].width > 5
    assert pytest.approx(STRIP_WIDTH, abs=0.2) == sum(each.width for each in stays)
    assert [] == draw_strip([], now=NOON)


def event(number: int, name: str, *, at: int = 0, **detail: Any) -> LifecycleRow:
    return LifecycleRow(id=number, at=NOON + at * SECOND, name=name, detail=detail)


def attempt(number: int, step: str, *, at: int, reason: str | None = None, wait: float | None = None) -> Attempt:
    ended_at = NOON + at * SECOND
    return Attempt(
        workflow_id="provision:u:1",
        number=number,
        step=step,
        began_at=ended_at - SECOND,
        ended_at=ended_at,
        wait=wait,
        reason=reason,
    )


DELIVERY = DeliveryRow(
    resource_uuid="u",
    resource_name="acme-1",
    event_id="e1",
    entity="api:app",
    action="update",
    created_at=NOON,
    received_at=NOON + 3 * SECOND,
)
EVENTS = [event(9, "provision.requested"), event(10, "grant.exchanged"), event(11, "provision.done", at=4)]
STEPS = {
    "provision:u:1": [
        attempt(1, "run_hook", at=1, reason="OSError", wait=0.5),
        attempt(3, "run_hook", at=2, reason="OSError", wait=1.0),
        attempt(5, "run_hook", at=3),
    ]
}


@pytest.mark.parametrize("is_newest_first", [True, False])
def test_a_timeline_joins_everything_in_order(*, is_newest_first: bool) -> None:
    """Events, deliveries and steps by their moments; numbers as numbers; and from anywhere on, the rest."""
    lines = join_lines(EVENTS, [DELIVERY], STEPS, since=None, is_newest_first=is_newest_first)
    said = [(line.source, line.id.rpartition(":")[2]) for line in lines]
    rests = [join_lines(EVENTS, [DELIVERY], STEPS, since=line.key, is_newest_first=is_newest_first) for line in lines]

    expected = [
        (Source.EVENT, "9"),
        (Source.EVENT, "10"),
        (Source.STEP, "000001"),
        (Source.STEP, "000003"),
        (Source.DELIVERY, "e1"),
        (Source.STEP, "000005"),
        (Source.EVENT, "11"),
    ]
    assert (expected[::-1] if is_newest_first else expected) == said
    assert [lines[number + 1 :] for number in range(len(lines))] == rests


def test_lines_that_say_the_same_are_one() -> None:
    """With their count and when the last was; what says something else stays apart."""
    lines = join_lines(EVENTS, [DELIVERY], STEPS, since=None, is_newest_first=False)
    folds = fold_lines(lines)

    assert [1, 1, 2, 1, 1, 1] == [fold.count for fold in folds]
    assert (NOON + SECOND, NOON + 2 * SECOND) == (folds[2].line.at, folds[2].last_at)
    assert [False, False, True, False, False, False] == [fold.line.is_failure for fold in folds]
    assert [
        "Provision requested",
        "Grant exchanged",
        "Step run_hook of a provision",
        "Delivery of api:app update",
        "Step run_hook of a provision",
        "Provision done",
    ] == [spell_title(fold.line) for fold in folds]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0142, "14 ms"), (4.2, "4.2 s"), (5, "5 s"), (300, "5 min"), (10_800, "3 h")]
)
def test_a_short_time_is_told_in_its_unit(seconds: float, text: str) -> None:
    """As people say it."""
    assert text == spell_seconds(seconds)
