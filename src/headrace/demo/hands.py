"""A person's hands in the demo: they ask something of Heroku, look at a board, and give an operator's order.

Each does what a person does with a browser, over HTTP; nothing here reaches into the service or into Heroku.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from headrace.emulator.front.app import LOCAL_PREFIX
from headrace.errors import HeadraceError

LOOKS_EVERY_SECONDS = 0.2
SHOWS_WITHIN_SECONDS = 60.0
_CSRF = re.compile(r'name="csrf" value="([^"]*)"')

Card = Mapping[str, Any]
Board = Mapping[str, Any]


class NotDone(HeadraceError):
    """What a step of the demo's tour asked for was not done."""


class Hands:
    """The hands of one person who has the operators' secret as well; use it as an asynchronous context."""

    def __init__(self, *, heroku: str, service: str, secret: str) -> None:
        self._heroku = heroku
        self._service = service
        self._secret = secret
        # Without `unsafe` it keeps no cookie of an address without a name.
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._session.close()

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask something of Heroku by the emulator's control API, and return what it answers.

        Raises:
            NotDone: it declined; the text has why.
        """
        async with self._session.request(method, f"{self._heroku}{LOCAL_PREFIX}{path}", json=body) as answer:
            shown = json.loads(await answer.read() or b"null")
        if answer.status >= 400:
            raise NotDone(shown["message"])
        return shown

    async def open_board(self, app: str, user: str) -> None:
        """Click on the add-on of an app in Heroku's dashboard, as somebody: from then on the board is theirs."""
        name = (await self.ask("GET", f"/apps/{quote(app)}"))["addons"][0]
        login = await self.ask("GET", f"/addons/{quote(name)}/sso?user={quote(user)}")
        await self._send(login["action"], login["fields"])

    async def look(self) -> Board:
        """Return the board as whoever is logged in sees it now.

        Raises:
            NotDone: nobody is.
        """
        async with self._session.get(f"{self._service}/board.json") as answer:
            board: Board = await answer.json()
        if answer.status >= 400:
            raise NotDone(board["message"])
        return board

    async def look_until(self, condition: Callable[[Board], bool], *, why: str) -> None:
        """Look at the board again and again until it shows something.

        Raises:
            NotDone: it does not within a minute; `why` is what was waited for.
        """
        try:
            async with asyncio.timeout(SHOWS_WITHIN_SECONDS):
                while not condition(await self.look()):
                    await asyncio.sleep(LOOKS_EVERY_SECONDS)
        except TimeoutError:
            raise NotDone(f"The board has not shown within a minute that {why}.") from None

    async def log_in_as_operator(self) -> None:
        """Send the operators' login, with the secret that they share."""
        await self._send(f"{self._service}/operators/login", {"secret": self._secret})

    async def read_operators(self, path: str) -> Any:
        """Return what a page of the operators' says, by its address that ends in `.json`.

        Raises:
            NotDone: it declined; the text has its status.
        """
        async with self._session.get(f"{self._service}{path}") as answer:
            shown = await answer.json()
        if answer.status >= 400:
            raise NotDone(f"{path} answered with {answer.status}.")
        return shown

    async def retry(self, uuid: str) -> None:
        """Press Retry on the operators' page of a resource, and on the one that asks whether it is meant.

        Raises:
            NotDone: the service declined; the text has its status.
        """
        address = f"{self._service}/operators/resources/{uuid}/retry"
        async with self._session.get(address) as answer:
            found = _CSRF.search(await answer.text())
        if found is None:
            raise NotDone(f"The operators' page of {uuid} answered with {answer.status}.")
        await self._send(address, {"csrf": unescape(found[1])})

    async def _send(self, address: str, form: Mapping[str, str]) -> None:
        async with self._session.post(address, data=form, allow_redirects=False) as answer:
            if answer.status >= 400:
                raise NotDone(f"{address} answered with {answer.status}.")


def list_cards(board: Board) -> Iterator[tuple[str, Card]]:
    """Yield every card with the stage that it stands at; outside a pipeline that is an empty text."""
    for pipeline in board["pipelines"]:
        for stage, cards in pipeline["stages"].items():
            yield from ((stage, card) for card in cards)
    yield from (("", card) for kind in ("uncoupled", "unknown") for card in board[kind])


def find_card(board: Board, app: str) -> tuple[str, Card] | None:
    """Return the card of an app with its stage, or None where the board does not show it."""
    return next(((stage, card) for stage, card in list_cards(board) if card["app"] == app), None)
