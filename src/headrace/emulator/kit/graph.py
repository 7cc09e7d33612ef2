"""Linked records as plain JSON values, and back: every field by its type, every link as `Kind/id`.

What is compared by identity and has an `id` is a record and stands once, in the table of its kind. Anything else stands
where it is used. What its dataclass does not take as an argument, and the parts that all share, such as the clock, are
left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from headrace.emulator.kit.name_index import NameIndex
from headrace.models import Secret

COLLECTIONS: frozenset[Any] = frozenset({dict, list, tuple, set, frozenset, NameIndex})

Tables = dict[str, dict[str, dict[str, Any]]]


def write_graph(books: Mapping[str, Any], shared: AbstractSet[type]) -> tuple[dict[str, Any], Tables]:
    """Return the books as JSON values, and the tables of all records that they lead to."""
    writer = _Writer(frozenset(shared))
    written = {name: writer.write(book) for name, book in books.items()}
    writer.write_records()
    return written, writer.tables


def read_graph(
    kinds: Mapping[str, type], written: Mapping[str, Any], tables: Tables, shared: Mapping[type, Any], shift: timedelta
) -> tuple[dict[str, Any], list[str]]:
    """Return books of these kinds, and every problem that what is written has.

    `shift` is added to every moment.
    """
    reader = _Reader(tables, find_records(kinds.values(), shared.keys()), shared, shift)
    reader.fill_records()
    books = {name: reader.read_at(name, kind, written.get(name, {})) for name, kind in kinds.items()}
    return books, reader.problems


def find_records(kinds: Iterable[Any], shared: AbstractSet[type]) -> dict[str, type]:
    """Return every kind of record that these types lead to, by its name."""
    found: dict[str, type] = {}
    waiting, seen = list(kinds), set(shared)
    while waiting:
        hint = waiting.pop()
        if hint in seen:
            continue
        seen.add(hint)
        if is_record(hint):
            found[hint.__name__] = hint
        waiting += get_args(hint) or _own_hints(hint, frozenset(shared))
    return found


def is_record(kind: Any) -> bool:
    """Whether things of a type are told apart by their id."""
    return isinstance(kind, type) and is_dataclass(kind) and kind.__eq__ is object.__eq__ and "id" in read_hints(kind)


@cache
def read_hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


@dataclass(slots=True)
class _Writer:
    shared: frozenset[type]
    tables: Tables = field(default_factory=dict)
    waiting: list[Any] = field(default_factory=list)

    def write(self, value: Any) -> Any:
        if is_record(type(value)):
            return self._refer(value)
        if isinstance(value, (list, tuple, NameIndex)):
            return [self.write(item) for item in value]
        if isinstance(value, (set, frozenset)):
            return sorted(self.write(item) for item in value)
        if isinstance(value, dict):
            return {key: self.write(item) for key, item in value.items()}
        if _has_members(value):
            return self._write_fields(value)
        return msgspec.to_builtins(value, enc_hook=_reveal)

    def write_records(self) -> None:
        """Write what was referred to, and what that refers to."""
        while self.waiting:
            record = self.waiting.pop()
            self.tables[type(record).__name__][record.id] = self._write_fields(record)

    def _refer(self, record: Any) -> str:
        kind = type(record).__name__
        table = self.tables.setdefault(kind, {})
        if record.id not in table:
            table[record.id] = {}
            self.waiting.append(record)
        return f"{kind}/{record.id}"

    def _write_fields(self, thing: Any) -> dict[str, Any]:
        kind: Any = type(thing)
        return {member.name: self.write(getattr(thing, member.name)) for member in _own_fields(kind, self.shared)}


@dataclass(slots=True)
class _Reader:
    tables: Tables
    kinds: Mapping[str, type]
    shared: Mapping[type, Any]
    shift: timedelta
    problems: list[str] = field(default_factory=list)
    records: dict[str, Any] = field(default_factory=dict)

    def fill_records(self) -> None:
        """Make every record before any is filled: they point at each other."""
        unknown = [kind for kind in self.tables if kind not in self.kinds]
        self.problems += [f"{kind}: there is no such kind of record." for kind in unknown]
        known = [(kind, table) for kind, table in self.tables.items() if kind in self.kinds]
        self.records = {f"{kind}/{key}": object.__new__(self.kinds[kind]) for kind, table in known for key in table}
        for kind, table in known:
            for key, written in table.items():
                for name, value in self._read_fields(f"{kind}/{key}", self.kinds[kind], written):
                    setattr(self.records[f"{kind}/{key}"], name, value)

    def read_at(self, place: str, hint: Any, written: Any) -> Any:
        """Read a value, noting a problem with the place that it has."""
        try:
            return self._read(place, hint, written)
        except msgspec.ValidationError as error:
            self.problems.append(f"{place}: {error}")
            return None

    def _read(self, place: str, hint: Any, written: Any) -> Any:
        if get_origin(hint) in {Union, UnionType}:
            return self._read_union(place, hint, written)
        if get_origin(hint) in COLLECTIONS:
            return self._read_collection(place, hint, written)
        if is_record(hint):
            return self._find(written, (hint,))
        if _has_members(hint):
            return self._read_value(place, hint, msgspec.convert(written, dict[str, Any]))
        value = msgspec.convert(written, hint, dec_hook=_hide)
        return value + self.shift if isinstance(value, datetime) else value

    def _read_union(self, place: str, hint: Any, written: Any) -> Any:
        kinds = [kind for kind in get_args(hint) if kind is not NoneType]
        if written is None and len(kinds) < len(get_args(hint)):
            return None
        if all(is_record(kind) for kind in kinds):
            return self._find(written, tuple(kinds))
        return self._read(place, kinds[0], written) if len(kinds) == 1 else msgspec.convert(written, hint)

    def _read_collection(self, place: str, hint: Any, written: Any) -> Any:
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is dict:
            found = msgspec.convert(written, dict[str, Any])
            return {key: self._read(place, arguments[1], item) for key, item in found.items()}
        return origin(self._read(place, arguments[0], item) for item in msgspec.convert(written, list[Any]))

    def _read_value(self, place: str, kind: Any, written: dict[str, Any]) -> Any:
        parts = {name: self.shared[hint] for name, hint in read_hints(kind).items() if hint in self.shared}
        return kind(**dict(self._read_fields(place, kind, written)), **parts)

    def _find(self, reference: Any, kinds: tuple[type, ...]) -> Any:
        record = self.records.get(msgspec.convert(reference, str))
        if not isinstance(record, kinds):
            raise msgspec.ValidationError(f"there is no {reference}.")
        return record

    def _read_fields(self, place: str, kind: Any, written: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Read what is there; a member with a default may be missing, as in a file of an older emulator."""
        members = {member.name: member for member in _own_fields(kind, frozenset(self.shared))}
        self.problems += [f"{place}: there is no member {name}." for name in written if name not in members]
        for name, member in members.items():
            if name in written:
                yield name, self.read_at(f"{place}, {name}", read_hints(kind)[name], written[name])
            else:
                yield name, self._default(f"{place}, {name}", member, read_hints(kind)[name])

    def _default(self, place: str, member: "Field[Any]", hint: Any) -> Any:
        """A book that is missing is an empty one."""
        if _has_members(hint) and not is_record(hint):
            return self.read_at(place, hint, {})
        if member.default_factory is not MISSING:
            return member.default_factory()
        if member.default is MISSING:
            self.problems.append(f"{place.removesuffix(f', {member.name}')}: {member.name} is missing.")
        return member.default


@cache
def _own_fields(kind: Any, shared: frozenset[type]) -> list["Field[Any]"]:
    hints = read_hints(kind)
    return [member for member in fields(kind) if member.init and hints[member.name] not in shared]


def _own_hints(kind: Any, shared: frozenset[type]) -> list[Any]:
    return [read_hints(kind)[member.name] for member in _own_fields(kind, shared)] if _has_members(kind) else []


def _has_members(thing: Any) -> bool:
    return is_dataclass(thing)


def _reveal(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"A snapshot cannot hold a {type(value).__name__}.")


def _hide(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise msgspec.ValidationError(f"Expected `str` for a {kind.__name__}")
