"""What came of a run: a result for each fact, and whether the provider passed."""

from collections import Counter
from enum import StrEnum
from typing import Any

import msgspec

from headrace.checker.kit.fact import Complaint, Fact, Level, NotJudged, Why


class Verdict(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    SKIPPED = "skipped"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One fact's result: `why` and `reason` when it was not judged, `expected`, `sent` and `came` when it failed."""

    id: str
    feature: str
    fact: str
    level: str
    sureness: str
    article: str
    url: str
    verdict: Verdict
    seconds: float = 0.0
    why: str = ""
    reason: str = ""
    expected: str = ""
    sent: str = ""
    came: str = ""

    @property
    def is_good(self) -> bool:
        """Whether a provider passes with it: a must that could not be judged is no pass, unless it was left out."""
        is_blocked = self.level == Level.MUST and self.why == Why.NEEDS
        return self.verdict is not Verdict.FAIL and not is_blocked


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A run's results in the order of the catalogue; `left` are the uuids that the provider did not let go."""

    service: str
    base_url: str
    sso_url: str
    results: tuple[Result, ...]
    left: tuple[str, ...] = ()

    @property
    def has_passed(self) -> bool:
        has_ended = any(result.why == Why.ENDED for result in self.results)
        return not has_ended and all(result.is_good for result in self.results)

    def count(self) -> dict[str, int]:
        """Return how many facts had each verdict."""
        counts = Counter(result.verdict for result in self.results)
        return {str(verdict): counts[verdict] for verdict in Verdict}


def conclude(fact: Fact[Any], complaint: Complaint | None, *, seconds: float) -> Result:
    """Return the result of a fact that was judged: a must fails, a should only warns."""
    bad = Verdict.FAIL if fact.level is Level.MUST else Verdict.WARN
    return msgspec.structs.replace(
        _describe(fact),
        verdict=bad if complaint else Verdict.PASS,
        seconds=round(seconds, 3),
        expected=complaint.expected if complaint else "",
        sent=complaint.sent if complaint else "",
        came=complaint.came if complaint else "",
    )


def skip(fact: Fact[Any], error: NotJudged) -> Result:
    return msgspec.structs.replace(_describe(fact), why=str(error.why), reason=error.reason)


def _describe(fact: Fact[Any]) -> Result:
    return Result(
        id=fact.id,
        feature=fact.feature,
        fact=fact.text,
        level=str(fact.level),
        sureness=str(fact.sureness),
        article=fact.article.title,
        url=fact.article.url,
        verdict=Verdict.SKIPPED,
    )
