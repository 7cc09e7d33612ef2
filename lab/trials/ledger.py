"""What the partner of a trial has made: its own database, read for the comparison."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from lab.trials.service import TriedService, build_address


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """What there is at the partner's: on which plan, and at which address, as its provision hook said last."""

    plan: str
    address: str


@dataclass(slots=True, kw_only=True)
class Books:
    """What the partner has of one resource.

    `tokens` are good there, and `snapshots` those that each run of its action has found, by order. `calls` are the
    hooks in the order in which they were called.
    """

    thing: Thing | None = None
    tokens: set[str] = field(default_factory=set)
    log_input_url: str | None = None
    snapshots: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    calls: list[str] = field(default_factory=list)


def read_books(service: TriedService) -> Mapping[str, Books]:
    """Return what the partner has, by the uuid of the resource."""
    books: dict[str, Books] = defaultdict(Books)
    path = service.folder / "cloud.db"
    if not path.exists():
        return books
    with closing(sqlite3.connect(path)) as cloud:
        for uuid, plan, key in cloud.execute("SELECT uuid, plan, key FROM thing JOIN key USING (uuid)"):
            books[uuid].thing = Thing(plan=plan, address=build_address(uuid, key))
        for uuid, token in cloud.execute("SELECT uuid, token FROM token"):
            books[uuid].tokens.add(token)
        for uuid, url in cloud.execute("SELECT uuid, url FROM log_input"):
            books[uuid].log_input_url = url
        for uuid, order_id, snapshot in _read_in_order(cloud, "uuid, order_id, snapshot", "rebuild"):
            books[uuid].snapshots[order_id].append(snapshot)
        for uuid, hook in _read_in_order(cloud, "uuid, hook", "call"):
            books[uuid].calls.append(hook)
    return books


def _read_in_order(cloud: sqlite3.Connection, columns: str, table: str) -> Iterator[Sequence[str]]:
    yield from cloud.execute(f"SELECT {columns} FROM {table} ORDER BY rowid")
