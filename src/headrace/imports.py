"""Reading a file of resources to import, some lines at a time: a million of them take no more memory than some."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TextIO

from headrace.errors import ConfigurationError, Malformed
from headrace.protocol.imports import Imported, parse_import, parse_list, parse_row

REQUIRED = ("uuid", "plan")


@dataclass(slots=True)
class Lines:
    """Some lines: what they import, and what is wrong with the others, each with its number."""

    resources: list[Imported] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.resources) + len(self.problems)


def read_lines(file: TextIO, form: str, *, size: int) -> Iterator[Lines]:
    """Read a file in one of the forms `csv`, `jsonl` and `heroku`, up to `size` lines at a time.

    Raises:
        ConfigurationError: the file is not what its form says.
    """
    lines = Lines()
    try:
        for number, found in _parse(file, form):
            if isinstance(found, Malformed):
                lines.problems.append(f"{'item' if form == 'heroku' else 'line'} {number}: {found.message}")
            else:
                lines.resources.append(found)
            if lines.count == size:
                yield lines
                lines = Lines()
    except UnicodeDecodeError:
        raise ConfigurationError([f"{file.name} is not a text file in UTF-8."]) from None
    except csv.Error as error:
        raise ConfigurationError([f"{file.name} is not CSV: {error}."]) from None
    if lines.count:
        yield lines


def _parse(file: TextIO, form: str) -> Iterator[tuple[int, Imported | Malformed]]:
    if form == "csv":
        yield from _parse_csv(file)
    elif form == "jsonl":
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _try(lambda line=line: parse_import(line.encode()))  # type: ignore[misc]
    else:
        try:
            yield from enumerate(parse_list(file.read().encode()), start=1)
        except Malformed as error:
            raise ConfigurationError([f"{file.name} is not Heroku's list of resources: {error.message}"]) from None


def _parse_csv(file: TextIO) -> Iterator[tuple[int, Imported | Malformed]]:
    reader = csv.DictReader(file)
    if missing := [name for name in REQUIRED if name not in (reader.fieldnames or ())]:
        columns = " and no column ".join(missing)
        raise ConfigurationError([f"{file.name} has no column {columns}; its first line names them."])
    for row in reader:
        yield reader.line_num, _try(lambda row=row: parse_row(row))  # type: ignore[misc]


def _try(parse: Callable[[], Imported]) -> Imported | Malformed:
    try:
        return parse()
    except Malformed as error:
        return error
