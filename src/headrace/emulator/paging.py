"""Lists by pages: `Range` in, 206 and `Next-Range` out (contract §9)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from headrace.protocol.platform import Range, parse_range

DEFAULT_SIZE = 200
LARGEST_SIZE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    items: list[dict[str, Any]]
    status: int
    headers: dict[str, str]


def cut_page(items: Sequence[dict[str, Any]], *, header: str | None, attributes: tuple[str, ...]) -> Page:
    """Return the page that a `Range` header asks for.

    A header that is no range, or names something the list cannot be sorted by, counts as none: real
    clients send such, and none expects a 416.
    """
    wanted = parse_range(header or "")
    if wanted is None or wanted.attribute not in attributes:
        wanted = Range(attribute=attributes[0])
    size = min(wanted.max or DEFAULT_SIZE, LARGEST_SIZE)
    found = _select(items, wanted)
    return _build_page(found[:size], replace(wanted, max=size), attributes, has_more=len(found) > size)


def _select(items: Sequence[dict[str, Any]], wanted: Range) -> list[dict[str, Any]]:
    """Sort in the wanted order and keep what lies between start and end, both seen in that order."""
    is_descending = wanted.order == "desc"
    ordered = sorted(items, key=lambda item: item[wanted.attribute], reverse=is_descending)
    sign = -1 if is_descending else 1
    return [item for item in ordered if _is_within(item[wanted.attribute], wanted, sign)]


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


def _build_page(items: list[dict[str, Any]], wanted: Range, attributes: tuple[str, ...], *, has_more: bool) -> Page:
    headers = {"Accept-Ranges": ", ".join(attributes)}
    if items:
        first, last = (str(item[wanted.attribute]) for item in (items[0], items[-1]))
        shown = replace(wanted, start=first, end=last, exclusive_start=False, exclusive_end=False)
        headers["Content-Range"] = str(shown)
        if has_more:
            headers["Next-Range"] = str(replace(wanted, start=last, exclusive_start=True))
    return Page(items=items, status=206 if has_more else 200, headers=headers)
