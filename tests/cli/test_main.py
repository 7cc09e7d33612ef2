"""The command line: exit 0 good, 1 a problem found, 2 misuse; one clear line instead of a traceback."""

from importlib.metadata import version
from pathlib import Path

import pytest

from cli.running import invoke, run_python
from headrace.cli.main import main
from headrace.encryption import make_key
from headrace.settings import SETTINGS

COMMANDS = sorted(main.commands)


def test_help_names_every_command() -> None:
    """Each with a line that says what it does."""
    result = invoke("--help")

    assert 0 == result.exit_code
    for command in COMMANDS:
        assert f"\n  {command} " in result.output


async def test_help_comes_without_the_heavy_imports() -> None:
    """`headrace --help` answers at once: neither the server, the database nor the workflow engine is loaded."""
    heavy = "('dbos', 'aiohttp', 'uvicorn', 'alembic')"
    script = f"import sys, headrace.cli.main; print([m for m in {heavy} if m in sys.modules])"
    done = await run_python(script)

    assert "[]\n" == done


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    """No command hides what it takes."""
    result = invoke(command, "--help")

    assert 0 == result.exit_code
    assert "Usage:" in result.output


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
