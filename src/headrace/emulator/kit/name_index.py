"""An index: things are found by id or by name, without a search."""

from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    id: str
    name: str


T = TypeVar("T", bound=Named)


class NameIndex(Generic[T]):
    """A collection keyed by id and by name. Names need not be unique: a shared one finds nothing."""

    def __init__(self, things: Iterable[T] = ()) -> None:
        self._by_id: dict[str, T] = {}
        self._by_name: dict[str, dict[str, T]] = {}
        for thing in things:
            self.add(thing)

    def __iter__(self) -> Iterator[T]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, key: str) -> bool:
        return key in self._by_id or key in self._by_name

    def __getitem__(self, key: str) -> T:
        found = self.find(key)
        if found is None:
            raise KeyError(key)
        return found

    def find(self, key: str) -> T | None:
        if key in self._by_id:
            return self._by_id[key]
        named = self.named(key)
        return named[0] if len(named) == 1 else None

    def get(self, thing_id: str) -> T | None:
        """Find by id alone, for the paths that take nothing else (contract §10.1)."""
        return self._by_id.get(thing_id)

    def named(self, name: str) -> list[T]:
        return list(self._by_name.get(name, {}).values())

    def add(self, thing: T) -> T:
        self._by_id[thing.id] = thing
        self._by_name.setdefault(thing.name, {})[thing.id] = thing
        return thing

    def remove(self, thing: T) -> None:
        del self._by_id[thing.id]
        self._forget_name(thing)

    def rename(self, thing: T, name: str) -> None:
        self._forget_name(thing)
        thing.name = name
        self._by_name.setdefault(name, {})[thing.id] = thing

    def _forget_name(self, thing: T) -> None:
        namesakes = self._by_name[thing.name]
        del namesakes[thing.id]
        if not namesakes:
            del self._by_name[thing.name]
