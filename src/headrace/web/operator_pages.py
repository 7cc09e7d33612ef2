"""The operators' pages: values in, HTML out."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version

from headrace.inspector.definitions import DEFINITIONS, RULES
from headrace.inspector.overview import Overview, has_reached_production
from headrace.models import Stage, State
from headrace.store.notices import MEANINGS, NoticeRow
from headrace.store.resources import ResourceRow
from headrace.web.charts import name_place
from headrace.web.overview_charts import cross, describe_stage_mix, draw_churn, draw_per_pipeline, draw_stage_mix
from headrace.web.pages import load_pages

# What the bar of every page leads to.
OPERATOR_PAGES = {
    "/operators": "Overview",
    "/operators/pipelines": "Pipelines",
    "/operators/resources": "Resources",
    "/operators/workflows": "Workflows",
    "/operators/deliveries": "Deliveries",
    "/operators/sync": "Sync",
    "/operators/notices": "Notices",
}
# How many days the overview may be asked for by a click.
WINDOWS = (7, 30, 90)
# How many of the moves and of the largest pipelines are shown.
MOST_ROWS = 8
# What each order does, as the page that asks for confirmation says it.
ORDERS = {
    "retry": "What failed is tried again, from its first step; the partner's hooks run again.",
    "abandon": (
        "The resource counts as deprovisioned and its secrets are forgotten. No hook is called: "
        "what it has at the partner's stays there until somebody removes it."
    ),
}


def render_page(template: str, *, here: str = "", **values: object) -> str:
    """Render a page; `here` is the address of the one in the bar that it is."""
    return (
        load_pages()
        .get_template(template)
        .render(
            email="",
            back=None,
            here=here,
            version=version("headrace"),
            name_place=name_place,
            DEFINITIONS=DEFINITIONS,
            OPERATOR_PAGES=OPERATOR_PAGES,
            **values,
        )
    )


def render_login(*, service_name: str, is_refused: bool = False) -> str:
    return render_page("operator_login.html", service_name=service_name, is_refused=is_refused)


def render_overview(
    overview: Overview,
    *,
    service_name: str,
    slug: str,
    csrf: str,
    days: int,
    small_plans: Collection[str],
    now: datetime,
) -> str:
    """Return what operators see first, of so many days."""
    figures = overview.figures
    return render_page(
        "operator_overview.html",
        here="/operators",
        service_name=service_name,
        csrf=csrf,
        overview=overview,
        figures=figures,
        production=figures.days[-1].by_stage.get(Stage.PRODUCTION, 0) if figures.days else 0,
        reached=sum(move.count for move in figures.moves if has_reached_production(move)),
        stage_mix=draw_stage_mix(figures) if figures.days else None,
        stage_mix_in_words=describe_stage_mix(figures) if figures.days else "",
        churn=draw_churn(figures),
        per_pipeline=draw_per_pipeline(figures) if figures.days else None,
        by_plan=cross(figures.by_stage_and_plan, marked=small_plans),
        by_region=cross(figures.by_stage_and_region),
        small_plans=sorted(small_plans),
        slug=slug,
        days=days,
        now=now,
        WINDOWS=WINDOWS,
        MOST_ROWS=MOST_ROWS,
    )


def render_definitions(*, service_name: str, csrf: str) -> str:
    """Return what each figure is, and what each notice means."""
    return render_page(
        "operator_definitions.html", service_name=service_name, csrf=csrf, rules=RULES, meanings=MEANINGS
    )


def render_notices(
    notices: Sequence[NoticeRow],
    states: Mapping[str, State],
    *,
    service_name: str,
    csrf: str,
    now: datetime,
    open_count: int,
    is_first: bool,
    older: int | None,
) -> str:
    """Return the open notices, newest first; `older` is the id before which the next page begins."""
    return render_page(
        "operator_notices.html",
        here="/operators/notices",
        service_name=service_name,
        notices=notices,
        states=states,
        csrf=csrf,
        now=now,
        open_count=open_count,
        is_first=is_first,
        older=older,
    )


def render_order(order: str, resource: ResourceRow, *, service_name: str, csrf: str) -> str:
    """Return the page that asks whether an order is meant."""
    return render_page(
        "operator_order.html",
        service_name=service_name,
        order=order,
        what=ORDERS[order],
        resource=resource,
        csrf=csrf,
    )
