"""Lists by pages: `Range` in, 206 and `Next-Range` out (contract §9)."""

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar

import msgspec

from headrace.protocol.platform import Range, parse_range

DEFAULT_SIZE = 200
LARGEST_SIZE = 1000
Json = dict[str, Any]
Key = Callable[[Any], int | str]
# What a list can be sorted by; the first is what it is sorted by unless asked.
Keys = Mapping[str, Key]
T = TypeVar("T")


class Listing(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    things: Iterable[T]
    render: Callable[[T], Json]
    keys: Keys


class Page(msgspec.Struct, frozen=True, kw_only=True):
    items: list[Json]
    status: int
    headers: dict[str, str]


def cut_page(listing: Listing[Any], *, header: str | None) -> Page:
    """Return the page that a `Range` header asks for.

    A header that is no range, or names something the list cannot be sorted by, counts as none: real
    clients send such, and none expects a 416.
    """
    wanted = parse_range(header or "")
    if wanted is None or wanted.attribute not in listing.keys:
        wanted = Range(attribute=next(iter(listing.keys)))
    size = min(wanted.max or DEFAULT_SIZE, LARGEST_SIZE)
    # One more than is shown tells whether there is more.
    found = _select(listing, wanted, size + 1)
    return _build_page(listing, found[:size], replace(wanted, max=size), has_more=len(found) > size)


def _select(listing: Listing[Any], wanted: Range, size: int) -> list[Any]:
    """Return the first things between start and end, all seen in the wanted order."""
    key = listing.keys[wanted.attribute]
    is_descending = wanted.order == "desc"
    sign = -1 if is_descending else 1
    within = (thing for thing in listing.things if _is_within(key(thing), wanted, sign))
    return heapq.nlargest(size, within, key=key) if is_descending else heapq.nsmallest(size, within, key=key)


def _is_within(value: Any, wanted: Range, sign: int) -> bool:
    from_start = sign * _compare(value, wanted.start) if wanted.start else 1
    to_end = sign * _compare(value, wanted.end) if wanted.end else -1
    is_after = from_start > 0 or (from_start == 0 and not wanted.exclusive_start)
    return is_after and (to_end < 0 or (to_end == 0 and not wanted.exclusive_end))


def _compare(value: int | str, bound: str) -> int:
    if isinstance(value, int):
        number = int(bound) if bound.isdecimal() else 0
        return (value > number) - (value < number)
    return (value > bound) - (value < bound)


def _build_page(listing: Listing[Any], things: list[Any], wanted: Range, *, has_more: bool) -> Page:
    headers = {"Accept-Ranges": ", ".join(listing.keys)}
    if things:
        key = listing.keys[wanted.attribute]
        first, last = str(key(things[0])), str(key(things[-1]))
        shown = replace(wanted, start=first, end=last, exclusive_start=False, exclusive_end=False)
        headers["Content-Range"] = str(shown)
        if has_more:
            headers["Next-Range"] = str(replace(wanted, start=last, exclusive_start=True))
    return Page(items=[listing.render(thing) for thing in things], status=206 if has_more else 200, headers=headers)
