"""A report for people: a line for each fact, grouped by feature, and below it what was wrong."""

from collections.abc import Iterator
from textwrap import indent

import click

from headrace.checker.kit.fact import Why
from headrace.checker.report import Report, Result, Verdict

COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.WARN: "yellow", Verdict.SKIPPED: "bright_black"}
ID_WIDTH = 38


def render_announcement(url: str, *, base_url: str, client_secret: str) -> str:
    """Return what has to be set at the provider before it can be judged; a secret of the user's own is not shown."""
    return "\n".join(
        [
            f"Judging the provider at {base_url}.",
            "",
            "While this runs, it stands for Heroku. The provider has to be set to use",
            f"  {url}  instead of https://api.heroku.com",
            f"  {url}  instead of https://id.heroku.com",
            f"  {client_secret}  as its OAuth client secret",
            "Is there no way to set that? Use --no-callback; what then cannot be judged is left out.",
        ]
    )


class Lines:
    """Turns results into lines, one after another, with a heading where a feature begins.

    Of facts that were left out for one reason, the first speaks for all.
    """

    def __init__(self) -> None:
        self._feature = ""
        self._left_out = ("", "")

    def render(self, result: Result) -> list[str]:
        lines = []
        if result.feature != self._feature:
            self._feature = result.feature
            lines += ["", click.style(result.feature, bold=True)]
        if result.why != Why.EXCLUDED:
            return [*lines, *_render_result(result)]
        if self._left_out != (result.feature, result.reason):
            self._left_out = (result.feature, result.reason)
            lines.append(f"  {_render_word(result)}  {result.reason}")
        return lines


def render_summary(report: Report) -> str:
    """Return how many facts had each verdict, and what is to be said of the whole."""
    counts = report.count()
    passed, failed, warned, skipped = (counts[verdict] for verdict in Verdict)
    lines = ["", f"{passed} passed, {failed} failed, {warned} warned, {skipped} not judged."]
    blocked = [result.id for result in report.results if result.verdict is Verdict.SKIPPED and not result.is_good]
    if blocked:
        lines.append(f"Not judged, though it must hold: {', '.join(blocked)}.")
    if report.left:
        lines.append(f"The provider did not let go of: {', '.join(report.left)}.")
    return "\n".join([*lines, "The provider passed." if report.has_passed else "The provider did not pass."])


def _render_result(result: Result) -> Iterator[str]:
    told = f"{result.why}: {result.reason}" if result.verdict is Verdict.SKIPPED else result.fact
    yield f"  {_render_word(result)}  {result.id:{ID_WIDTH}}  {told}"
    if result.verdict in {Verdict.FAIL, Verdict.WARN}:
        yield indent("\n".join(_render_details(result)), " " * 8)


def _render_word(result: Result) -> str:
    word = "skip" if result.verdict is Verdict.SKIPPED else str(result.verdict)
    return click.style(word, COLOURS[result.verdict])


def _render_details(result: Result) -> Iterator[str]:
    yield f"expected  {result.expected}"
    if result.sent:
        yield f"sent      {result.sent}"
    yield f"came      {result.came}"
    yield f"see       {result.article} ({result.sureness}), {result.url}"
