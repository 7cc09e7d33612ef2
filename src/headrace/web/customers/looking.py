"""What an open board's script asks for: what has changed on the page that it has, and is in sight there."""

from dataclasses import dataclass

import msgspec
from starlette.requests import Request

from headrace.errors import Malformed
from headrace.inspector.board import Board, Card
from headrace.inspector.board_filter import Filter, narrow, read_filter
from headrace.inspector.board_folds import list_open, list_seen
from headrace.inspector.board_parts import Known
from headrace.web.ground.bodies import read_body
from headrace.web.ground.openapi import show_page

# Some ten bytes for each card.
LOOK_LIMIT = 512 * 1024
LOOK_ANSWERED = {
    200: show_page("The board, with a place for each run of cards or lanes that the browser has."),
    400: show_page("The body says nothing of what a browser has."),
    408: show_page("The body did not arrive in time."),
    413: show_page(f"The body is larger than {LOOK_LIMIT:,} bytes."),
}


class Look(Known, frozen=True, kw_only=True):
    """What a browser has; and the ids of the lanes and folds that are open there."""

    open: tuple[str, ...] = ()


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
    asked = read_filter(request.query_params)
    if request.method != "POST":
        return Wanted(filter=asked)
    body = await read_body(request, limit=LOOK_LIMIT)
    try:
        return Wanted(filter=asked, look=msgspec.json.decode(body, type=Look))
    except msgspec.MsgspecError:
        raise Malformed("This is no look at a board.") from None
