"""Putting new files into a folder: all of them, or, where one is there already, none."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from headrace.errors import ConfigurationError
from headrace.scaffold.files import NewFile

# Heroku's build takes one of these or requirements.txt; of two it makes nothing.
OTHER_LOCKS = ("Pipfile.lock", "poetry.lock", "uv.lock")


class WouldOverwrite(ConfigurationError):
    """New files would take the place of some that are there; nothing was written."""

    headline: ClassVar[str] = "Nothing was written"


def write_files(folder: Path, new: Mapping[str, NewFile]) -> None:
    """Write files into a folder, which is made if it is not there.

    Raises:
        WouldOverwrite: some are there; nothing is written.
        ConfigurationError: the folder cannot be written.
    """
    problems = [f"{path} is there already." for path in new if os.path.lexists(folder / path)]
    problems += [
        f"{lock} is there: Heroku's build takes it or requirements.txt, and fails where it finds both."
        for lock in OTHER_LOCKS
        if (folder / lock).exists()
    ]
    if problems:
        raise WouldOverwrite(problems)
    try:
        for path, file in new.items():
            _write(folder / path, file)
    except OSError as error:
        raise ConfigurationError([f"{error.filename} cannot be written: {error.strerror}."]) from None


def _write(path: Path, file: NewFile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, file.mode)) as opened:
        opened.write(file.content)
