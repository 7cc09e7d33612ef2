"""Tests stand in the room of what they are about, so that each is found from the other."""

from pathlib import Path

from house.reading import find_imports
from house.rooms import ROOT, load_modules

SOURCE, TESTS = Path("src/headrace"), Path("tests")


def find_tests(path: Path, *, root: Path = ROOT) -> list[Path]:
    """Return the tests about a file: those of its name in the room that mirrors its own, or else those that import it.

    A test is its own, and a module that stands among tests is looked for beside itself. Paths are within `root`.
    """
    if path.name.startswith("test_"):
        return [path]
    room = _find_mirror(path)
    if room is None or path.suffix != ".py":
        return []
    tests = sorted(each.relative_to(root) for each in (root / room).glob("test_*.py"))
    named = [each for each in tests if each.name.startswith(f"test_{path.stem}")]
    return named or [each for each in tests if name_module(path) in find_imports(root / each)]


def name_module(path: Path) -> str:
    """Return the name by which a file is imported."""
    above = TESTS if path.is_relative_to(TESTS) else SOURCE.parent if path.is_relative_to(SOURCE) else Path()
    parts = path.relative_to(above).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _find_mirror(path: Path) -> Path | None:
    if path.is_relative_to(SOURCE):
        return TESTS / path.parent.relative_to(SOURCE)
    return path.parent if path.is_relative_to(TESTS) else None


def find_reached(test: Path) -> frozenset[str]:
    """Return every module of headrace that a test comes to by its imports, by theirs and by its neighbours'."""
    graph = load_modules()
    reached: set[str] = set()
    waiting = set(find_imports(test))
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        beside = (ROOT / TESTS).joinpath(*name.split(".")).with_suffix(".py")
        if name in graph:
            waiting |= graph[name]
        elif beside.is_file():
            waiting |= find_imports(beside)
    return frozenset(reached & graph.keys())
