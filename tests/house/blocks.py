"""The blocks of code in the docs, and what a page says of them: which test runs them, or why none does.

`<!-- run by tests/… -->` or `<!-- not run: why -->` stands before a block, for what follows it in its section; before
the first section it stands for the whole page.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from house.reading import DOCS, name_of
from house.rooms import ROOT

PAGES = (*DOCS, *(ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CONTRIBUTING", "SECURITY")))
# Python, and what is typed into a terminal. Other languages show what is printed, configured or drawn.
CODE = {"python", "console", ""}
PART = re.compile(
    r"^(?P<section>##) |<!-- run by (?P<test>\S+) -->|<!-- not run: (?P<reason>[^>]+) -->"
    r"|<!-- drawn from (?P<source>[^>]+) -->|(?P<end><!-- end -->)"
    r"|^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of code, and what stands above it: a test, a reason why there is none, or neither."""

    where: str
    page: str
    language: str
    text: str
    test: str | None
    reason: str | None


def list_code() -> list[Block]:
    """Return the code of every page, but for what is drawn from the source."""
    return [block for page in PAGES for block in _read(page)]


def _read(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    of_page: re.Match[str] | None = None
    latest: re.Match[str] | None = None
    is_in_section = is_drawn = False
    for part in PART.finditer(text):
        if part["section"]:
            is_in_section, latest = True, of_page
        elif part["source"] or part["end"]:
            is_drawn = bool(part["source"])
        elif part["test"] or part["reason"]:
            latest = part
            of_page = of_page if is_in_section else part
        elif part["language"] in CODE and not is_drawn:
            line = text.count("\n", 0, part.start()) + 1
            yield Block(
                where=f"{name_of(page)}:{line}",
                page=page.name,
                language=part["language"],
                text=part["text"],
                test=latest["test"] if latest else None,
                reason=latest["reason"] if latest else None,
            )
