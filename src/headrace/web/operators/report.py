"""The report that is sent round on Monday: a page, the same for programs, and one file that opens anywhere."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from headrace.clock import Clock
from headrace.fleet.definitions import Definition
from headrace.fleet.report import MOST_WEEKS, WRONG_WEEKS, Report, load_report
from headrace.fleet.report_definitions import REPORT_DEFINITIONS
from headrace.fleet.report_text import list_remarks, spell_period
from headrace.protocol.wire import read_number
from headrace.store.sql.database import Database
from headrace.web.ground.addresses import Page
from headrace.web.ground.openapi import DescribedRoute
from headrace.web.ground.pages import Context, list_fields
from headrace.web.ground.sessions import OperatorSession
from headrace.web.operators.frame.guard import HOME, Guard
from headrace.web.operators.frame.pages import OperatorContext, load_operator_pages
from headrace.web.operators.frame.views import Problem, View

DEFAULT_WEEKS = 1
# For how many weeks a report may be asked for by a click.
WINDOWS = (1, 4, 12)
# A report reads all resources for its cohorts. What is over changes no more, so that one is good for a while.
KEPT_FOR = timedelta(minutes=10)

WEEKS = {"weeks": {"type": "integer", "minimum": 1, "maximum": MOST_WEEKS, "default": DEFAULT_WEEKS}}
REPORT = View(
    path=f"{HOME}/report",
    id="show_report",
    summary="Show the report of the weeks that are over.",
    json_summary="Return the same for programs; /operators/definitions.json has what each figure is.",
    tells="The report; it is at most ten minutes old.",
    shape=Report,
    query=WEEKS,
    problem="There is no report of that many weeks.",
)
FILE = replace(REPORT.page, id="take_report", summary="Return the report as one file that opens without a network.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContext(OperatorContext):
    """The report on its page."""

    template: ClassVar[str] = "operator_report.html"
    here: ClassVar[str] = REPORT.path

    report: Report
    period: str
    remarks: Sequence[str]
    definitions: Collection[Definition]
    small_plans: Sequence[str]
    windows: Sequence[int] = WINDOWS


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFileContext(Context):
    """The report as a file: its style is in it, and nothing in it is fetched from anywhere."""

    template: ClassVar[str] = "operator_report_file.html"

    report: Report
    period: str
    remarks: Sequence[str]
    definitions: Collection[Definition]
    small_plans: Sequence[str]
    service_name: str
    style: Markup
    made_at: datetime


def render_report_file(report: Report, *, service_name: str, small_plans: Collection[str], now: datetime) -> str:
    """Return the report as one HTML file, made at `now`."""
    context = ReportFileContext(
        **_show(report, small_plans), service_name=service_name, style=_read_style(), made_at=now
    )
    return load_operator_pages().get_template(context.template).render(**list_fields(context))


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorReport:
    """The routes of the report. One is worked out at a time, and kept for a while."""

    guard: Guard
    database: Database
    service_name: str
    small_plans: Collection[str]
    clock: Clock
    kept: dict[tuple[int, date], tuple[datetime, Report]] = field(default_factory=dict)
    working: asyncio.Lock = field(default_factory=asyncio.Lock)

    def routes(self) -> list[DescribedRoute]:
        file = DescribedRoute(f"{HOME}/report.html", self.guard.page(self.take), "GET", FILE)
        return [file, *self.guard.view(REPORT, self.load, self.show)]

    async def load(self, request: Request) -> Report | Problem:
        asked = request.query_params.get("weeks", str(DEFAULT_WEEKS))
        weeks = read_number(asked, most_digits=2) or 0
        if not 1 <= weeks <= MOST_WEEKS:
            return Problem(title="There is no such report", text=WRONG_WEEKS, status=400)
        async with self.working:
            now = self.clock()
            key = weeks, now.date()
            made_at, report = self.kept.get(key, (None, None))
            if report is None or made_at is None or now - made_at >= KEPT_FOR:
                report = await self.database.read(load_report, weeks=weeks, small_plans=self.small_plans, now=now)
                self._keep(key, now, report)
            return report

    def _keep(self, key: tuple[int, date], now: datetime, report: Report) -> None:
        """There are as many windows as weeks in a year, and of each only the latest report is kept."""
        for old in [each for each in self.kept if each[1] != key[1]]:
            del self.kept[old]
        self.kept[key] = now, report

    async def show(self, _request: Request, report: Report) -> OperatorContext:
        return ReportContext(**_show(report, self.small_plans))

    async def take(self, request: Request, _session: OperatorSession) -> Response:
        report = await self.load(request)
        if isinstance(report, Problem):
            return self.guard.show_message(report.title, report.text, status=report.status)
        text = render_report_file(
            report, service_name=self.service_name, small_plans=self.small_plans, now=self.clock()
        )
        name = f"report-{report.since}-to-{report.until}.html"
        return Page(text, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _show(report: Report, small_plans: Collection[str]) -> dict[str, Any]:
    """What the page and the file have in common."""
    return {
        "report": report,
        "period": spell_period(report),
        "remarks": list_remarks(report),
        "definitions": REPORT_DEFINITIONS.values(),
        "small_plans": sorted(small_plans),
    }


@cache
def _read_style() -> Markup:
    """Return the stylesheet of all pages, which is ours: nothing in it is anybody's text."""
    return Markup(files("headrace").joinpath("static", "style.css").read_text(encoding="utf-8"))  # noqa: S704
