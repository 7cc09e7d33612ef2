"""The pages that people see: values in, HTML out, every text escaped on its way."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import Response

from headrace.face import Link
from headrace.inspector.board import (
    Board,
    BoardPipeline,
    Card,
    find_oldest_check,
    shorten_id,
)
from headrace.inspector.board_filter import Filter, list_choices, narrow
from headrace.inspector.board_folds import is_stacked, list_open, name_fold, split_stack
from headrace.inspector.board_parts import BoardParts, Known
from headrace.inspector.board_text import spell_states, spell_totals
from headrace.models import Outcome, State
from headrace.web.ground.addresses import Page
from headrace.wording import (
    spell_age,
    spell_clock,
    spell_count,
    spell_date,
    spell_day,
    spell_duration,
    spell_exact,
    spell_moment,
    spell_number,
    spell_share,
    spell_signed,
    spell_time,
    split_seconds,
)

HEROKU_DASHBOARD = "https://dashboard.heroku.com"
# As many stages have a column beside each other; Heroku has five.
WIDEST_ROW = 8
# So few cards are found by looking.
FEWEST_TO_FILTER = 2
SPARK_WIDTH, SPARK_HEIGHT = 44, 16
# Half a line's width more than nothing, so that a peak is not cut off.
SPARK_MARGIN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BackLink:
    """The way back to the app that the person came from."""

    app: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """The partner's own face: addresses of their logo and colours, where their name leads to, and links."""

    logo: str = ""
    sheet: str = ""
    home: str = ""
    links: Sequence[Link] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparkline:
    """The geometry of a trend: `points` of its polyline, and where it ends."""

    points: str
    end_x: str
    end_y: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a page shows: the fields of each kind of it are the variables of its `template`, and no more."""

    template: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardContext(Context):
    """The customer's board; a move shows on it within `check_interval`, as its footer says.

    Of the `board`, the cards that are `wanted` are shown, and of those that are `known` where they stand: a browser has
    them, and its `period` lasts. Where it is `shared_by` somebody there is nothing to do on it, and no link of the
    partner's. `version` is what the page's script brings back to ask whether there is a newer one; `news` is what a
    check found just now. With `has_panels` there is more to ask for of what is unfolded.
    """

    template: ClassVar[str] = "board.html"

    board: Board
    service_name: str
    slug: str
    email: str
    back: BackLink | None
    csrf: str
    check_interval: timedelta
    version: str
    wanted: Filter = field(default_factory=Filter)
    known: Known = field(default_factory=Known)
    period: int = 0
    has_panels: bool = False
    face: Face = field(default_factory=Face)
    news: str = ""
    may_share: bool = False
    shared_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageContext(Context):
    """One message: `text` is what happened, `hint` and `command` what to do now."""

    template: ClassVar[str] = "message.html"

    title: str
    text: str
    service_name: str
    status: int = 200
    hint: str = ""
    command: str = ""


def show_message(context: MessageContext, *, headers: Mapping[str, str] | None = None) -> Response:
    return Page(render(context), status_code=context.status, headers=headers)


def render(context: Context) -> str:
    return load_pages().get_template(context.template).render(**list_fields(context))


def list_fields(context: Context) -> dict[str, Any]:
    """Return the fields by name, each as it is: a template calls what its values can do."""
    return {each.name: getattr(context, each.name) for each in fields(context)}


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
        "duration": spell_duration,
        "exact": spell_exact,
        "iso": spell_moment,
        "marked": mark_names,
        "number": spell_number,
        "region": shorten_region,
        "share": spell_share,
        "short_id": shorten_id,
        "signed": spell_signed,
    }
    pages.globals |= _CALLED
    return pages


@cache
def find_static(name: str) -> str:
    """Return the address of a static file, another one as soon as what it holds is another."""
    digest = hashlib.sha256(files("headrace").joinpath("static", name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"


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


def spell_fold(cards: Sequence[Card], stage: str) -> str:
    """Return `6 more review apps, 1 failed`."""
    failed = count_failed(cards)
    return spell_count(len(cards), f"more {stage} app") + (f", {failed} failed" if failed else "")


def spell_unanswered(pipeline: BoardPipeline) -> str:
    """Return whom Heroku has not answered for: the whole pipeline, or some of its apps."""
    stale, total = sum(card.is_stale for card in pipeline.cards), len(pipeline.cards)
    return "this pipeline" if stale == total else f"{stale} of {total} apps of this pipeline"


def list_plans(cards: Sequence[Card]) -> str:
    """Return `basic, free`: the plans of some cards, each once."""
    return ", ".join(sorted({card.resource.plan for card in cards}))


def count_failed(cards: Sequence[Card]) -> int:
    return sum(card.resource.state is State.FAILED for card in cards)


def find_on_heroku(kind: str, name: str) -> str:
    """Return the address of Heroku's own page of an app or a pipeline."""
    return f"{HEROKU_DASHBOARD}/{kind}/{quote(name, safe='')}"


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


def mark_names(text: str) -> Markup:
    """Return a text with its names between backticks as code."""
    parts = text.split("`")
    return Markup().join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


# What a template calls beside its context's own values.
_CALLED = {
    "count_failed": count_failed,
    "comparison_day": lambda day: f"{spell_date(day)} {day.year}",
    "draw_sparkline": draw_sparkline,
    "find_on_heroku": find_on_heroku,
    "find_oldest_check": find_oldest_check,
    "find_static": find_static,
    "find_untold_reason": find_untold_reason,
    "is_stacked": is_stacked,
    "list_choices": list_choices,
    "list_open": list_open,
    "list_plans": list_plans,
    "name_fold": name_fold,
    "name_stage": name_stage,
    "narrow": narrow,
    "part": BoardParts,
    "spell_clock": spell_clock,
    "spell_fold": spell_fold,
    "spell_states": spell_states,
    "spell_totals": spell_totals,
    "spell_unanswered": spell_unanswered,
    "split_seconds": split_seconds,
    "split_stack": split_stack,
    "FEWEST_TO_FILTER": FEWEST_TO_FILTER,
    "WIDEST_ROW": WIDEST_ROW,
}
