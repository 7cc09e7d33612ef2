"""What `./dev` promises to whoever cloned the repository a minute ago."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from house.rooms import ROOT

DEV = ROOT / "dev"


def find_commands() -> set[str]:
    """Return what `./dev` takes as its first argument and acts on."""
    return set(re.findall(r"^  ([a-z]+)\)", DEV.read_text(encoding="utf-8"), re.MULTILINE))


def read_pins(file: str) -> dict[str, str]:
    """Return the version of each package that a file of requirements installs."""
    return dict(
        re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements" / file).read_text(encoding="utf-8"), re.MULTILINE)
    )


def find_group(name: str) -> set[str]:
    """Return the packages that a group of pyproject.toml names, with those of the groups that it includes."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    plain = {re.split(r"[^\w.-]", each)[0].lower() for each in groups[name] if isinstance(each, str)}
    included = [find_group(each["include-group"]) for each in groups[name] if isinstance(each, dict)]
    return plain.union(*included)


def make_clone(folder: Path, *, wrong: set[str]) -> Path:
    """Make a clone whose environments stand ready, and in which all checks pass but those that are to find a wrong."""
    shutil.copy(DEV, folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("ruff", "mypy", "lint-imports", "pytest"):
        (programs / name).write_text(f"#!/bin/sh\nexit {int(name in wrong)}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    for stamp, of in ((".stamp", "requirements/dev.txt"), (".headrace-stamp", "pyproject.toml")):
        with (folder / of).open("rb") as file, (folder / ".venv" / stamp).open("wb") as to:
            subprocess.run(["cksum"], stdin=file, stdout=to, check=True)
    return folder / "dev"


def test_a_demo_waits_for_nothing_that_only_developing_needs() -> None:
    """Its environment has run.txt and no more, which has nothing of the group `dev`."""
    set_up = re.findall(r"^  demo\) (.*?);", DEV.read_text(encoding="utf-8"), re.MULTILINE)

    assert ["set_up .venv-run requirements/run.txt"] == set_up
    assert set() == find_group("dev") & set(read_pins("run.txt"))


def test_the_generator_of_the_docs_is_nobody_else_s_burden() -> None:
    """Its environment has docs.txt and no more, and neither running nor testing waits for it."""
    named = find_group("docs")

    assert named
    assert named <= set(read_pins("docs.txt"))
    assert set() == named & (set(read_pins("run.txt")) | set(read_pins("dev.txt")))
    assert "make_environment .venv-docs requirements/docs.txt" in DEV.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", ["run.txt", "uv.txt", "build.txt"])
def test_what_runs_and_what_is_developed_with_are_the_same_versions(file: str) -> None:
    """A demo shows what the tests tested, made by the same uv and built by the same backend."""
    developed_with = read_pins("dev.txt")
    pins = read_pins(file)

    assert pins
    assert pins == {name: developed_with.get(name) for name in pins}


def test_every_command_that_is_told_exists() -> None:
    """What README and CONTRIBUTING tell to run, ./dev runs."""
    told = {
        command
        for name in ("README.md", "CONTRIBUTING.md")
        for command in re.findall(r"\./dev ([a-z]+)", (ROOT / name).read_text(encoding="utf-8"))
    }

    assert set() == told - find_commands()


def test_help_lists_every_command() -> None:
    """`./dev help` needs nothing set up, and forgets nothing."""
    answer = subprocess.run([DEV, "help"], capture_output=True, text=True, check=True)

    assert find_commands() == set(re.findall(r"^\./dev ([a-z]+)", answer.stdout, re.MULTILINE))


def test_a_python_that_will_not_do_is_refused_in_one_line(tmp_path: Path) -> None:
    """It says what is needed, how to choose another, and what was found; nothing is left behind."""
    shutil.copy(DEV, tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.18 || exit 1\n', encoding="utf-8")
    old.chmod(0o755)

    answer = subprocess.run(
        [tmp_path / "dev", "demo"], env={**os.environ, "PYTHON": str(old)}, capture_output=True, text=True, check=False
    )

    needs = "headrace needs Python 3.11 or newer with its venv module; set PYTHON to one (found: Python 3.9.18).\n"
    assert (2, "", needs) == (answer.returncode, answer.stdout, answer.stderr)
    assert {"dev", "python3.9", "requirements"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        pytest.param(set(), 0, id="nothing"),
        pytest.param({"pytest"}, 1, id="a test"),
        pytest.param({"mypy"}, 2, id="a type"),
        pytest.param({"lint-imports"}, 2, id="an import"),
        pytest.param({"pytest", "mypy"}, 2, id="a test and a type"),
        pytest.param({"ruff"}, 1, id="a line's form"),
    ],
)
def test_no_more_than_tests_are_wrong_where_the_status_says_so(tmp_path: Path, wrong: set[str], status: int) -> None:
    """Types are checked beside the tests; `.ci/run` asks tests once more, which must not hide what else is wrong."""
    dev = make_clone(tmp_path, wrong=wrong)

    answer = subprocess.run([dev, "test"], capture_output=True, text=True, check=False)

    assert status == answer.returncode, answer.stderr
    assert ("as is said above" in answer.stderr) == (status == 2)
