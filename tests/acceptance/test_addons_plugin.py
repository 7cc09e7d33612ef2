"""Files of Heroku's plugin for add-on partners, `heroku addons:admin`, and ours, from one to the other.

npm does not hand the plugin out. So a program of ours does with a file what the plugin's source does, by the client
that the plugin is made with and on the JavaScript that it runs on.
"""

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from acceptance.installs import HEROKU_COMMAND, install_from_npm
from acceptance.processes import HEADRACE, build_environment
from emulator.wire import ADA
from headrace.emulator import Emulator

pytestmark = pytest.mark.acceptance

PROGRAM = Path(__file__).with_name("ask_addons_host.mjs")
SECONDS = 120.0
FILE, OLDER_FILE = "addon-manifest.json", "addon_manifest.json"
# Members that nobody here knows, in an order of their own, with whatever JSON has.
UNKNOWN: dict[str, Any] = {
    "zeta": {"b": [], "a": {}, "text": 'ä 🚀 "quoted" \\ / \t \u2028 \x7f'},
    "alpha": [1, 0.5, True, None, {"x": [[]]}],
}

Folders = tuple[Path, Path]
Tool = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="session")
def node_modules() -> Path:
    return install_from_npm(*HEROKU_COMMAND)


@pytest.fixture
def plugin(heroku: Emulator, node_modules: Path, tmp_path: Path) -> Tool:
    """Run a command of the plugin's in a folder."""
    environment = build_environment(HOME=str(tmp_path), HEROKU_HOST=heroku.url, HEROKU_API_KEY=ADA)
    return _in_folders(["node", PROGRAM, node_modules], environment)


@pytest.fixture
def ours(heroku: Emulator) -> Tool:
    """Run `headrace manifest` in a folder."""
    environment = build_environment(HEROKU_ADDONS_URL=heroku.url, HEROKU_API_KEY=ADA)
    return _in_folders([HEADRACE, "manifest"], environment)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A folder in which the plugin is used, and one in which headrace is."""
    made = tmp_path / "theirs", tmp_path / "mine"
    for folder in made:
        folder.mkdir()
    return made


async def test_a_file_goes_unchanged_both_ways(plugin: Tool, ours: Tool, folders: Folders) -> None:
    """Byte for byte: who uses the one today and the other tomorrow sees no change that nobody made."""
    theirs, mine = folders
    await plugin(theirs, "pull", "acme-search")
    await ours(mine, "pull", "acme-search")
    pulled = [read(folder) for folder in (theirs, mine)]

    change(mine, **UNKNOWN)
    await ours(mine, "push")
    await plugin(theirs, "pull", "acme-search")
    pushed_by_us = [read(folder) for folder in (theirs, mine)]

    change(theirs, name="Acme Find")
    await plugin(theirs, "push")
    await ours(mine, "pull", "--force")
    pushed_by_them = [read(folder) for folder in (theirs, mine)]

    for first, second in (pulled, pushed_by_us, pushed_by_them):
        assert first == second
    contents = json.loads(pushed_by_them[0])
    assert ("Acme Find", UNKNOWN) == (contents["name"], {name: contents[name] for name in UNKNOWN})
    assert [1, 2, 3] == [json.loads(texts[0])["$base"] for texts in (pulled, pushed_by_us, pushed_by_them)]
    assert "Nothing differs.\n" == (await ours(mine, "diff")).stdout


async def test_both_take_the_older_file_where_it_is(plugin: Tool, ours: Tool, folders: Folders) -> None:
    """An older release of the plugin wrote it, and what is in force is not to depend on who pushes."""
    for folder, tool in zip(folders, (plugin, ours), strict=True):
        (folder / FILE).write_text("{}", encoding="utf-8")
        (folder / OLDER_FILE).write_text('{"id": "acme-search"}', encoding="utf-8")
        await tool(folder, "pull", "acme-search", *(["--force"] if tool is ours else []))

    theirs, mine = folders
    assert read(theirs, OLDER_FILE) == read(mine, OLDER_FILE)
    assert ("{}", "{}") == (read(theirs), read(mine))
    assert "acme-search" == json.loads(read(mine, OLDER_FILE))["id"]


async def test_both_say_why_a_push_is_refused(plugin: Tool, ours: Tool, folders: Folders) -> None:
    """A revision that is not the latest, in Heroku's words; the files stay as they are."""
    theirs, mine = folders
    await plugin(theirs, "pull", "acme-search")
    await ours(mine, "pull", "acme-search")
    before = read(mine)
    await plugin(theirs, "push")
    (theirs / FILE).write_text(before, encoding="utf-8")
    refused = [await tool(folder, "push", refused=True) for folder, tool in ((theirs, plugin), (mine, ours))]

    assert [True, True] == ["$base is not 2" in each.stderr for each in refused]
    assert [before, before] == [read(folder) for folder in folders]


def _in_folders(program: list[str | Path], environment: dict[str, str]) -> Tool:
    async def run(folder: Path, *arguments: str, refused: bool = False) -> Any:
        done = await asyncio.to_thread(
            subprocess.run,
            [*program, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert refused == (done.returncode != 0), done.stdout + done.stderr
        return done

    return run


def read(folder: Path, name: str = FILE) -> str:
    return (folder / name).read_bytes().decode()


def change(folder: Path, **members: Any) -> None:
    contents = {**json.loads(read(folder)), **members}
    (folder / FILE).write_text(json.dumps(contents, indent=2, ensure_ascii=False), encoding="utf-8")
