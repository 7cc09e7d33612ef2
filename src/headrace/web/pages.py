"""The pages that people see: values in, HTML out, every text escaped on its way."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from headrace.inspector.board import (
    Board,
    BoardPipeline,
    Card,
    Column,
    find_oldest_check,
    shorten_id,
    spell_age,
    spell_count,
    spell_moment,
    spell_totals,
)
from headrace.models import PASSING, Outcome, State

SHOWN_IN_STACK = 3
# A stage with more cards than this is a stack, whatever stage it is.
MOST_WHOLE = 6
WIDEST_ROW = 6
SPARK_WIDTH, SPARK_HEIGHT = 44, 16
# Half a line's width more than nothing, so that a peak is not cut off.
SPARK_MARGIN = 1
# A dash, where there is no number.
UNTOLD = "\u2013"
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BackLink:
    """The way back to the app that the person came from."""

    app: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparkline:
    """The geometry of a trend: `points` of its polyline, and where it ends."""

    points: str
    end_x: str
    end_y: str


def render_board(
    board: Board,
    *,
    service_name: str,
    slug: str,
    email: str,
    back: BackLink | None,
    csrf: str,
    check_interval: timedelta,
    version: str,
) -> str:
    """Return the customer's board; a move shows on it within `check_interval`, as its footer says.

    `version` is what the page's script brings back to ask whether there is a newer one.
    """
    return (
        load_pages()
        .get_template("board.html")
        .render(
            board=board,
            service_name=service_name,
            slug=slug,
            email=email,
            back=back,
            csrf=csrf,
            now=board.built_at,
            interval=spell_duration(check_interval),
            version=version,
        )
    )


def render_message(
    title: str, text: str, *, service_name: str, status: int = 200, hint: str = "", command: str = ""
) -> str:
    """Return a page with one message: `text` is what happened, `hint` and `command` what to do now."""
    return (
        load_pages()
        .get_template("message.html")
        .render(
            title=title,
            text=text,
            service_name=service_name,
            status=status,
            hint=hint,
            command=command,
            email="",
            back=None,
        )
    )


@cache
def load_pages() -> Environment:
    """Return the templates, with what they may call; they are read once."""
    pages = Environment(
        loader=PackageLoader("headrace.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {
        "age": spell_age,
        "clock": spell_time,
        "count": spell_count,
        "date": spell_date,
        "day": spell_day,
        "exact": spell_exact,
        "iso": spell_moment,
        "marked": mark_names,
        "number": spell_number,
        "region": shorten_region,
        "share": spell_share,
        "short_id": shorten_id,
        "signed": spell_signed,
    }
    pages.globals |= {
        "draw_sparkline": draw_sparkline,
        "find_oldest_check": find_oldest_check,
        "find_untold_reason": find_untold_reason,
        "is_stacked": is_stacked,
        "name_stage": name_stage,
        "spell_clock": spell_clock,
        "spell_fold": spell_fold,
        "spell_totals": spell_totals,
        "spell_unanswered": spell_unanswered,
        "split_seconds": split_seconds,
        "split_stack": split_stack,
        "WIDEST_ROW": WIDEST_ROW,
    }
    return pages


def shorten_region(region: str) -> str:
    """Return `us-east-1` of `amazon-web-services::us-east-1`."""
    return region.rpartition("::")[2]


def draw_sparkline(trend: Sequence[float]) -> Sparkline | None:
    """Return the line through a trend of two values or more, the highest at the top; a flat one runs in the middle."""
    if len(trend) < 2:
        return None
    step = SPARK_WIDTH / (len(trend) - 1)
    xs = [f"{step * index:.1f}" for index in range(len(trend))]
    ys = [f"{_find_height(value, trend):.1f}" for value in trend]
    points = " ".join(f"{x},{y}" for x, y in zip(xs, ys, strict=True))
    return Sparkline(points=points, end_x=xs[-1], end_y=ys[-1])


def _find_height(value: float, trend: Sequence[float]) -> float:
    low, high = min(trend), max(trend)
    share = (value - low) / (high - low) if high > low else 0.5
    return SPARK_HEIGHT - SPARK_MARGIN - share * (SPARK_HEIGHT - 2 * SPARK_MARGIN)


def is_stacked(column: Column) -> bool:
    """Whether a stage's cards are lines, all but a few folded: there are too many, or they come and go."""
    return column.stage in PASSING or len(column.cards) > MOST_WHOLE


