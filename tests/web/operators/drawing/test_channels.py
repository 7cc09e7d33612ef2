"""The lines that pipelines and placements are drawn as."""

from datetime import UTC, datetime, timedelta

import pytest

from headrace.models import Stage
from headrace.store.state.placements import PlacementRow
from headrace.web.operators.drawing.channels import STRIP_WIDTH, draw_channel, draw_strip, sort_stages

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


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
