"""The command line: exit 0 good, 1 a problem found, 2 misuse; one clear line instead of a traceback."""

import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from cli.running import invoke, run_python
from headrace.cli.main import main
from headrace.encryption import make_key
from headrace.settings import SETTINGS
from house.rooms import ROOT
from lab.kit.processes import find_command

COMMANDS = sorted(main.commands)


def test_help_names_every_command() -> None:
    """Each with a line that says what it does."""
    result = invoke("--help")

    assert 0 == result.exit_code
    for command in COMMANDS:
        assert f"\n  {command} " in result.output


async def test_help_comes_without_the_heavy_imports() -> None:
    """`headrace --help` answers at once: neither server, database nor workflow engine, nor what only commands need."""
    of_commands = ("asyncio", "importlib.metadata", "logging", "pathlib", "urllib.parse")
    heavy = ("aiohttp", "alembic", "dbos", "sqlalchemy", "uvicorn", *of_commands)
    script = f"import sys, headrace.cli.main; print([m for m in {heavy} if m in sys.modules])"
    done = await run_python(script)

    assert "[]\n" == done


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    """No command hides what it takes."""
    result = invoke(command, "--help")

    assert 0 == result.exit_code
    assert "Usage:" in result.output


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("ser", {"serve"}),
        ("manifest p", {"pull", "push"}),
        ("check --cl", {"--client-secret"}),
        ("check --format j", {"json", "junit"}),
    ],
)
def test_a_shell_completes_commands_options_and_values(words: str, offered: set[str]) -> None:
    """It is told the words so far, and which of them is not done."""
    *done, begun = words.split()
    completion = BashComplete(main, {}, "headrace", "_HEADRACE_COMPLETE")

    assert offered == {each.value for each in completion.get_completions(done, begun)}


def test_the_line_for_bash_that_the_page_shows_has_it_complete() -> None:
    """docs/settings.md: in the file that it reads at its start."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^\| bash \| .* \| `(eval .*)` \|$", page, re.MULTILINE)
    ask = 'COMP_WORDS=(headrace manifest rot) COMP_CWORD=2; _headrace_completion headrace; echo "${COMPREPLY[@]}"'
    path = f"{find_command('headrace').parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{line}\n{ask}"], capture_output=True, text=True, check=True, env={"PATH": path}
    )

    assert "rotate-password\n" == done.stdout


def test_version_is_the_package_s() -> None:
    """The one that pip installed."""
    result = invoke("--version")

    assert (0, True) == (result.exit_code, version("headrace") in result.output)


def test_settings_are_read_from_a_file_and_the_environment_wins(tmp_path: Path) -> None:
    """What is missing in both is reported, what is in one of them is not."""
    path = tmp_path / ".env"
    path.write_text("HEADRACE_CLIENT_SECRET=x\nHEADRACE_KEYS=bad\n", encoding="utf-8")
    result = invoke("notices", "--env-file", str(path), HEADRACE_KEYS=make_key())

    assert 2 == result.exit_code
    assert ["HEADRACE_MANIFEST"] == [
        setting.name for setting in SETTINGS if f"- Missing {setting.name}" in result.output
    ]
    assert "HEADRACE_KEYS" not in result.output
