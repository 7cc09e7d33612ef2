"""The geometry of charts: counts in, points and labels out."""

from datetime import date, timedelta

import pytest

from headrace.web.operators.drawing.charts import (
    Band,
    Label,
    Mark,
    Series,
    draw_bands,
    draw_lines,
    find_grid,
    find_heat,
    name_place,
    order_upwards,
    pick_dates,
    spread,
)
from headrace.wording import spell_date

FIRST = date(2026, 10, 25)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("highest", "finest", "grid"),
    [
        (0, 1, [0, 1]),
        (1, 1, [0, 1]),
        (6, 1, [0, 2, 4, 6]),
        (2318, 1, [0, 500, 1000, 1500, 2000, 2500]),
        (1_000_000, 1, [0, 200_000, 400_000, 600_000, 800_000, 1_000_000]),
        (0.263, 0.01, [0, 0.1, 0.2, 0.3]),
        (0.6, 0.01, [0, 0.2, 0.4, 0.6]),
        (0.004, 0.01, [0, 0.01]),
    ],
)
def test_an_axis_begins_at_nothing_and_has_six_lines_at_the_most(
    highest: float, finest: float, grid: list[float]
) -> None:
    """Steps are 1, 2 or 5 of a power of ten, and the last line is not below the highest value."""
    assert pytest.approx(grid) == find_grid(highest, finest=finest)


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (1, ["2 Nov"]),
        (5, ["2 Nov", "3 Nov", "4 Nov", "5 Nov", "6 Nov"]),
        (30, ["2 Nov", "9 Nov", "16 Nov", "23 Nov", "30 Nov"]),
        (90, ["1 Dec", "1 Jan"]),
        (700, ["1 Dec", "1 May", "1 Oct", "1 Mar", "1 Aug"]),
    ],
)
def test_mondays_are_told_or_firsts_of_months(count: int, told: list[str]) -> None:
    """Not more than five; of a few days, each."""
    days = [date(2026, 11, 2) + number * DAY for number in range(count)]

    assert told == [spell_date(days[at]) for at in pick_dates(days)]


def test_labels_do_not_run_into_each_other() -> None:
    """Given from the bottom up; those that are too near move up, and at the top edge they push the others down."""
    assert [100, 86, 50] == spread([100, 95, 50], apart=14, top=10, bottom=120)
    assert [38, 24, 10] == spread([12, 11, 10], apart=14, top=10, bottom=120)
    assert [120] == spread([130], apart=14, top=10, bottom=120)


def test_bands_lie_upon_each_other() -> None:
    """On a plot from 10 to 76 pixels and an axis up to 10: 4 in production, then 2 and 4 at review on top."""
    days = {FIRST: {"production": 4, "review": 2}, FIRST + DAY: {"production": 4, "review": 6}}
    chart = draw_bands(days, width=300, height=100)

    assert ("20.0", "178.0", "76.0") == (chart.frame.left, chart.frame.right, chart.frame.bottom)
    assert (
        Band(stage="production", is_passing=False, points="20.0,49.6 178.0,49.6 178.0,76.0 20.0,76.0"),
        Band(stage="review", is_passing=True, points="20.0,36.4 178.0,10.0 178.0,49.6 20.0,49.6"),
    ) == chart.bands
    assert (Label(y="66.8", name="production", value="4"), Label(y="33.8", name="review", value="6")) == chart.labels
    assert (Mark(at="76.0", text="0"), Mark(at="10.0", text="10")) == (chart.frame.rows[0], chart.frame.rows[-1])
    assert (Mark(at="20.0", text="25 Oct"), Mark(at="178.0", text="26 Oct")) == chart.frame.columns


def test_one_day_alone_is_as_wide_as_the_plot() -> None:
    """A band of one point would not be seen."""
    chart = draw_bands({FIRST: {"none": 1}}, width=300, height=100)

    (band,) = chart.bands
    left, right = chart.frame.left, chart.frame.right
    assert f"{left},10.0 {right},10.0 {right},76.0 {left},76.0" == band.points


def test_a_line_has_no_point_where_there_is_no_value() -> None:
    """Half of an axis of 40 % in the middle; the second week began with nothing, and the last is the end."""
    dates = [FIRST + 7 * number * DAY for number in range(3)]
    series = [Series(name="all", about="of all", values=[0.4, None, 0.2])]
    chart = draw_lines(dates, series, unit="%", finest=0.01, width=300, height=124)

    (line,) = chart.lines
    assert ("34.0,10.0 248.4,55.0", "248.4", "55.0") == (line.points, line.end_x, line.end_y)
    assert ["0\u202f%", "10\u202f%", "20\u202f%", "30\u202f%", "40\u202f%"] == [mark.text for mark in chart.frame.rows]


def test_lines_that_end_together_have_labels_apart() -> None:
    """Two rows of text each: thirty pixels, in the order of the lines."""
    values = [[1.0, 1.0], [1.0, 1.0]]
    series = [Series(name=name, about="", values=each) for name, each in zip("ab", values, strict=True)]
    lower, upper = draw_lines([FIRST, FIRST + DAY], series, unit="", finest=1, width=300, height=124).labels

    assert ("a", "b", 30.0) == (lower.name, upper.name, float(lower.y) - float(upper.y))


def test_stages_lie_in_their_order_production_at_the_bottom() -> None:
    """What lasts below what passes; a word that Heroku added lasts; those without a place are on top."""
    words = ["unknown", "none", "review", "canary", "production", "test", "development", "staging"]
    expected = ["production", "staging", "development", "canary", "test", "review", "none", "unknown"]

    assert expected == order_upwards(words)
    assert ("no pipeline", "not known", "staging", "a-stage-that-…") == tuple(
        name_place(word) for word in ("none", "unknown", "staging", "a-stage-that-is-long")
    )


@pytest.mark.parametrize(
    ("value", "highest", "heat"), [(0, 0, 0), (0, 9, 0), (1, 1_000_000, 5), (25, 100, 25), (36, 100, 30), (9, 9, 50)]
)
def test_heat_is_by_the_square_root(value: int, highest: int, heat: int) -> None:
    """A quarter of the highest is half as warm, the highest half mixed in, and a single one still to be seen."""
    assert heat == find_heat(value, highest)
