"""A partner's own face: what it may be, and what a page could not show is refused with what to give instead."""

from pathlib import Path

import pytest

from browsing import log_in, provision, visit
from headrace.errors import ConfigurationError
from headrace.face import Accent, Link, measure_contrast, read_accent, read_home, read_links, read_logo
from pair import play_pair

SVG = b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20'><circle cx='10' cy='10' r='9'/></svg>"


def test_contrast_is_measured_as_the_guidelines_define_it() -> None:
    """Black on white is the most there is, and a colour on itself the least."""
    assert (21.0, 1.0) == (measure_contrast("#000000", "#ffffff"), measure_contrast("#0b5fff", "#0b5fff"))


def test_a_face_is_read() -> None:
    """One colour or two, links with their words, and nothing at all."""
    assert Accent(light="#0b5fff", dark="#8ab4ff") == read_accent("#0B5FFF #8ab4ff")
    assert (None, (), "", None) == (read_accent(""), read_links(""), read_home(""), read_logo(""))
    links = (Link(words="API keys", href="https://acme.example/keys"), Link(words="Docs", href="http://localhost:80/"))
    assert links == read_links("API keys https://acme.example/keys, Docs http://localhost:80/")


@pytest.mark.parametrize(
    ("read", "text", "problem"),
    [
        (read_accent, "blue", "write it as #0b5fff"),
        (read_accent, "#ffff00", "cannot be read by day"),
        (read_accent, "#0b5fff #000033", "cannot be read by night"),
        (read_accent, "#000000 #ffffff #ffffff", "one colour or two"),
        (read_links, "https://acme.example", "its words and an address"),
        (read_links, "Docs javascript:alert(1)", "its words and an address"),
        (read_links, ", ".join(["Docs https://acme.example"] * 5), "there is room for 4"),
        (read_links, f"{'w' * 25} https://acme.example", "24 at most"),
        (read_home, "http://acme.example", "https://"),
        (read_logo, "nowhere.svg", "cannot be read"),
    ],
)
def test_what_a_page_could_not_show_is_refused(read: object, text: str, problem: str) -> None:
    """In a line that says what to give."""
    assert callable(read)
    with pytest.raises(ConfigurationError) as caught:
        read(text)

    assert problem in caught.value.problems[0]


@pytest.mark.parametrize("data", [b"GIF89a", b"<html>", b"<svg>" + b" " * 70_000])
def test_a_logo_is_an_svg_or_a_png(tmp_path: Path, data: bytes) -> None:
    """And no larger than a page's head may be."""
    file = tmp_path / "logo"
    file.write_bytes(data)

    with pytest.raises(ConfigurationError):
        read_logo(str(file))


async def test_the_board_wears_the_partners_face(sqlite_url: str, tmp_path: Path) -> None:
    """The logo and the colours are files of the service's own, which the page's policy allows; links lead to theirs."""
    logo = tmp_path / "logo.svg"
    logo.write_bytes(SVG)
    async with play_pair(
        sqlite_url,
        HEADRACE_LOGO=str(logo),
        HEADRACE_ACCENT="#0b5fff #8ab4ff",
        HEADRACE_PRODUCT_URL="https://acme.example",
        HEADRACE_LINKS="Docs https://acme.example/docs",
    ) as pair:
        page = await visit(pair, "/board", cookie=await log_in(pair, await provision(pair)))
        image, sheet = [await visit(pair, f"/face/{name}") for name in ("logo", "style.css")]

    assert ("image/svg+xml", SVG.decode()) == (image.headers["Content-Type"].partition(";")[0], image.text)
    assert "--water: light-dark(#0b5fff, #8ab4ff)" in sheet.text
    shown = ('src="/face/logo?v=', 'href="/face/style.css?v=', 'href="https://acme.example"', ">Docs</a>")
    assert all(text in page.text for text in shown)


async def test_a_service_without_a_face_has_none(sqlite_url: str) -> None:
    """Its addresses are like any that nothing is at."""
    async with play_pair(sqlite_url) as pair:
        pages = [await visit(pair, f"/face/{name}") for name in ("logo", "style.css")]

    assert [404, 404] == [page.status for page in pages]
