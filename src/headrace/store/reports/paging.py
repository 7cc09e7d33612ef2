"""Lists that are shown a page at a time.

A page is found in a stretch of the list, `WINDOW` long at the most. So a filter that hardly anything passes costs no
more than one that all pass: the page is shorter, and the next one goes on where the stretch ended.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from headrace.store.sql.prefix_search import MOST_MATCHES

Row = TypeVar("Row")
Key = TypeVar("Key")

PAGE = 50
WINDOW = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row, Key]):
    """One page of a list. `next` is where the next one begins; `is_cut` says that a search found too much to show.

    `looked_through` counts the rows among which these were found.
    """

    rows: Sequence[Row]
    next: Key | None
    is_cut: bool
    looked_through: int


def find_next(keys: Sequence[Key], shown: Sequence[Key], *, stretch: int) -> Key | None:
    """Return where the next page begins: `keys` are those that were looked through, at the most a stretch of them."""
    if len(shown) == PAGE and shown[-1] != keys[-1]:
        return shown[-1]
    return keys[-1] if len(keys) == stretch else None


def search(connection: sa.Connection, queries: Iterable[sa.Select[Any]]) -> tuple[set[str], bool]:
    """Return the ids that the queries find, and whether one of them finds more than are looked for."""
    ids: set[str] = set()
    is_cut = False
    for query in queries:
        found = list(connection.execute(query.limit(MOST_MATCHES + 1)).scalars())
        ids.update(found[:MOST_MATCHES])
        is_cut = is_cut or len(found) > MOST_MATCHES
    return ids, is_cut
