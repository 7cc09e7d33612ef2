"""What others hold on to stays: names, commands, addresses, and what an installed headrace consists of."""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import headrace
from house.public import KEPT, KEPT_TEXTS
from house.reference import list_undocumented
from house.rooms import ROOT


@pytest.mark.parametrize(("name", "render"), KEPT_TEXTS.items(), ids=KEPT_TEXTS)
def test_what_others_hold_on_to_changes_on_purpose_only(name: str, render: Callable[[], str]) -> None:
    """Who changes a public name, a command's help or an address sees it here; `./dev draw` says that it is meant."""
    assert (KEPT / name).read_text(encoding="utf-8") == render()


def test_a_wheel_holds_the_sources_and_nothing_else(tmp_path: Path) -> None:
    """Templates, styles, worlds and migrations are installed with the code that reads them."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        installed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "headrace"],
        cwd=ROOT / "src",
        check=True,
        capture_output=True,
        text=True,
    )
    sources = {name for name in listed.stdout.splitlines() if (ROOT / "src" / name).exists()}

    assert sources == installed


def test_every_public_name_and_method_has_a_docstring() -> None:
    """docs/reference.md is made of them."""
    assert [] == list_undocumented()


def test_the_package_shows_its_public_names_and_no_others() -> None:
    """To `dir`, to a star import and to whoever asks for one of them, each as the class it is."""
    starred: dict[str, object] = {}
    exec("from headrace import *", starred)
    del starred["__builtins__"]

    assert sorted(headrace.__all__) == dir(headrace)
    assert set(headrace.__all__) == starred.keys()
    assert headrace.__all__ == [getattr(headrace, name).__name__ for name in headrace.__all__]


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    """Even when a module that has public ones imports it."""
    with pytest.raises(AttributeError, match="module 'headrace' has no attribute 'ENTITIES'"):
        headrace.ENTITIES  # type: ignore[attr-defined]  # noqa: B018
