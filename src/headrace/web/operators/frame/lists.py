"""What every list of the operators has: its address, with filters to turn on and off, and pages by key."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

from headrace.web.ground.addresses import find_path

# Where in a list a page begins; turning a filter on or off begins at the first page again.
POSITIONS = ("after", "before")
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

    def at(self, name: str, position: str) -> "Address":
        """The page that begins at a position."""
        return self.drop(name).add(name, position)

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
