"""What every page of the operators' stands in, and how it is rendered: values in, HTML out."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import ClassVar

from jinja2 import Environment

from headrace.fleet.definitions import DEFINITIONS
from headrace.fleet.report_definitions import REPORT_DEFINITIONS
from headrace.fleet.report_text import TOLD_WEEKS, list_told, spell_change, spell_proportion, spell_value
from headrace.protocol.kept_requests import MASK
from headrace.store.state.notices import MEANINGS
from headrace.web.ground.pages import Context, list_fields, load_pages
from headrace.web.operators.drawing.charts import find_heat, name_place
from headrace.web.operators.drawing.hours import count_failed_answers
from headrace.web.operators.frame.groups import list_group_orders, spell_kind, write_group
from headrace.web.operators.frame.lists import spell_total
from headrace.web.operators.story.lines import spell_title
from headrace.web.operators.story.requests import lay_out
from headrace.web.operators.story.runs import drop_seconds, spell_step
from headrace.wording import spell_seconds

# What the bar of every page leads to.
OPERATOR_PAGES = {
    "/operators": "Overview",
    "/operators/report": "Report",
    "/operators/incidents": "Incidents",
    "/operators/pipelines": "Pipelines",
    "/operators/resources": "Resources",
    "/operators/requests": "Requests",
    "/operators/workflows": "Workflows",
    "/operators/deliveries": "Deliveries",
    "/operators/sync": "Sync",
}


# What the report's templates call.
_OF_REPORTS = {
    "REPORT_DEFINITIONS": REPORT_DEFINITIONS,
    "TOLD_WEEKS": TOLD_WEEKS,
    "find_heat": find_heat,
    "list_told": list_told,
    "spell_change": spell_change,
    "spell_proportion": spell_proportion,
    "spell_value": spell_value,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorContext(Context):
    """What a page of the operators' shows; `here` is the address of the one in the bar that it is, or belongs to."""

    here: ClassVar[str] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every page has besides: who looks, what forms bring back, and the moment of its ages.

    `heroku_silent_since` is since when Heroku has answered nobody, `open_notices` how many there are, up to a bound.
    """

    service_name: str
    csrf: str
    by: str
    now: datetime
    heroku_silent_since: datetime | None = None
    open_notices: int = 0


def render_page(context: OperatorContext, frame: Frame) -> str:
    template = load_operator_pages().get_template(context.template)
    return template.render(
        here=context.here,
        service_name=frame.service_name,
        csrf=frame.csrf,
        by=frame.by,
        now=frame.now,
        heroku_silent_since=frame.heroku_silent_since,
        open_notices=frame.open_notices,
        **list_fields(context),
    )


@cache
def load_operator_pages() -> Environment:
    """Return the templates, with what those of the operators may call besides; they are read once."""
    pages = load_pages().overlay()
    pages.filters = {**pages.filters, "seconds": spell_seconds}
    pages.globals = {
        **pages.globals,
        "OPERATOR_PAGES": OPERATOR_PAGES,
        "DEFINITIONS": DEFINITIONS,
        "headrace_version": version("headrace"),
        "count_failed_answers": count_failed_answers,
        "name_place": name_place,
        "spell_seconds": spell_seconds,
        "spell_kind": spell_kind,
        "spell_step": spell_step,
        "spell_title": spell_title,
        "spell_total": spell_total,
        "drop_seconds": drop_seconds,
        "lay_out": lay_out,
        "MASK": MASK,
        "list_group_orders": list_group_orders,
        "write_group": write_group,
        "MEANINGS": MEANINGS,
        **_OF_REPORTS,
    }
    return pages
