"""Paths with parameters, found by walking their segments rather than by trying one after the other."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

T = TypeVar("T")


@dataclass(slots=True)
class _Node(Generic[T]):
    exact: dict[str, "_Node[T]"] = field(default_factory=dict)
    parameter: "_Node[T] | None" = None
    values: dict[str, tuple[T, tuple[str, ...]]] = field(default_factory=dict)


class PathTree(Generic[T]):
    """Values by method and path, such as `/apps/{app}/addons`; a segment that is spelt out goes before a parameter."""

    def __init__(self) -> None:
        self.places: list[tuple[str, str]] = []
        self._root: _Node[T] = _Node()

    def add(self, method: str, path: str, value: T) -> None:
        self.places.append((method, path))
        node, names = self._root, []
        for segment in path.split("/")[1:]:
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.exact.setdefault(segment, _Node())
        node.values[method] = (value, tuple(names))

    def find(self, method: str, raw_path: str) -> tuple[T, dict[str, str]] | None:
        """`raw_path` is still percent-encoded, so that a parameter may hold a slash."""
        segments = raw_path.split("/")[1:]
        if "%" in raw_path:
            segments = [unquote(segment) for segment in segments]
        texts: list[str] = []
        found = _walk(self._root, segments, 0, method, texts)
        if found is None:
            return None
        value, names = found
        return value, dict(zip(names, texts, strict=True))


def _walk(
    node: _Node[T], segments: list[str], at: int, method: str, texts: list[str]
) -> tuple[T, tuple[str, ...]] | None:
    """Walk on from a segment, and leave in `texts` what stands for the parameters of the way that was found."""
    while at < len(segments):
        segment = segments[at]
        at += 1
        exact = node.exact.get(segment)
        if exact is not None and node.parameter is None:
            node = exact
            continue
        if exact is not None:
            known = len(texts)
            if found := _walk(exact, segments, at, method, texts):
                return found
            del texts[known:]
        if node.parameter is None or not segment:
            return None
        texts.append(segment)
        node = node.parameter
    return node.values.get(method)
