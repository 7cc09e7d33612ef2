"""Lists that are shown a page at a time, from the first page on or back from any.

A page is found in a stretch of the list, `WINDOW` long at the most. So a filter that hardly anything passes costs no
more than one that all pass: the page is shorter, and the next one goes on where the stretch ended.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from headrace.store.sql.prefix_search import MOST_MATCHES

Row = TypeVar("Row")
Key = TypeVar("Key")

PAGE = 50
WINDOW = 1_000
# Nobody needs to know more exactly than that it is more than this.
MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Place(Generic[Key]):
    """Where a page of a list is: behind a key or, if it `is_back`, in front of one."""

    key: Key
    is_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row, Key]):
    """One page of a list. `is_cut` says that a search found too much to show.

    The next page begins behind `next`, the previous one ends in front of `previous`; `looked_through` counts the rows
    among which these were found.
    """

    rows: Sequence[Row]
    previous: Key | None
    next: Key | None
    is_cut: bool
    looked_through: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """How many there are in all; `is_more` says that there are more, and that counting ended there."""

    count: int
    is_more: bool = False


def is_upward(place: Place[Any] | None, *, is_ascending: bool) -> bool:
    """Return whether a page of a list in this order is read upwards: going back is against the order."""
    return is_ascending != (place is not None and place.is_back)


def behind(
    query: sa.Select[Any],
    order: Sequence[sa.ColumnElement[Any]],
    key: Sequence[Any] | sa.Tuple | None,
    *,
    is_upward: bool,
) -> sa.Select[Any]:
    """Return what is behind a key, upwards or downwards in this order; from the beginning without one."""
    if key is not None:
        rest = sa.tuple_(*order)
        query = query.where(rest > key if is_upward else rest < key)
    return query.order_by(*(column if is_upward else column.desc() for column in order))


def read_on(
    query: sa.Select[Any], order: Sequence[sa.ColumnElement[Any]], place: Place[Any] | None, *, is_ascending: bool
) -> sa.Select[Any]:
    """Return what is on from a place of a list in this order; on a page that is back, what comes next stands first."""
    key = None if place is None else place.key
    return behind(query, order, key, is_upward=is_upward(place, is_ascending=is_ascending))


def read_page(
    read: Callable[[Place[Key] | None, int], Sequence[Row]],
    find_key: Callable[[Row], Key],
    place: Place[Key] | None,
    *,
    most: int = PAGE,
) -> Page[Row, Key]:
    """Return a page of rows that are read from a place on, as many as are asked for; back from it they come reversed.

    Going back never ends with less than a page: that is the first one.
    """
    found = read(place, most + 1)
    if place is not None and place.is_back and len(found) <= most:
        place, found = None, read(None, most + 1)
    rows, is_back = found[:most], place is not None and place.is_back
    previous = find_key(rows[0]) if place is not None and rows and not is_back else None
    following = find_key(rows[-1]) if len(found) > most else None
    if is_back:
        previous, following = following, find_key(rows[0])
    return Page(
        rows=rows[::-1] if is_back else rows,
        previous=previous,
        next=following,
        is_cut=False,
        looked_through=len(rows),
    )


def frame_page(
    keys: Sequence[Key], shown: Sequence[Key], place: Place[Any] | None, *, stretch: int
) -> tuple[Key | None, Key | None]:
    """Return what the previous page ends in front of, and what the next one begins behind.

    `keys` are those that were looked through from the page's place on, at the most a stretch of them.
    """
    onward = find_next(keys, shown, stretch=stretch)
    backward: Key | None = keys[0] if place is not None and keys else None
    return (onward, backward) if place is not None and place.is_back else (backward, onward)


def find_next(keys: Sequence[Key], shown: Sequence[Key], *, stretch: int) -> Key | None:
    """Return where the next page begins: `keys` are those that were looked through, at the most a stretch of them."""
    if len(shown) == PAGE and shown[-1] != keys[-1]:
        return shown[-1]
    return keys[-1] if len(keys) == stretch else None


def count_up_to(connection: sa.Connection, query: sa.Select[Any], *, most: int = MOST_COUNTED) -> Total:
    """Count the rows of a query; what that costs has a bound."""
    few = query.limit(most + 1).subquery()
    count = connection.execute(sa.select(sa.func.count()).select_from(few)).scalar_one()
    return Total(count=min(count, most), is_more=count > most)


def count_fitting(
    connection: sa.Connection, candidates: sa.Select[Any], fits: Callable[[sa.ColumnElement[str]], sa.Select[Any]]
) -> Total:
    """Count those among ids that fit; `is_more` where there are more ids than are looked through.

    `fits` returns the query for the ids that fit, of those in a column of ids.
    """
    few = candidates.limit(MOST_COUNTED + 1).subquery()
    (id_,) = few.c
    looked = connection.execute(sa.select(sa.func.count()).select_from(few)).scalar_one()
    found = connection.execute(sa.select(sa.func.count()).select_from(fits(id_).subquery())).scalar_one()
    return Total(count=min(found, MOST_COUNTED), is_more=looked > MOST_COUNTED)


def search(connection: sa.Connection, queries: Iterable[sa.Select[Any]]) -> tuple[set[str], bool]:
    """Return the ids that the queries find, and whether one of them finds more than are looked for."""
    ids: set[str] = set()
    is_cut = False
    for query in queries:
        found = list(connection.execute(query.limit(MOST_MATCHES + 1)).scalars())
        ids.update(found[:MOST_MATCHES])
        is_cut = is_cut or len(found) > MOST_MATCHES
    return ids, is_cut
