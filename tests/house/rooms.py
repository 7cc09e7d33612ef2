"""The house as its imports show it: rooms, modules, lines, levels and cycles. `./dev rooms` prints it.

A room is a folder of modules; a module that stands beside the rooms is one of its own. Imports inside functions and
those for types alone count like any other.
"""

import ast
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grimp

from headrace.wording import spell_count

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "headrace"
PACKAGE = "headrace"

Graph = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A folder of modules. `level` is one more than that of the highest room it imports; rooms in a cycle share it."""

    name: str
    modules: int
    lines: int
    level: int
    imports: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """All rooms, and what goes round in circles: of rooms, and of modules."""

    rooms: tuple[Room, ...]
    room_cycles: tuple[tuple[str, ...], ...]
    module_cycles: tuple[tuple[str, ...], ...]


@cache
def survey() -> House:
    """Return the house as it stands."""
    modules = load_modules()
    rooms: dict[str, set[str]] = {}
    for module in modules:
        rooms.setdefault(find_room(module), set()).add(module)
    graph = {
        room: frozenset(find_room(other) for each in members for other in modules[each]) - {room}
        for room, members in rooms.items()
    }
    levels = find_levels(graph)
    return House(
        rooms=tuple(
            Room(
                name=name,
                modules=sum(not is_sign(each) for each in members),
                lines=sum(count_lines(each) for each in members),
                level=levels[name],
                imports=graph[name],
            )
            for name, members in sorted(rooms.items(), key=lambda item: (-levels[item[0]], item[0]))
        ),
        room_cycles=find_cycles(graph),
        module_cycles=find_cycles(modules),
    )


@cache
def load_modules() -> Graph:
    """Return each module with those it imports, wherever in it the import stands."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    return {
        module: frozenset(graph.find_modules_directly_imported_by(module))
        for module in graph.modules
        if not module.startswith(f"{PACKAGE}.store.sql.migrations")
    }


def find_room(module: str) -> str:
    """Return the room that a module is in, without the package's own name."""
    name = module.removeprefix(PACKAGE).removeprefix(".")
    return name if is_sign(module) else name.rpartition(".")[0] or name


def find_sign(room: str) -> str:
    """Return what a room's sign, or a single module, says of itself in its first sentence."""
    text = ast.get_docstring(ast.parse(find_path(f"{PACKAGE}.{room}".rstrip(".")).read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[0].replace("\n", " ")


def is_sign(module: str) -> bool:
    """Whether a module is a folder's `__init__`."""
    return find_path(module).name == "__init__.py"


def find_path(module: str) -> Path:
    path = SOURCE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def count_lines(module: str) -> int:
    return len(find_path(module).read_text(encoding="utf-8").splitlines())


def find_cycles(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Return what imports each other, directly or through others; in what is left no import leads back."""
    return tuple(sorted(tuple(sorted(group)) for group in find_groups(graph) if len(group) > 1))


def find_levels(graph: Graph) -> dict[str, int]:
    """Return how many floors stand below each: none, where nothing is imported."""
    levels: dict[str, int] = {}
    # Groups come in the order of their imports: what is imported first.
    for group in find_groups(graph):
        below = {other for each in group for other in graph[each]} - group
        level = max((levels[each] + 1 for each in below), default=0)
        levels |= dict.fromkeys(group, level)
    return levels


def find_direct(rooms: Iterable[Room]) -> dict[str, frozenset[str]]:
    """Return what each room imports, without what it reaches through the others as well (the transitive reduction)."""
    reached: dict[str, frozenset[str]] = {}
    direct: dict[str, frozenset[str]] = {}
    for room in sorted(rooms, key=lambda each: each.level):
        through = frozenset().union(*(reached[each] for each in room.imports))
        reached[room.name] = room.imports | through
        direct[room.name] = room.imports - through
    return direct


def find_groups(graph: Graph) -> list[frozenset[str]]:
    """Return the strongly connected components (Tarjan 1972), those first that others import."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    groups: list[frozenset[str]] = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        path.append(node)
        for other in sorted(graph[node]):
            if other not in order:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in path:
                lowest[node] = min(lowest[node], order[other])
        if lowest[node] == order[node]:
            start = path.index(node)
            groups.append(frozenset(path[start:]))
            del path[start:]

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return groups


def render(house: House) -> str:
    """Return the house as a table, the highest room first, and its cycles."""
    width = max(len(room.name) for room in house.rooms) + 2
    lines = [f"{'level':>5}  {'room':<{width}}{'modules':>7}  {'lines':>6}  imports"]
    for room in house.rooms:
        imports = " ".join(sorted(room.imports))
        lines.append(f"{room.level:>5}  {room.name or PACKAGE:<{width}}{room.modules:>7}  {room.lines:>6}  {imports}")
    lines.append("")
    total = sum(room.lines for room in house.rooms)
    modules = sum(room.modules for room in house.rooms)
    lines.append(f"{len(house.rooms)} rooms, {modules} modules, {total:,} lines")
    lines += _render_cycles("rooms", house.room_cycles) + _render_cycles("modules", house.module_cycles)
    return "\n".join(lines)


def _render_cycles(what: str, cycles: Iterable[tuple[str, ...]]) -> list[str]:
    cycles = list(cycles)
    return [f"{spell_count(len(cycles), 'cycle')} of {what}", *(f"  {' ↔ '.join(cycle)}" for cycle in cycles)]


if __name__ == "__main__":
    sys.stdout.write(f"{render(survey())}\n")
