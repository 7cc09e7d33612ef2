"""A host that a browser believes in: pages, our static files and the board for programs, answered in place."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from playwright.sync_api import Page, Request, Route

import headrace
from headrace.inspector.board import Board, PlacedResource, build_board
from headrace.inspector.board_json import board_as_json, changes_as_json
from headrace.web.customers.looking import Reading
from headrace.web.ground.app import SECURITY_HEADERS
from scenes import NOON, build_scene

HOST = "https://acme.test"
STATIC = Path(headrace.__file__).parent / "static"
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
EMBEDDING = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>A page</title><link rel="stylesheet" href="/page.css">
<script type="module" src="/static/headrace-board.js"></script></head>
<body><main><h1>Your indexes</h1><headrace-board src="/board.json"></headrace-board></main></body></html>"""
PAGE_STYLE = ":root { color-scheme: light dark } body { background: Canvas; color: CanvasText }"


@dataclass
class Stand:
    """What is answered to one page, with headrace's own headers: the strictest policy that we know of.

    `board` is the board for programs, of which only the whole is had, as of a host that hands on no more. What is
    `placed` is answered by what a reader has of it, too; unless `declines` is the status of every POST. `answered` has
    the status of each answer about the board for programs, and `asked` the method and the length of its body. Where it
    `spares_panels`, only those are had that a reader has in sight.
    """

    page: Page
    html: str = EMBEDDING
    board: Any = None
    status: int = 200
    style: str = PAGE_STYLE
    placed: Board | None = None
    declines: int = 0
    spares_panels: bool = False
    answered: list[int] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def open(self) -> None:
        self.page.route("**/*", self._answer)
        self.page.goto(HOST)

    def show(self, scene: str) -> None:
        """Have the board for programs show a scene, looked at from its first card."""
        cards = build_scene(scene).cards
        self.board = board_as_json(build_scene(scene, opened=cards[0].resource.uuid if cards else None))

    def place(self, resources: Sequence[PlacedResource], *, is_confirmed: bool = True) -> None:
        """Have the board show these, to who says what they have of it as well."""
        self.placed = replace(build(resources), is_confirmed=is_confirmed)
        self.board = board_as_json(self.placed)

    def _answer_board(self, request: Request) -> tuple[int, str, str]:
        """Return the status, the body and the version."""
        body = json.dumps(self.board)
        version = f'"{hash(body)}"'
        if self.status != 200:
            return self.status, body, version
        if request.method == "POST":
            if self.declines or not self.placed:
                return self.declines or 405, "", ""
            reading = msgspec.json.decode(request.post_data or "", type=Reading)
            return 200, self._draw(self.placed, reading), version
        if request.headers.get("if-none-match") == version:
            return 304, "", version
        if self.placed and request.headers.get("prefer") == "return=minimal":
            return 204, "", version
        opened = parse_qs(urlsplit(request.url).query).get("open")
        if self.placed and opened:
            body = self._draw(self.placed, Reading(open=tuple(opened)))
        return 200, body, version

    def _draw(self, board: Board, reading: Reading) -> str:
        if self.spares_panels:
            seen = {card.resource.uuid for card in reading.choose(board)}
            resources = [card.resource for card in board.cards]
            shown = [each if each.uuid in seen else replace(each, panel=None, is_asked=False) for each in resources]
            board = replace(build(shown), is_confirmed=board.is_confirmed)
        return msgspec.json.encode(changes_as_json(board, reading)).decode()

    def _answer(self, route: Route) -> None:
        headers = {**SECURITY_HEADERS}
        body, kind, status = "", "text/plain", 200
        match urlsplit(route.request.url).path:
            case "/":
                body, kind = self.html, "text/html"
            case "/board":
                status = 304
            case "/board.json":
                (status, body, headers["ETag"]), kind = self._answer_board(route.request), "application/json"
                self.answered.append(status)
                self.asked.append((route.request.method, len(body)))
            case "/page.css":
                body, kind = self.style, "text/css"
            case path:
                file = STATIC / Path(path).name
                body, kind = file.read_text(encoding="utf-8"), KINDS[file.suffix]
        route.fulfill(status=status, body=body, content_type=kind, headers={**headers, "Content-Type": kind})


def build(resources: Sequence[PlacedResource]) -> Board:
    return build_board(resources, opened=None, now=NOON, stale_after=timedelta(minutes=15))
