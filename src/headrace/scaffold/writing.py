"""Putting new files into a folder: all of them, or, where one is there already, none."""

import os
from collections.abc import Mapping
from pathlib import Path

from headrace.errors import ConfigurationError, WouldOverwrite
from headrace.scaffold.files import NewFile


def write_files(folder: Path, new: Mapping[str, NewFile]) -> None:
    """Write files into a folder, which is made if it is not there.

    Raises:
        WouldOverwrite: some are there; nothing is written.
        ConfigurationError: the folder cannot be written.
    """
    there = [path for path in new if os.path.lexists(folder / path)]
    if there:
        raise WouldOverwrite(f"{path} is there already." for path in there)
    try:
        for path, file in new.items():
            _write(folder / path, file)
    except OSError as error:
        raise ConfigurationError([f"{error.filename} cannot be written: {error.strerror}."]) from None


def _write(path: Path, file: NewFile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, file.mode)) as opened:
        opened.write(file.content)
