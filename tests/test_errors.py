"""The tree of errors: every error of ours is in it, and it is drawn as it is."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import headrace
from headrace import errors
from headrace.errors import HeadraceError

# What a worker runs migrations with, not a module to be imported.
NOT_OURS = "headrace.store.sql.migrations"


def test_every_error_is_in_the_one_tree() -> None:
    """Who catches HeadraceError catches whatever headrace raises of its own."""
    outside = [kind for kind in find_exceptions() if not issubclass(kind, HeadraceError)]

    assert [] == outside


def test_the_tree_is_drawn_whole() -> None:
    """Each error stands under the one that it derives from, in the docstring of `errors`."""
    actual = {kind.__name__: kind.__bases__[0].__name__ for kind in find_exceptions() if kind is not HeadraceError}

    assert actual == dict(read_drawing(errors.__doc__ or ""))


def find_exceptions() -> set[type[Exception]]:
    """Every error that a module of ours lets out: what ends a task is none, and a module's own stays within it."""
    return {
        value
        for module in walk_modules()
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module
        if not value.__name__.startswith("_")
    }


def walk_modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(headrace.__path__, "headrace."):
        if not module.name.startswith(NOT_OURS):
            yield module.name


def read_drawing(text: str) -> Iterator[tuple[str, str]]:
    """Each error of a drawn tree with the one above it."""
    above = {0: "HeadraceError"}
    for branch, name in re.findall(r"^    ([│ ]*[├└]── )(\w+)", text, re.MULTILINE):
        depth = len(branch) // 4
        above[depth] = name
        yield name, above[depth - 1]
