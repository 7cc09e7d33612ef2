"""`headrace manifest`: a file here, and the manifest in force at the emulated Heroku."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from cli.running import invoke
from emulator.wire import ADA
from headrace.emulator import Emulator
from headrace.process.ports import bind


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """The manifest of the folder that the commands of this test run in; there is none yet."""
    with contextlib.chdir(tmp_path):
        yield tmp_path / "addon-manifest.json"


async def manifest(heroku: Emulator, *arguments: str, **environment: str) -> Result:
    """Run a command while the emulator serves in this process."""
    there = {"HEROKU_ADDONS_URL": heroku.url, "HEROKU_API_KEY": ADA, **environment}
    return await asyncio.to_thread(lambda: invoke("manifest", *arguments, **there))


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def read_mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


async def tell(heroku: Emulator, *commands: str) -> list[str]:
    """Return what commands print, one after the other."""
    return [(await manifest(heroku, *command.split())).output for command in commands]


def change(file: Path, **members: Any) -> None:
    contents = json.loads(read(file))
    file.write_text(json.dumps({**contents, **members}, indent=2), encoding="utf-8")


async def test_a_manifest_is_pulled_changed_and_pushed(heroku: Emulator, file: Path) -> None:
    """A push takes the revision that was pulled, brings back the next, and is in force at once."""
    pulled = await manifest(heroku, "pull", "acme-search")
    same = await manifest(heroku, "diff")
    change(file, name="Acme Find", unknown={"kept": True})
    differs = await manifest(heroku, "diff")
    pushed = await manifest(heroku, "push")
    contents = json.loads(read(file))

    assert [0, 0, 1, 0] == [result.exit_code for result in (pulled, same, differs, pushed)], pushed.output
    assert "Nothing differs.\n" == same.output
    assert ['name: "Acme Search" → "Acme Find"', "unknown.kept: nothing → true"] == differs.output.splitlines()
    assert ("Acme Find", 2, {"kept": True}) == (contents["name"], contents["$base"], contents["unknown"])
    assert "Acme Find" == heroku.state.addon_services["acme-search"].manifest.name
    assert 0o600 == read_mode(file)


async def test_no_command_shows_a_secret(heroku: Emulator, file: Path) -> None:
    told = [
        (await manifest(heroku, *words)).output for words in (("pull", "acme-search"), ("show",), ("check",), ("push",))
    ]
    change(file, api={"password": "hidden-password", "sso_salt": "hidden-salt"})
    told += [
        (await manifest(heroku, *words)).output for words in (("diff",), ("show",), ("check",), ("push",), ("pull",))
    ]

    assert [] == [
        text for text in told if "acme-manifest-password" in text or "acme-sso-salt" in text or "hidden" in text
    ]
    assert "api.password: another one" in told[4]


async def test_what_was_pushed_by_somebody_else_is_not_lost(heroku: Emulator, file: Path) -> None:
    """An old revision is refused by Heroku, and a pull over changes of one's own by us, until one says so."""
    await manifest(heroku, "pull", "acme-search")
    change(file, name="Mine")
    mine = read(file)
    other = file.with_name("other.json")
    await manifest(heroku, "pull", "acme-search", "--file", str(other))
    await manifest(heroku, "push", "--file", str(other))
    refused = await manifest(heroku, "push")
    kept = await manifest(heroku, "pull")

    assert (2, 2, mine) == (refused.exit_code, kept.exit_code, read(file))
    assert "$base is not 2" in refused.output
    assert 'name: "Acme Search" → "Mine"' in kept.output
    assert 0 == (await manifest(heroku, "pull", "--force")).exit_code
    assert '"$base": 2' in read(file)


async def test_what_heroku_refuses_is_said_in_its_words(heroku: Emulator, file: Path) -> None:
    """And the file stays as it is."""
    await manifest(heroku, "pull", "acme-search")
    change(file, api={"config_vars": ["lower"]})
    text = read(file)
    pushed, unknown = await manifest(heroku, "push"), await manifest(heroku, "pull", "nonsense")
    stranger = await manifest(heroku, "pull", "acme-search", HEROKU_API_KEY="nonsense")

    assert [2, 2, 2] == [result.exit_code for result in (pushed, unknown, stranger)]
    assert "api.config_vars: lower is not a name of capitals" in pushed.output
    assert text == read(file)
    assert "nonsense" not in stranger.output


def test_a_manifest_of_one_s_own_is_good_from_the_start(file: Path) -> None:
    made, good, again = invoke("manifest", "new", "acme-find"), invoke("manifest", "check"), invoke("manifest", "new")
    change(file, id="Acme", api={"password": ""})
    bad = invoke("manifest", "check")

    assert [0, 0, 2, 1] == [result.exit_code for result in (made, good, again, bad)]
    assert "addon-manifest.json is good.\n" == good.output
    assert "Nothing was written" in again.output
    assert {"id", "api.password", "api.production.base_url"} <= {
        line.split(": ")[1] for line in bad.output.splitlines()
    }


@pytest.mark.parametrize("words", ["check", "show", "push", "diff", "pull"])
def test_a_folder_without_a_manifest_says_how_to_get_one(file: Path, words: str) -> None:
    result = invoke("manifest", words, HEROKU_API_KEY="token")

    assert (2, True) == (result.exit_code, "`headrace manifest new` makes one" in result.output)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"HEROKU_ADDONS_URL": "http://heroku.example", "HEROKU_API_KEY": "t"}, "must begin with https://"),
        ({"HEROKU_ADDONS_URL": "http://127.0.0.1:9", "HEROKU_API_KEY": ""}, "Missing HEROKU_API_KEY"),
    ],
)
def test_a_secret_goes_nowhere_else(file: Path, environment: dict[str, str], said: str) -> None:
    result = invoke("manifest", "pull", "acme-search", **environment)

    assert (2, True) == (result.exit_code, said in result.output)


def test_a_host_that_is_not_there_is_said_in_a_line(file: Path) -> None:
    with bind("127.0.0.1", 0) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        result = invoke("manifest", "pull", "acme-search", HEROKU_ADDONS_URL=url, HEROKU_API_KEY="token")

    assert (2, True) == (result.exit_code, f"{url} cannot be reached." in result.output)


async def test_a_rotated_password_is_in_force_after_a_push(heroku: Emulator, file: Path) -> None:
    """Heroku is never told the old one again, and the file keeps it for the service, for the hours that were said."""
    await manifest(heroku, "pull", "acme-search")
    rotated = await manifest(heroku, "rotate-password", "--hours", "2")
    differs = await manifest(heroku, "diff")
    pushed, again = await manifest(heroku, "push"), await manifest(heroku, "rotate-password")
    contents = json.loads(read(file))
    service = heroku.state.addon_services["acme-search"]

    assert [0, 1, 0, 2] == [result.exit_code for result in (rotated, differs, pushed, again)], pushed.output
    assert 'heroku config:set HEADRACE_MANIFEST="$(cat addon-manifest.json)"' in rotated.output
    assert "api.password: another one\n" == differs.output
    assert "acme-manifest-password" == contents["$before"]["password"]
    assert contents["api"]["password"] == service.manifest.password.reveal()
    assert "$before" not in list(service.revisions.values())[-1].contents
    assert contents["api"]["password"] not in rotated.output + differs.output + pushed.output
