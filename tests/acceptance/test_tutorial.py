"""docs/tutorial.md, from its first line to its last, as somebody follows it who copies what stands there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from acceptance.documented import complete, list_blocks
from acceptance.processes import HEADRACE, Processes, Running, build_environment, log_in

pytestmark = pytest.mark.acceptance

PAGE = "tutorial.md"
# Where the page says that each block of Python is put.
FILES = ("addon.py", "test_stages.py")
# What the page takes for granted; in a test every port is a free one.
HEROKU = "http://127.0.0.1:4999"
PROVISION = "headrace trigger provision --app storefront --plan test"
REFUSED = "headrace trigger plan-change --app storefront-staging --plan test"
BOARD = "headrace trigger sso --app storefront --user grace@lumen.example"


@dataclass
class Follower:
    """Two terminals in one folder; `said` is what each command of the second one printed."""

    folder: Path
    dev: Running
    heroku: str
    files: Iterator[str] = field(default_factory=lambda: iter(FILES))
    said: dict[str, str] = field(default_factory=dict)

    def follow(self, kind: str, text: str) -> None:
        """Do what a block of the page says: save it, or enter its lines."""
        if kind == "python":
            self.save(next(self.files), text)
        for line in text.splitlines() if not kind else ():
            self.enter(line.removeprefix("$ "))

    def save(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")
        if name == "addon.py":
            self.dev.wait_for_line(r"^addon\.py changed, starting again …\n(.*\n)*Ready in ")

    def enter(self, line: str) -> None:
        """Enter a line; one that the page marks as refused has to fail."""
        command, _, mark = line.partition("  # ")
        environment = build_environment(PATH=f"{HEADRACE.parent}:/usr/bin:/bin", HEROKU_HOST=self.heroku)
        done = complete(command.replace(HEROKU, self.heroku), folder=self.folder, environment=environment)
        self.said[command] = done.stdout + done.stderr
        assert (mark == "refused") == (done.returncode != 0), f"$ {command}\n{self.said[command]}\n{self.dev.render()}"


def test_the_tutorial_leads_from_an_empty_folder_to_a_board(processes: Processes, tmp_path: Path) -> None:
    """Both files are taken as they stand there, every command does what the page says, and the board has the panel."""
    (_, begin), *blocks = list_blocks(PAGE)
    assert ["$ headrace init acme-search && cd acme-search", "$ headrace dev"] == begin.splitlines()
    assert 0 == processes.headrace("init", "acme-search", cwd=tmp_path).wait()
    folder = tmp_path / "acme-search"
    dev = processes.headrace("dev", "--port", "0", "--heroku-port", "0", cwd=folder)
    follower = Follower(folder, dev, dev.wait_for_line(r"HEROKU_HOST=(\S+)")[1])
    dev.wait_for_line(r"^Ready in ")
    for kind, text in blocks:
        follower.follow(kind, text)
    with httpx2.Client() as browser:
        board = log_in(follower.said[BOARD].strip(), browser).text

    said = follower.said
    assert [] == list(follower.files)
    assert " on storefront: provisioned.\nIts board: " in said[PROVISION]
    assert "You have 12,000 documents; test has room for 1,000.\n" == said[REFUSED]
    assert [True] == ['"https://shared.search.acme.example/' in said[each] for each in said if each.startswith("curl ")]
    assert all(app in board for app in ("storefront-pr-1", "storefront-staging", "Documents", "12,000"))
    assert "1 passed" in said["python -m pytest test_stages.py"]
