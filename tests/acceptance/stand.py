"""A host that a browser believes in: pages, our static files and the board for programs, answered in place."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, Route

import headrace
from headrace.inspector.board_json import board_as_json
from headrace.web.ground.app import SECURITY_HEADERS
from scenes import build_scene

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

    `answered` has the status of each answer about the board for programs.
    """

    page: Page
    html: str = EMBEDDING
    board: Any = None
    status: int = 200
    style: str = PAGE_STYLE
    answered: list[int] = field(default_factory=list)

    def open(self) -> None:
        self.page.route("**/*", self._answer)
        self.page.goto(HOST)

    def show(self, scene: str) -> None:
        """Have the board for programs show a scene, looked at from its first card."""
        cards = build_scene(scene).cards
        self.board = board_as_json(build_scene(scene, opened=cards[0].resource.uuid if cards else None))

    def _answer(self, route: Route) -> None:
        headers = {**SECURITY_HEADERS}
        body, kind, status = "", "text/plain", 200
        match urlsplit(route.request.url).path:
            case "/":
                body, kind = self.html, "text/html"
            case "/board":
                status = 304
            case "/board.json":
                body, kind, status = json.dumps(self.board), "application/json", self.status
                headers["ETag"] = f'"{hash(body)}"'
                if route.request.headers.get("if-none-match") == headers["ETag"] and status == 200:
                    body, status = "", 304
                self.answered.append(status)
            case "/page.css":
                body, kind = self.style, "text/css"
            case path:
                file = STATIC / Path(path).name
                body, kind = file.read_text(encoding="utf-8"), KINDS[file.suffix]
        route.fulfill(status=status, body=body, content_type=kind, headers={**headers, "Content-Type": kind})
