"""What a doctor has found: one thing that was looked at, and how bad it is."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is. `FAIL`: something does not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    text: str


def ok(subject: str, text: str) -> Finding:
    return Finding(subject=subject, level=Level.OK, text=text)


def warn(subject: str, text: str) -> Finding:
    return Finding(subject=subject, level=Level.WARN, text=text)


def fail(subject: str, text: str) -> Finding:
    return Finding(subject=subject, level=Level.FAIL, text=text)
