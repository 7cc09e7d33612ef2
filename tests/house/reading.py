"""The files of the house, and what a rule wants to know of one without running it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from house.rooms import ROOT, SOURCE

SOURCES = sorted((ROOT / "src").rglob("*.py"))
LAB = sorted((ROOT / "lab").rglob("*.py"))
TESTS = sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "examples").rglob("*.py")])
DOCS = sorted((ROOT / "docs").rglob("*.md"))


def name_of(path: Path) -> str:
    """Return a file's path within the package, or within the house."""
    return path.relative_to(SOURCE if path.is_relative_to(SOURCE) else ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def count_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def find_functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def find_imports(path: Path) -> frozenset[str]:
    """Return what a file imports, wherever in it: modules, and what it takes from them, under their whole names."""
    names: set[str] = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return frozenset(names)
