"""How large the house's rooms may be, and which way its doors open."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from house.mirror import find_reached
from house.reading import LAB, SOURCES, count_lines, find_functions, name_of, parse
from house.rooms import ROOT, SOURCE, survey

MOST_MODULES = 20
LONGEST_FILE = 400
LONGEST_FUNCTION = 40
# What plays the whole, or judges it, is about no room.
ABOUT_NO_ROOM = {"acceptance", "fuzz", "house", "stateful"}
# A migration is a list of what was done once: nobody follows it like a function.
KEPT = [path for path in (*SOURCES, *LAB) if "migrations/versions" not in path.as_posix()]
TESTS = sorted(path for path in (ROOT / "tests").rglob("test_*.py") if not ABOUT_NO_ROOM & set(path.parts))


def test_no_folder_holds_more_than_one_can_look_over() -> None:
    """Twenty modules are the most that one folder may hold; its sign is none of them."""
    counts = Counter(name_of(path.parent) for path in KEPT if path.name != "__init__.py")

    assert {} == {name: count for name, count in counts.items() if count > MOST_MODULES}


def test_no_file_is_too_long_to_read() -> None:
    """Four hundred lines are the most that one file may ask of a reader."""
    lengths = {name_of(path): count_lines(path) for path in KEPT}

    assert {} == {name: length for name, length in lengths.items() if length > LONGEST_FILE}


def test_no_function_is_too_long_to_read() -> None:
    """Forty lines are the most that one function may take."""
    lengths = {
        f"{name_of(path)}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in KEPT
        for function in find_functions(path)
    }

    assert {} == {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION}


def test_nothing_imports_in_a_circle() -> None:
    """Neither rooms nor modules, wherever the import stands: what is below can be understood without what is above."""
    house = survey()

    assert ((), ()) == (house.room_cycles, house.module_cycles)


def test_every_room_has_a_sign() -> None:
    """Its `__init__.py` says in a sentence what is in it, and what is not."""
    signs = sorted({path.parent / "__init__.py" for path in KEPT})

    assert [] == [name_of(sign) for sign in signs if not (sign.exists() and has_docstring(sign))]


def has_docstring(path: Path) -> bool:
    return bool(ast.get_docstring(parse(path)))


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_tests_stand_in_the_room_of_what_they_are_about(path: Path) -> None:
    """Their folder is a room of the source, and what they import leads into it; in no room, names are the same."""
    room = path.parent.relative_to(ROOT / "tests")
    if not room.parts:
        assert (SOURCE / path.name.removeprefix("test_")).is_file()
        return
    name = ".".join(("headrace", *room.parts))

    assert (SOURCE / room).is_dir()
    assert any(module == name or module.startswith(f"{name}.") for module in find_reached(path))
