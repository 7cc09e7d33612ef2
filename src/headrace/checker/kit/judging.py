"""Pure judgements: an answer, held against what the contract allows, is fine or gives a complaint."""

from collections.abc import Iterable
from dataclasses import dataclass

from headrace.checker.kit.fact import Complaint
from headrace.checker.kit.provider import ProviderAnswer


@dataclass(frozen=True, slots=True)
class Statuses:
    """A set of statuses that a fact allows, and its words."""

    words: str
    members: frozenset[int] = frozenset()

    def __or__(self, other: "Statuses") -> "Statuses":
        return Statuses(f"{self.words} or {other.words}", self.members | other.members)


def exactly(*statuses: int) -> Statuses:
    return Statuses(" or ".join(str(status) for status in statuses), frozenset(statuses))


SUCCESS = Statuses("2xx", frozenset(range(200, 300)))
REDIRECT = Statuses("3xx", frozenset(range(300, 400)))
REFUSAL = Statuses("4xx", frozenset(range(400, 500)))
UNAVAILABLE = exactly(503)


def expect_status(answer: ProviderAnswer, allowed: Statuses, *, because: str = "") -> Complaint | None:
    if answer.status in allowed.members:
        return None
    return complain(answer, f"{allowed.words}{because and f', {because}'}")


def expect_object(answer: ProviderAnswer) -> Complaint | None:
    """An empty body stands for an empty object."""
    return None if answer.json is not None else complain(answer, "a body that is a JSON object")


def expect_message(answer: ProviderAnswer) -> Complaint | None:
    """What the customer is to read stands in `message` (contract §1.1)."""
    message = (answer.json or {}).get("message")
    return None if isinstance(message, str) and message else complain(answer, "a `message` for the customer")


def expect_same_id(answer: ProviderAnswer, first: ProviderAnswer) -> Complaint | None:
    known, given = (first.json or {}).get("id"), (answer.json or {}).get("id")
    return None if given == known else complain(answer, f"the same id as the first time, {known!r}")


def complain(answer: ProviderAnswer, expected: str) -> Complaint:
    return Complaint(expected=expected, sent=str(answer.sent), came=str(answer))


def first_of(complaints: Iterable[Complaint | None]) -> Complaint | None:
    return next((complaint for complaint in complaints if complaint is not None), None)
