"""`headrace init` and `headrace dev`, as they are entered."""

import contextlib
from pathlib import Path

import pytest

from cli.running import invoke
from headrace.process.ports import bind


def test_a_new_add_on_is_made_in_a_folder_of_its_name(tmp_path: Path) -> None:
    """What to enter next is said; a second time nothing is written, and every file is named."""
    with contextlib.chdir(tmp_path):
        made, again = invoke("init", "acme-search"), invoke("init", "acme-search")
        written = {path.name for path in (tmp_path / "acme-search").iterdir()}

    assert (0, True) == (made.exit_code, "cd acme-search\n" in made.output), made.output
    assert {"addon.py", "addon-manifest.json", ".python-version", "requirements.txt", "world.toml", ".env"} <= written
    assert 2 == again.exit_code
    assert "Nothing was written" in again.output
    assert len(written) == len([line for line in again.output.splitlines() if line.endswith(" is there already.")])


def test_a_new_add_on_is_named_after_the_folder(tmp_path: Path) -> None:
    """Nothing is asked that can be guessed."""
    (tmp_path / "Acme Search").mkdir()
    with contextlib.chdir(tmp_path / "Acme Search"):
        made = invoke("init")

    assert (0, True) == (made.exit_code, '"acme-search"' in (tmp_path / "Acme Search/addon-manifest.json").read_text())


@pytest.mark.parametrize("name", ["Acme", "../acme", "a b", ""])
def test_a_bad_name_is_said_in_a_line(tmp_path: Path, name: str) -> None:
    with contextlib.chdir(tmp_path):
        result = invoke("init", name)

    assert (2, []) == (result.exit_code, list(tmp_path.iterdir()))
    assert "Error: " in result.output
    assert "such as acme-search" in result.output


@pytest.mark.parametrize(("text", "said"), [("[", "The world is not valid TOML"), ("apps = 3", "write it as a list")])
def test_a_world_that_is_none_is_said_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "world.toml").write_text(text, encoding="utf-8")
    with contextlib.chdir(tmp_path):
        result = invoke("dev")

    assert (2, True) == (result.exit_code, said in result.output)


@pytest.mark.parametrize("text", ["{", '{"id": "Acme"}'])
def test_a_manifest_that_is_none_is_said_in_a_line(tmp_path: Path, text: str) -> None:
    """Without a world of one's own, Heroku begins with the add-on of the manifest."""
    (tmp_path / "addon-manifest.json").write_text(text, encoding="utf-8")
    with contextlib.chdir(tmp_path):
        result = invoke("dev")

    assert (2, True) == (result.exit_code, "anifest" in result.output), result.output


def test_a_used_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path), bind("127.0.0.1", 0) as used:
        used.listen()
        port = str(used.getsockname()[1])
        result = invoke("dev", "--port", port)

    assert (2, True) == (result.exit_code, "`headrace dev --port 0` takes any free one" in result.output)
    assert f"Port {port} on 127.0.0.1 cannot be had" in result.output


def test_a_folder_without_an_add_on_is_told_how_to_begin(tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        result = invoke("dev", "--port", "0", "--heroku-port", "0")

    assert 2 == result.exit_code
    assert "There is no module addon in" in result.output
    assert "`headrace init` makes an add-on" in result.output
