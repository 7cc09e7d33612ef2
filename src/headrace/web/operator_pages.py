"""The operators' pages: values in, HTML out."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from headrace.models import State
from headrace.store.notices import NoticeRow
from headrace.store.resources import ResourceRow
from headrace.web.pages import load_pages

# What the bar of every page leads to.
OPERATOR_PAGES = {
    "/operators/pipelines": "Pipelines",
    "/operators/resources": "Resources",
    "/operators/workflows": "Workflows",
    "/operators/deliveries": "Deliveries",
    "/operators/sync": "Sync",
    "/operators": "Notices",
}
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
        .render(email="", back=None, OPERATOR_PAGES=OPERATOR_PAGES, here=here, **values)
    )


def render_login(*, service_name: str, is_refused: bool = False) -> str:
    return render_page("operator_login.html", service_name=service_name, is_refused=is_refused)


def render_attention(
    notices: Sequence[NoticeRow],
    states: Mapping[str, State],
    *,
    service_name: str,
    csrf: str,
    now: datetime,
    older: int | None,
) -> str:
    """Return the open notices, newest first; `older` is the id before which the next page begins."""
    return render_page(
        "operator_attention.html",
        here="/operators",
        service_name=service_name,
        notices=notices,
        states=states,
        csrf=csrf,
        now=now,
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
