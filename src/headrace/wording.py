"""How names, counts, durations and moments are said to people."""

import math
from datetime import UTC, date, datetime, timedelta

# A dash, where there is no number.
UNTOLD = "\u2013"
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def spell_name(text: str) -> str:
    """Return a name, or whatever else came from outside, for a terminal: `?` stands for what is no plain text.

    It must not move the cursor, or turn the direction in which a line is read.
    """
    return "".join(character if character.isprintable() else "?" for character in text)


def spell_count(count: int, noun: str, plural: str | None = None) -> str:
    """Return `1 app`, `2 apps`; `plural` is of a noun that takes more than an `s`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"


def spell_number(number: float | None, digits: int = 0) -> str:
    """Return `1,918`, or a dash for what is not known."""
    return UNTOLD if number is None else f"{number:,.{digits}f}"


def spell_share(share: float | None) -> str:
    """Return `82.7 %` of 0.827, or a dash for a share of nothing."""
    return UNTOLD if share is None else f"{share * 100:.1f}\u202f%"


def spell_signed(change: int) -> str:
    """Return `+38`, `0`, or a fall with a minus that is as wide as a plus."""
    return f"{change:+,}".replace("-", "\u2212") if change else "0"


def spell_age(age: timedelta) -> str:
    """Return an age in its largest whole unit: `40 s`, `2 min`, `3 h`, `5 d`."""
    # A clock a little ahead of ours must not give a negative age.
    seconds = max(0, int(age.total_seconds()))
    size, unit = _find_unit(seconds)
    return f"{seconds // size:,} {unit}"


def spell_duration(duration: timedelta) -> str:
    """Return a duration in words, rounded up so that nothing is promised too soon: `5 minutes`, `2 hours`."""
    minutes = max(1, math.ceil(duration / timedelta(minutes=1)))
    if minutes < 120:
        return spell_count(minutes, "minute")
    hours = math.ceil(minutes / 60)
    return spell_count(hours, "hour") if hours < 48 else spell_count(math.ceil(hours / 24), "day")


def spell_seconds(seconds: float) -> str:
    """Return a short time: `14 ms`, `4.2 s`, `12 min`, `3 h`."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 120:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.0f} h"


def split_seconds(seconds: float) -> tuple[str, str]:
    """Return `4.2` and `s`, or `38` and `min`: the number of the largest unit that there is one of, and the unit."""
    size, unit = _find_unit(seconds)
    number = seconds / size
    return f"{number:.1f}" if 0 < number < 10 else f"{number:.0f}", unit


def spell_moment(moment: datetime) -> str:
    """Return a moment in UTC as ISO 8601, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def spell_exact(moment: datetime) -> str:
    """Return `2026-11-23 18:30:02 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def spell_clock(moment: datetime, now: datetime) -> str:
    """Return `15:21 UTC`, with the day when that is not today."""
    there = moment.astimezone(UTC)
    is_today = there.date() == now.astimezone(UTC).date()
    return f"{there:%H:%M} UTC" if is_today else f"{spell_day(moment)}, {there:%H:%M} UTC"


def spell_day(moment: datetime) -> str:
    """Return `4 Mar 2025`."""
    there = moment.astimezone(UTC)
    return f"{there.day} {there:%b %Y}"


def spell_date(day: date) -> str:
    """Return `25 Oct`."""
    return f"{day.day} {day:%b}"


def spell_time(moment: datetime) -> str:
    """Return `18:30:02.125`: the time of a day that stands beside it."""
    return f"{moment.astimezone(UTC):%H:%M:%S}.{moment.microsecond // 1000:03}"


def _find_unit(seconds: float) -> tuple[int, str]:
    return next((each for each in UNITS if seconds >= each[0]), UNITS[-1])
