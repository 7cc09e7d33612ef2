"""Providers that are each wrong in one way, and the facts that have to say so, a module for each feature."""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import checker.features
from checker.provider import Provider


@dataclass(frozen=True, slots=True)
class Wrong:
    """A provider and the facts that must not hold of it; all others have to hold, or give no chance to judge.

    `only` names the feature that is judged, where everything would take too long.
    """

    kind: type[Provider]
    fact_ids: frozenset[str]
    only: str


_wrong: list[Wrong] = []


def caught_by(*fact_ids: str, only: str = "") -> Callable[[type[Provider]], type[Provider]]:
    def register(kind: type[Provider]) -> type[Provider]:
        _wrong.append(Wrong(kind, frozenset(fact_ids), only))
        return kind

    return register


def list_wrong() -> Sequence[Wrong]:
    """Return every one, whichever modules there are."""
    for found in pkgutil.iter_modules(checker.features.__path__, "checker.features."):
        importlib.import_module(found.name)
    return _wrong
