"""The operators' pages: values in, HTML out."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from headrace.models import State
from headrace.store.notices import NoticeRow
from headrace.store.resources import EventRow, ResourceRow
from headrace.web.pages import load_pages

# What the bar of every page leads to.
OPERATOR_PAGES = {"/operators": "Notices"}
# What each order does, as the page that asks for confirmation says it.
ORDERS = {
    "retry": "What failed is tried again, from its first step; the partner's hooks run again.",
    "abandon": (
        "The resource counts as deprovisioned and its secrets are forgotten. No hook is called: "
        "what it has at the partner's stays there until somebody removes it."
    ),
}


def render_login(*, service_name: str, is_refused: bool = False) -> str:
    return _render("operator_login.html", service_name=service_name, is_refused=is_refused)


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
    return _render(
        "operator_attention.html",
        here="/operators",
        service_name=service_name,
        notices=notices,
        states=states,
        csrf=csrf,
        now=now,
        older=older,
    )


def render_timeline(
    resource: ResourceRow,
    events: Sequence[EventRow],
    notices: Sequence[NoticeRow],
    *,
    service_name: str,
    csrf: str,
) -> str:
    """Return everything that happened to one resource, oldest first."""
    return _render(
        "operator_resource.html",
        service_name=service_name,
        resource=resource,
        events=events,
        notices=[notice for notice in notices if notice.settled_at is None],
        orders=ORDERS,
        csrf=csrf,
    )


def render_order(order: str, resource: ResourceRow, *, service_name: str, csrf: str) -> str:
    """Return the page that asks whether an order is meant."""
    return _render(
        "operator_order.html",
        service_name=service_name,
        order=order,
        what=ORDERS[order],
        resource=resource,
        csrf=csrf,
    )


def _render(template: str, *, here: str = "", **values: object) -> str:
    """Render a page; `here` is the address of the one in the bar that it is."""
    return (
        load_pages()
        .get_template(template)
        .render(email="", back=None, OPERATOR_PAGES=OPERATOR_PAGES, here=here, **values)
    )