def split_stack(cards: Sequence[Card]) -> tuple[list[Card], list[Card]]:
    """Return the first few of a stage and the rest; the one that the person came for is never folded away."""
    shown, rest = list(cards[:SHOWN_IN_STACK]), cards[SHOWN_IN_STACK:]
    shown += [card for card in rest if card.is_opened]
    return shown, [card for card in rest if not card.is_opened]


def spell_fold(cards: Sequence[Card], stage: str) -> str:
    """Return `6 more review apps, 1 failed`."""
    failed = sum(card.resource.state is State.FAILED for card in cards)
    return spell_count(len(cards), f"more {stage} app") + (f", {failed} failed" if failed else "")


def spell_unanswered(pipeline: BoardPipeline) -> str:
    """Return whom Heroku has not answered for: the whole pipeline, or some of its apps."""
    stale, total = sum(card.is_stale for card in pipeline.cards), len(pipeline.cards)
    return "this pipeline" if stale == total else f"{stale} of {total} apps of this pipeline"


def find_untold_reason(card: Card) -> str:
    """Return why the pipeline of an app is not known."""
    if card.resource.outcome is None:
        return "Heroku was not asked yet."
    if card.resource.outcome is Outcome.APP_HIDDEN:
        return "Heroku does not show this app to the add-on."
    return "Heroku does not let the add-on read this app's pipeline."


def name_stage(stage: str) -> str:
    """Return a stage as a heading; a word that is new to us stays as Heroku writes it, but for its first letter."""
    return stage[:1].upper() + stage[1:]


def spell_duration(duration: timedelta) -> str:
    """Return a duration in words, rounded up so that nothing is promised too soon: `5 minutes`, `2 hours`."""
    minutes = max(1, math.ceil(duration / timedelta(minutes=1)))
    if minutes < 120:
        return spell_count(minutes, "minute")
    hours = math.ceil(minutes / 60)
    return spell_count(hours, "hour") if hours < 48 else spell_count(math.ceil(hours / 24), "day")


def spell_number(number: float | None, digits: int = 0) -> str:
    """Return `1,918`, or a dash for what is not known."""
    return UNTOLD if number is None else f"{number:,.{digits}f}"


def spell_share(share: float | None) -> str:
    """Return `82.7 %` of 0.827, or a dash for a share of nothing."""
    return UNTOLD if share is None else f"{share * 100:.1f}\u202f%"


def spell_signed(change: int) -> str:
    """Return `+38`, `0`, or a fall with a minus that is as wide as a plus."""
    return f"{change:+,}".replace("-", "\u2212") if change else "0"


def split_seconds(seconds: float) -> tuple[str, str]:
    """Return `4.2` and `s`, or `38` and `min`: the number of the largest unit that there is one of, and the unit."""
    size, unit = next((each for each in UNITS if seconds >= each[0]), UNITS[-1])
    number = seconds / size
    return f"{number:.1f}" if 0 < number < 10 else f"{number:.0f}", unit


def mark_names(text: str) -> Markup:
    """Return a text with its names between backticks as code."""
    parts = text.split("`")
    return Markup().join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def spell_date(day: date) -> str:
    """Return `25 Oct`."""
    return f"{day.day} {day:%b}"


def spell_day(moment: datetime) -> str:
    """Return `4 Mar 2025`."""
    there = moment.astimezone(UTC)
    return f"{there.day} {there:%b %Y}"


def spell_clock(moment: datetime, now: datetime) -> str:
    """Return `15:21 UTC`, with the day when that is not today."""
    there = moment.astimezone(UTC)
    is_today = there.date() == now.astimezone(UTC).date()
    return f"{there:%H:%M} UTC" if is_today else f"{spell_day(moment)}, {there:%H:%M} UTC"


def spell_time(moment: datetime) -> str:
    """Return `18:30:02.125`: the time of a day that stands beside it."""
    return f"{moment.astimezone(UTC):%H:%M:%S}.{moment.microsecond // 1000:03}"


def spell_exact(moment: datetime) -> str:
    """Return `2026-11-23 18:30:02 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
