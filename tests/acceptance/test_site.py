"""The documentation as a site: made whole, without a link that leads nowhere, and without anybody else's server."""

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser

from house.reading import DOCS
from house.rooms import ROOT

# The site is made once for all of them.
pytestmark = [pytest.mark.acceptance, pytest.mark.long]

# What a page loads by itself, and not when somebody follows a link.
LOADING = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}
SHOWN = ("docs/index", "docs/settings", "docs/reference", "docs/tutorial", "README")
# A phone, and a screen with room for the navigation.
WIDTHS = (390, 1280)
# Pages that lead to each other, of which few seconds make a site.
FEW_PAGES = {
    "README.md": "# A clone\n\nIts [pages](docs/index.md).\n",
    "docs/index.md": "# Pages\n\n## How to\n\n- [Enrich](enrich.md)\n- [All](settings.md)\n- [Clone](../README.md)\n",
    "docs/enrich.md": "# Enrich\n\nWith [settings](settings.md#found).\n",
    "docs/settings.md": "# Settings\n\n## Found\n\nOf [all](enrich.md).\n",
}
WHOLE_SITE = ("README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG", "SECURITY")


class Reader(HTMLParser):
    """What a page links to, what it loads, and where in it a link may lead."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.ids: set[str] = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.ids.add(value)
            elif (tag, name) in LOADING and value:
                self.loads.add(value)
            elif (tag, name) == ("a", "href") and value:
                self.links.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `./dev docs` makes it; a warning of the generator's ends it."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([ROOT / "dev", "docs", folder], check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    return folder / "html"


def test_every_page_is_there_and_every_link_leads_somewhere(site: Path) -> None:
    """To a page, a file, or a place in a page; what a page loads is the site's own."""
    pages = {path: Reader(path) for path in site.rglob("*.html") if "_downloads" not in path.parts}
    broken = []
    for path, page in pages.items():
        for link in page.links | page.loads:
            if re.match(r"https?:|mailto:", link):
                continue
            target, _, place = unquote(link).partition("#")
            there = (path.parent / target.partition("?")[0]).resolve() if target else path
            if not there.exists() or (place and there in pages and place not in pages[there].ids):
                broken.append(f"{path.relative_to(site)}: {link}")

    wanted = {site / f"docs/{page.stem}.html" for page in DOCS} | {site / f"{name}.html" for name in WHOLE_SITE}
    assert [] == sorted(broken)
    assert set() == wanted - pages.keys()
    assert [] == [link for page in pages.values() for link in page.loads if re.match(r"(https?:)?//", link)]


def test_the_site_is_read_and_searched_without_a_network(site: Path, browser: Browser) -> None:
    """From the disk: nothing is asked of any host, no page is wider than its screen, and a search finds a page."""
    asked: list[str] = []
    too_wide = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        for width, name in product(WIDTHS, SHOWN):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(f"{site.as_uri()}/{name}.html")
            if page.evaluate("document.documentElement.scrollWidth") > width:
                too_wide.append((name, width))
        page.get_by_placeholder("Search").first.fill("client secret")
        page.keyboard.press("Enter")
        # Results come one by one, so the one that is looked for is waited for.
        results = page.locator("#search-results").get_by_role("link", name="Settings", exact=True)
        found = results.first.inner_text()
        parts = page.locator(".sidebar-tree .caption").all_inner_texts()

    assert [] == [url for url in asked if not url.startswith(("file:", "data:"))]
    assert [] == too_wide
    assert "Settings" == found
    assert ["Tutorial", "How to", "Reference", "Explanation", "The project"] == [part.capitalize() for part in parts]


def test_a_link_that_leads_nowhere_keeps_the_site_from_being_made(site: Path, tmp_path: Path) -> None:
    """So a page that is renamed is noticed where others lead to it; `site` has set the generator up."""
    for name in ("dev", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("docs/site", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / ".venv-docs").symlink_to(ROOT / ".venv-docs")
    for name, text in FEW_PAGES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    right = make_site(tmp_path)
    with (tmp_path / "docs" / "enrich.md").open("a", encoding="utf-8") as page:
        page.write("\n[Gone](gone.md), [lost](settings.md#lost)\n")
    wrong = make_site(tmp_path)

    assert 0 == right.returncode, right.stderr
    assert 0 != wrong.returncode
    assert "gone.md" in wrong.stderr
    assert "lost" in wrong.stderr


def make_site(clone: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run([clone / "dev", "docs"], env=environment, capture_output=True, text=True, check=False)
