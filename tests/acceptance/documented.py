"""The commands of a page, as whoever follows it enters them."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from house.rooms import ROOT

UNTRIED = re.compile(r"  # untried$")
COMMAND_SECONDS = 240.0


def list_commands(page: str, section: str = "") -> list[str]:
    """Return the lines that begin with `$`, of a section or of the whole page, without those marked as untried."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    if section:
        text = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [line for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE) if not UNTRIED.search(line)]


def list_blocks(page: str) -> list[tuple[str, str]]:
    """Return the blocks of code of a page, each with its language, or none where a terminal is shown."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)


def enter(command: str, *, folder: Path, environment: Mapping[str, str]) -> str:
    """Enter a command in a shell, where it has to succeed; return what it says."""
    done = complete(command, folder=folder, environment=environment)
    assert 0 == done.returncode, f"$ {command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def complete(command: str, *, folder: Path, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Enter a command in a shell, and return how it ended."""
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=COMMAND_SECONDS,
    )
