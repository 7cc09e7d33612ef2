"""The partner's own face, as a browser gets it: two files that the pages of customers refer to."""

import hashlib
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from headrace.face import Accent, Link, Logo
from headrace.web.ground.openapi import NOT_FOUND, DescribedRoute, Operation, Reply
from headrace.web.ground.pages import Face

LOGO, SHEET = "/face/logo", "/face/style.css"
STYLE_TYPE = "text/css"
KEPT = {"Cache-Control": "max-age=31536000, immutable"}

SHOW_LOGO = Operation(
    id="show_logo",
    summary="Return the partner's logo.",
    replies=NOT_FOUND | {200: Reply("The image.", {"image/svg+xml": str, "image/png": str})},
)
SHOW_SHEET = Operation(
    id="show_colours",
    summary="Return the partner's colours, as a stylesheet.",
    replies=NOT_FOUND | {200: Reply("The stylesheet.", {STYLE_TYPE: str})},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """What a partner has set of their own face; nothing of it has to be."""

    logo: Logo | None = None
    accent: Accent | None = None
    home: str = ""
    links: tuple[Link, ...] = field(default=())

    def routes(self) -> list[DescribedRoute]:
        """There are only those of what is set."""
        logo = [DescribedRoute(LOGO, self.show_logo, "GET", SHOW_LOGO)] if self.logo else []
        return [*logo, *([DescribedRoute(SHEET, self.show_sheet, "GET", SHOW_SHEET)] if self.accent else [])]

    def find_face(self) -> Face:
        """Return what a page needs; an address changes with what it leads to."""
        logo = f"{LOGO}?v={_digest(self.logo.data)}" if self.logo else ""
        sheet = f"{SHEET}?v={_digest(write_sheet(self.accent).encode())}" if self.accent else ""
        return Face(logo=logo, sheet=sheet, home=self.home, links=self.links)

    async def show_logo(self, _request: Request) -> Response:
        return Response(self.logo.data, media_type=self.logo.kind, headers=KEPT) if self.logo else Response(None, 404)

    async def show_sheet(self, _request: Request) -> Response:
        sheet = write_sheet(self.accent) if self.accent else ""
        return Response(sheet, media_type=STYLE_TYPE, headers=KEPT)


def write_sheet(accent: Accent) -> str:
    """Return the tokens that the accent sets: itself, and the ground of what is marked with it."""
    light_wash, dark_wash = (f"color-mix(in oklab, {accent.light} 9%, white)", "var(--wash-by-night)")
    dark = accent.dark or "var(--water-by-night)"
    if accent.dark:
        dark_wash = f"color-mix(in oklab, {accent.dark} 20%, #11181d)"
    return f":root {{ --water: light-dark({accent.light}, {dark}); --wash: light-dark({light_wash}, {dark_wash}); }}\n"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
