"""How Sphinx makes a site of the Markdown: the pages are those of the repository, as they stand there.

`./dev docs` runs it. docs/index.md orders the pages: each of its headings is a part of the site's navigation, and what
is listed below it are that part's pages.
"""

import posixpath
import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = PROJECT["name"]
version = release = PROJECT["version"]
language = "en"

root_doc = "docs/index"
include_patterns = ["docs/*.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"]

extensions = ["myst_parser"]
# As GitHub names them, so that a link holds in both places.
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"{project} {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
# A page at the root that leads to the first one.
html_extra_path = ["root"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_theme_options = {"top_of_page_buttons": []}
pygments_style = "friendly"
pygments_dark_style = "monokai"
# What cannot be coloured is shown without: JSON with something left out, a query of a newer grammar, a diagram, which
# GitHub draws and which says the same as the table before it.
suppress_warnings = ["misc.highlighting_failure"]
# A page shows what was written.
smartquotes = False
# What has no language is a terminal's.
highlight_language = "text"


def list_parts(index: str) -> list[tuple[str, list[str]]]:
    """Return the parts of the navigation, each with the names of its pages, from the root."""
    parts = []
    for part in index.split("\n## ")[1:]:
        heading, _, text = part.partition("\n")
        links = re.findall(r"^- \[[^\]]+\]\(([^)]+)\.md\)", text, re.MULTILINE)
        parts.append((heading, [posixpath.normpath(f"docs/{link}") for link in links]))
    return parts


def add_navigation(_app: Sphinx, name: str, source: list[str]) -> None:
    """Give the first page the tables of contents that the navigation is made of; they are not shown in it."""
    if name != root_doc:
        return
    for heading, pages in list_parts(source[0]):
        listed = "\n".join(f"/{page}" for page in pages)
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{listed}\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Have the navigation added."""
    app.connect("source-read", add_navigation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
