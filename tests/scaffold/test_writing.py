"""New files in a folder."""

from pathlib import Path

import pytest

from headrace.errors import ConfigurationError
from headrace.scaffold.files import PRIVATE, NewFile
from headrace.scaffold.writing import WouldOverwrite, write_files

NEW = {"addon.py": NewFile(b"code"), "wheels/x.whl": NewFile(b"wheel"), ".env": NewFile(b"secret", PRIVATE)}


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    """What is private is its owner's alone from the first moment."""
    write_files(tmp_path / "new", NEW)

    assert {"addon.py", "wheels", ".env"} == {path.name for path in (tmp_path / "new").iterdir()}
    assert b"wheel" == (tmp_path / "new" / "wheels" / "x.whl").read_bytes()
    assert PRIVATE == (tmp_path / "new" / ".env").stat().st_mode & 0o777


def test_nothing_is_written_where_something_is(tmp_path: Path) -> None:
    """Each file that is in the way is named, a link that leads nowhere among them."""
    (tmp_path / "addon.py").write_text("mine", encoding="utf-8")
    (tmp_path / ".env").symlink_to("nowhere")
    with pytest.raises(WouldOverwrite) as error:
        write_files(tmp_path, NEW)

    assert ("addon.py is there already.", ".env is there already.") == error.value.problems
    assert {"addon.py", ".env"} == {path.name for path in tmp_path.iterdir()}
    assert "mine" == (tmp_path / "addon.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", ["uv.lock", "poetry.lock", "Pipfile.lock"])
def test_a_lock_of_another_tool_is_in_the_way(tmp_path: Path, lock: str) -> None:
    """Heroku's build fails where there are two."""
    (tmp_path / lock).touch()
    with pytest.raises(WouldOverwrite, match=rf"{lock} is there: Heroku's build takes it or requirements.txt"):
        write_files(tmp_path, {"requirements.txt": NewFile(b"")})


def test_a_folder_that_is_none_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("a file", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_files(tmp_path / "new", NEW)
