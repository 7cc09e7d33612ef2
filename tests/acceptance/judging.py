"""What is held against every page: its console, the hosts it asks, its width, its HTML and what axe finds."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Browser as AsyncBrowser
from playwright.async_api import Playwright as AsyncPlaywright
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright

from acceptance.installs import find_chromium, install_from_npm

AXE = ("axe-core", "4.11.0")
HTML_VALIDATE = ("html-validate", "10.9.0")
PHONE, DESK = WIDTHS = 390, 1280
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# It would copy stylesheets into the page, which the policy forbids, for rules that are not among these; and it would
# tell of every element that is right.
JUDGE = """
axe.run({preload: false, resultTypes: ["violations"]})
    .then(found => found.violations.map(each => `${each.id}: ${each.nodes[0].html}`))
"""
# The standard, and not how this program's authors would write it.
RULES = {"root": True, "extends": ["html-validate:standard"]}


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)


async def launch_async(playwright: AsyncPlaywright) -> AsyncBrowser:
    return await playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)


@dataclass
class Watch:
    """Notes from now on what a page complains of, blocked scripts and styles included, and which hosts it asks."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _hear(self, message: ConsoleMessage) -> None:
        # What is less is advice of the browser's own, such as where to put a name for a password.
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


def find_faults(page: Page) -> list[str]:
    """Return what axe finds wrong with a page and how far it sticks out sideways, on a phone and then on a desk."""
    return [each for width in WIDTHS for each in (*_find_overflow(page, width), *find_violations(page))]


def find_overflow(page: Page) -> list[str]:
    """Return how far a page sticks out sideways, on a phone and then on a desk."""
    return [each for width in WIDTHS for each in _find_overflow(page, width)]


def _find_overflow(page: Page, width: int) -> list[str]:
    page.set_viewport_size({"width": width, "height": 844})
    overflow = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    return [f"{overflow} px too wide for {width}"] if overflow > 0 else []


def find_violations(page: Page) -> list[str]:
    """Return what axe finds wrong; its script is evaluated, as the page's policy lets none be added."""
    if not page.evaluate("'axe' in window"):
        axe = install_from_npm(*AXE) / "axe-core" / "axe.min.js"
        page.evaluate(axe.read_text(encoding="utf-8"))
    return [str(violation) for violation in page.evaluate(JUDGE)]


def find_invalid(folder: Path, *pages: str) -> list[str]:
    """Return where pages are not HTML as the standard has it."""
    program = install_from_npm(*HTML_VALIDATE) / ".bin" / "html-validate"
    (folder / ".htmlvalidate.json").write_text(json.dumps(RULES), encoding="utf-8")
    files = [folder / f"page-{number}.html" for number in range(len(pages))]
    for file, text in zip(files, pages, strict=True):
        file.write_text(text, encoding="utf-8")
    command = [str(program), "--formatter", "json", *map(str, files)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    reports = json.loads(answer.stdout)
    return [
        f"{each['ruleId']}: {each['message']} at {Path(report['filePath']).name}:{each['line']}"
        for report in reports
        for each in report["messages"]
    ]
