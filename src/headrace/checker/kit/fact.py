"""What a fact is: a sentence of the contract, where it is written, and the function that judges a provider by it.

A fact belongs to a feature, is named `feature.name`, and its sentence is the docstring of its function:

    provision: Feature[Harness] = Feature("provision", "What is answered when a customer adds the add-on.")

    @provision.must(PARTNER_API)
    async def id_is_text(harness: Harness) -> Complaint | None:
        '''A provision is answered with an `id` that is text.'''

A `must` that does not hold is a failure, and is stated by Heroku. A `should` is advice: what Heroku recommends,
what is only seen in code, and every fact that is uncertain.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from headrace.errors import HeadraceError

# What is judged: a manifest, or a provider in its harness.
Subject = TypeVar("Subject")


class Level(StrEnum):
    MUST = "must"
    SHOULD = "should"


class Sureness(StrEnum):
    """Where a fact comes from, in the words of docs/heroku-contract.md."""

    STATED = "stated by Heroku"
    SEEN = "seen in code"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Article:
    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What is wrong: what was expected, and what was sent and came instead. No text holds a secret."""

    expected: str
    came: str
    sent: str = ""


class Why(StrEnum):
    """Why a provider was not judged by a fact."""

    EXCLUDED = "excluded"
    NOT_DECLARED = "not declared"
    NEEDS = "needs"
    ENDED = "the provider has ended"


class NotJudged(HeadraceError):
    """There is nothing to judge here, or what the fact needs could not be had."""

    def __init__(self, why: Why, reason: str) -> None:
        self.why = why
        self.reason = reason
        super().__init__(f"{why}: {reason}")


Judge = Callable[[Subject], Awaitable[Complaint | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact(Generic[Subject]):
    """`concerns` names another feature without which there is nothing to judge.

    `needs_callback` tells that the provider has to be able to call the checker's Heroku, `is_always` that no
    selection of other facts leaves it out.
    """

    id: str
    feature: str
    text: str
    article: Article
    sureness: Sureness
    level: Level
    judge: Judge[Subject] = field(repr=False)
    concerns: str = ""
    needs_callback: bool = False
    is_always: bool = False


@dataclass(slots=True)
class Feature(Generic[Subject]):
    """A part of the contract that a provider may support or not, with its facts in their order."""

    name: str
    about: str
    needs_callback: bool = False
    is_always: bool = False
    facts: list[Fact[Subject]] = field(default_factory=list)

    def must(
        self, article: Article, sureness: Sureness = Sureness.STATED
    ) -> Callable[[Judge[Subject]], Judge[Subject]]:
        """Register a function as a fact that has to hold; its name and docstring name and state it."""
        return self._register(Level.MUST, article, sureness)

    def should(
        self, article: Article, sureness: Sureness = Sureness.STATED
    ) -> Callable[[Judge[Subject]], Judge[Subject]]:
        """Register a function as a fact that only warns where it does not hold."""
        return self._register(Level.SHOULD, article, sureness)

    def add(
        self,
        name: str,
        text: str,
        judge: Judge[Subject],
        *,
        level: Level,
        article: Article,
        sureness: Sureness = Sureness.STATED,
        concerns: str = "",
    ) -> None:
        """Add a fact that a table describes."""
        self.facts.append(
            Fact(
                id=f"{self.name}.{name}",
                feature=self.name,
                text=text,
                article=article,
                sureness=sureness,
                level=level,
                judge=judge,
                concerns=concerns,
                needs_callback=self.needs_callback,
                is_always=self.is_always,
            )
        )

    def _register(
        self, level: Level, article: Article, sureness: Sureness
    ) -> Callable[[Judge[Subject]], Judge[Subject]]:
        def register(judge: Judge[Subject]) -> Judge[Subject]:
            name = judge.__name__.replace("_", "-")
            self.add(name, inspect.getdoc(judge) or "", judge, level=level, article=article, sureness=sureness)
            return judge

        return register
