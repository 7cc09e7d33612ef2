"""What whoever has a board asks for: what has changed of it. A page's script says what is in sight there, too."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request

from headrace.inspector.board import Board, Card
from headrace.inspector.board_filter import Filter, narrow, read_filter
from headrace.inspector.board_folds import list_open, list_seen, list_seen_first
from headrace.inspector.board_json import ChangesShape
from headrace.inspector.board_parts import Known
from headrace.protocol.import_lines import parse_body
from headrace.web.ground.bodies import read_body
from headrace.web.ground.openapi import Reply, show_json, show_page

# Some ten bytes for each card.
LOOK_LIMIT = 512 * 1024
# Among the ids of what is open, for all that stands open at first.
FIRST = "first"
OPEN = {
    "open": {
        "type": "array",
        "items": {"type": "string"},
        "description": "The ids of the lanes and folds that are open: only of the cards there panels are asked for. "
        "`first` is for those that stand open at first.",
    }
}

T = TypeVar("T", bound=Known)


def _refuse(show: Callable[[str], Reply]) -> dict[int, Reply]:
    return {
        400: show("The body says nothing of what a reader has."),
        408: show("The body did not arrive in time."),
        413: show(f"The body is larger than {LOOK_LIMIT:,} bytes."),
    }


LOOK_ANSWERED = {
    200: show_page("The board, with a place for each run of cards or lanes that the browser has."),
    **_refuse(show_page),
}
CHANGES_ANSWERED = {
    200: show_json("The board, with its version as ETag, and with runs of what the reader has.", ChangesShape),
    **_refuse(show_json),
}


class Look(Known, frozen=True, kw_only=True):
    """What a browser has; and the ids of the lanes and folds that are open there."""

    open: tuple[str, ...] = ()


class Reading(Known, frozen=True, kw_only=True):
    """What a program has; and the ids of the lanes and folds that are open there, if it shows any."""

    open: tuple[str, ...] | None = None

    def choose(self, board: Board) -> list[Card]:
        """Return whose panels are asked for: what is in sight, or all where nothing is said of that."""
        if self.open is None:
            return list_seen_first(board)
        return list_seen(board, {*self.open, *(list_open(board) if FIRST in self.open else ())})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be shown: the cards of a filter, to a browser that has nothing yet, or that looks again."""

    filter: Filter
    look: Look | None = None

    @property
    def known(self) -> Known:
        return self.look or Known()

    def choose(self, board: Board) -> list[Card]:
        """Return whose panels are asked for: what is in sight, and what was opened, which has a line of its own."""
        shown = narrow(board, self.filter)
        is_open = self.look.open if self.look else list_open(shown, is_narrowed=self.filter.is_on)
        seen = list_seen(shown, is_open)
        return seen if board.opened is None or shown.opened else [board.opened, *seen]


async def read_wanted(request: Request) -> Wanted:
    """Return what a request asks for, by its address, and by its body if it has one.

    Raises:
        Rejected: the body is none of our script's.
    """
    return Wanted(filter=read_filter(request.query_params), look=await _read(request, Look))


async def read_known(request: Request) -> Reading:
    """Return what a program has of a board and shows of it, by its body, or by its address if it has none.

    Raises:
        Rejected: the body says nothing of that.
    """
    return await _read(request, Reading) or Reading(open=tuple(request.query_params.getlist("open")) or None)


async def _read(request: Request, shape: type[T]) -> T | None:
    if request.method != "POST":
        return None
    return parse_body(await read_body(request, limit=LOOK_LIMIT), shape)
