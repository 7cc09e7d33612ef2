"""What a card on the board shows of the partner's own content, as the partner's hook returns it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from headrace.errors import MisuseError

MOST_FIGURES = 2
MOST_POINTS = 100
MOST_METRICS = 8
METRIC_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
LONGEST_LABEL = 40
LONGEST_VALUE = 24
LONGEST_SENTENCE = 200
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number, or a short text, under its label; `trend` draws a sparkline, oldest value first.

    Raises:
        MisuseError: the label, the value or the trend cannot be shown.

    """

    label: str
    value: str | int | float
    trend: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _check_text("The label of a figure", self.label, longest=LONGEST_LABEL)
        if isinstance(self.value, str):
            _check_text(f'The value of figure "{self.label}"', self.value, longest=LONGEST_VALUE)
        elif isinstance(self.value, bool) or not math.isfinite(self.value):
            raise MisuseError(
                f'Figure "{self.label}" cannot show {self.value}. Give a finite number, or a short text such as "none".'
            )
        _check_trend(self.label, self.trend)

    @property
    def text(self) -> str:
        """The value as a card shows it."""
        return self.value if isinstance(self.value, str) else format_number(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Up to two figures or one sentence, and `href`, a link to the resource in the partner's product.

    `metrics` are up to eight numbers by name, such as `{"documents": 12408}`. No card shows them: they are kept per day
    where `HEADRACE_PANEL_METRICS_DAYS` says so, and summed by stage.

    Raises:
        MisuseError: there is nothing to show or keep, or more than there is room for, or the link is unsafe.

    """

    figures: tuple[Figure, ...] = ()
    sentence: str | None = None
    href: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_metrics(self.metrics)
        if not self.figures and self.sentence is None and self.href is None and not self.metrics:
            raise MisuseError("This Panel shows nothing. Give it figures, a sentence or an href, or return None.")
        if self.figures and self.sentence is not None:
            raise MisuseError("A Panel shows figures or a sentence. Leave one of them out.")
        if len(self.figures) > MOST_FIGURES:
            raise MisuseError(
                f"A Panel has room for {MOST_FIGURES} figures, not {len(self.figures)}. "
                "Keep the ones that a customer looks for first and link to the rest with href."
            )
        if self.sentence is not None:
            _check_text("The sentence of a Panel", self.sentence, longest=LONGEST_SENTENCE)
        if self.href is not None and not _is_safe(self.href):
            raise MisuseError(
                f"A Panel cannot link to {self.href!r}. Give a whole https:// address, "
                'such as href="https://acme.example/indexes/1" (http:// only on localhost).'
            )


def format_number(number: float) -> str:
    """Return `12,408`, `4.25` or, from a million on, `2.41 M`."""
    if abs(number) < 999_999.5:
        return f"{number:,}" if isinstance(number, int) else _trim(f"{round(number, 2) + 0.0:,.2f}")
    scaled, unit = float(f"{number:.3g}") / 1e6, "M"
    for larger in ("G", "T"):
        if abs(scaled) >= 1000:
            scaled, unit = scaled / 1000, larger
    return f"{_trim(f'{scaled:,.2f}')} {unit}"


def format_change(change: float) -> str:
    """Return `+38`, `0`, or a fall with a minus that is as wide as a plus."""
    if not change:
        return "0"
    return f"+{format_number(change)}" if change > 0 else f"\u2212{format_number(-change)}"


def spell_metric(name: str) -> str:
    """Return a metric's name as a label: `Kept documents` of `kept_documents`."""
    return name.replace("_", " ").capitalize()


def _trim(decimals: str) -> str:
    return decimals.rstrip("0").rstrip(".")


def _check_text(what: str, text: str, *, longest: int) -> None:
    if not text.strip():
        raise MisuseError(f"{what} is empty. Give it a few words.")
    if len(text) > longest:
        raise MisuseError(f"{what} has {len(text)} characters. A card has room for {longest}: say it shorter.")


def _check_trend(label: str, trend: tuple[float, ...]) -> None:
    if len(trend) == 1 or len(trend) > MOST_POINTS:
        raise MisuseError(
            f'The trend of figure "{label}" has {len(trend)} points. Give 2 to {MOST_POINTS}, oldest first, or none.'
        )
    if not all(math.isfinite(point) for point in trend):
        raise MisuseError(f'The trend of figure "{label}" holds a value that is no number. Leave such points out.')


def _check_metrics(metrics: Mapping[str, float]) -> None:
    if len(metrics) > MOST_METRICS:
        raise MisuseError(f"A Panel has {len(metrics)} metrics. Give {MOST_METRICS} at the most.")
    for name, value in metrics.items():
        if not METRIC_NAME.fullmatch(name):
            raise MisuseError(
                f"A metric of a Panel cannot be named {name!r}. "
                "Give up to 30 small letters, digits and _, a letter first."
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise MisuseError(f'Metric "{name}" of a Panel cannot be {value!r}. Give a finite number.')


def _is_safe(href: str) -> bool:
    # Browsers skip control characters inside a scheme, and so does urlsplit: neither may see one.
    if any(character <= " " or character == "\\" for character in href):
        return False
    try:
        parts = urlsplit(href)
    except ValueError:
        return False
    if parts.scheme == "http":
        return parts.hostname in LOOPBACK
    return parts.scheme == "https" and bool(parts.hostname)
