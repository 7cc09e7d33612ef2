"""What every list of the operators has: its address, with filters and an order to choose, and pages by key."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

from headrace.store.reports.paging import MOST_COUNTED, Page, Place, Total
from headrace.web.ground.addresses import find_path
from headrace.wording import spell_count

# Where in a list a page begins, or going back ends; turning a filter on or off begins at the first page again.
BACK = "back_"
POSITIONS = ("after", "before", f"{BACK}after", f"{BACK}before")
SORT = "sort"
LONGEST_VALUE = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a list: its path and what was asked of it."""

    path: str
    query: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def as_json(self) -> "Address":
        """The same for programs."""
        return replace(self, path=f"{self.path}.json")

    @property
    def first(self) -> "Address":
        return self.drop(*POSITIONS)

    @property
    def is_first(self) -> bool:
        return self.first == self

    def find(self, name: str) -> str:
        return next((value for key, value in self.query if key == name), "")

    def find_all(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self.query if key == name)

    def at(self, name: str, position: str, *, is_back: bool = False) -> "Address":
        """The page that begins behind a position, or the one that ends in front of it."""
        return self.begin(name).add(BACK + name if is_back else name, position)

    def begin(self, name: str) -> "Address":
        """The first page of a list, of several that an address may have each by a name of its own."""
        return self.drop(name, BACK + name)

    def find_position(self, name: str) -> tuple[str, bool]:
        """Where the page of a list is, and whether it ends there."""
        position = self.find(BACK + name)
        return (position, True) if position else (self.find(name), False)

    def only(self, name: str, value: str) -> "Address":
        """The list with this value of a filter, and no other value of it."""
        return self.first.drop(name).add(name, value)

    def turn(self, name: str, value: str) -> "Address":
        """The list with a filter on that is off, or off that is on."""
        kept = tuple(pair for pair in self.first.query if pair != (name, value))
        return replace(self, query=kept) if (name, value) in self.query else self.first.add(name, value)

    def add(self, name: str, value: str) -> "Address":
        return replace(self, query=(*self.query, (name, value)))

    def drop(self, *names: str) -> "Address":
        return replace(self, query=tuple(pair for pair in self.query if pair[0] not in names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A filter as a link that turns it on or off."""

    label: str
    href: str
    is_on: bool
    stage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of a column that a list can go by: the link that has it do so, or turn round, and how it goes now."""

    href: str
    sort: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The addresses of the pages beside one; None at either end of a list."""

    previous: str | None
    next: str | None


def read_address(request: Request, *names: str) -> Address:
    """Return what a request asks of a list; what the list does not know is left out, and what no database takes."""
    values = [(name, value.replace("\0", "")) for name, value in request.query_params.multi_items() if name in names]
    query = tuple((name, value[:LONGEST_VALUE]) for name, value in values if value.strip())
    return Address(find_path(request), query)


def turn_chip(address: Address, label: str, name: str, value: str, *, stage: str = "") -> Chip:
    """Return the chip of a filter that stands beside others of its name."""
    return Chip(label=label, href=str(address.turn(name, value)), is_on=value in address.find_all(name), stage=stage)


def only_chips(
    address: Address, name: str, choices: Iterable[tuple[str, str]], *, has_stages: bool = False
) -> list[Chip]:
    """Return the chips of a filter that has one value at the most."""
    here = address.find(name)
    return [
        Chip(
            label=label,
            href=str(address.turn(name, value) if value == here else address.only(name, value)),
            is_on=value == here,
            stage=value if has_stages else "",
        )
        for value, label in choices
    ]


def find_next(address: Address, name: str, rows: Sequence[T], spell: Callable[[T], str], *, most: int) -> str | None:
    """Return the address of the page behind a full one: of `rows` one more was asked for than the `most` of a page."""
    return str(address.at(name, spell(rows[most - 1]))) if len(rows) > most else None


def tell_pages(address: Address, name: str, page: Page[Any, T], spell: Callable[[T], str]) -> Pages:
    """Return the addresses of the pages beside one."""
    return Pages(
        previous=None if page.previous is None else str(address.at(name, spell(page.previous), is_back=True)),
        next=None if page.next is None else str(address.at(name, spell(page.next))),
    )


def read_place(address: Address, name: str, read: Callable[[str], T | None]) -> Place[T] | None:
    """Return where the page is that an address asks for; what cannot be read is the beginning of the list."""
    position, is_back = address.find_position(name)
    key = read(position) if position else None
    return None if key is None else Place(key, is_back)


def order_heads(address: Address, orders: Mapping[str, bool], *, by: str, is_ascending: bool) -> dict[str, Head]:
    """Return the heads of the columns that a list can go by, and whether each goes upwards where it begins.

    The one that it goes `by` turns it round.
    """
    heads = {}
    for order, begins_upward in orders.items():
        upward = not is_ascending if order == by else begins_upward
        here = ("ascending" if is_ascending else "descending") if order == by else None
        href = address.first.drop(SORT).add(SORT, order if upward else f"-{order}")
        heads[order] = Head(href=str(href), sort=here)
    return heads


def read_sort(address: Address) -> tuple[str, bool]:
    """Return what a list is to go by, empty where nothing is said, and whether upwards."""
    sort = address.find(SORT)
    return sort.removeprefix("-"), not sort.startswith("-")


def spell_total(total: Total, noun: str) -> str:
    """Return `57 resources`, `more than 10,000 resources`, or `at least 57 resources` where not all were looked at."""
    counted = spell_count(total.count, noun)
    if not total.is_more:
        return counted
    return f"{'more than' if total.count >= MOST_COUNTED else 'at least'} {counted}"


def spell_position(at: datetime, *rest: str) -> str:
    """Return a position in a list that goes by time, exact to the microsecond."""
    return "/".join((f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", *rest))


def read_position(text: str, *, parts: int = 2) -> tuple[datetime, list[str]] | None:
    """Return what `spell_position` made, or None: a position that cannot be read is the beginning of the list."""
    moment, *rest = text.split("/", maxsplit=parts - 1)
    try:
        at = datetime.fromisoformat(moment).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return (at, rest) if len(rest) == parts - 1 and moment.endswith("Z") else None
