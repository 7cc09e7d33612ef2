"""Reading files of resources: those to import some lines at a time, so that a million take no more memory than some."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO, TextIO, TypeVar

from headrace.errors import Malformed, UnreadableFile
from headrace.models import State
from headrace.protocol.heroku_lists import Listed, OtherService, parse_heroku_list, parse_list
from headrace.protocol.import_lines import Imported, parse_line, parse_row

REQUIRED = ("uuid", "plan")
# The marks by which a spreadsheet or a shell says that a text is in UTF-16.
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
DELIMITERS = ",;\t|"
# What psql draws under its header and at the end: no row.
DRAWN = re.compile(r"[-+|\s]*|\(\d+ rows?\)")
T = TypeVar("T")


@dataclass(slots=True)
class Lines:
    """Some lines: what they import, what is wrong with others, each with its number, and how many are others' own."""

    resources: list[Imported] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    others: int = 0

    @property
    def count(self) -> int:
        return len(self.resources) + len(self.problems) + self.others


def open_text(file: BinaryIO) -> TextIO:
    """Read bytes as text: UTF-8, or UTF-16 with its mark, as spreadsheets and shells write it."""
    start = file.peek(2)[:2] if isinstance(file, io.BufferedReader) else b""
    return io.TextIOWrapper(file, encoding="utf-16" if start in UTF_16 else "utf-8-sig", newline="")


def read_lines(file: TextIO, form: str, *, size: int, service: str) -> Iterator[Lines]:
    """Read a file in one of the forms `csv`, `jsonl` and `heroku`, up to `size` lines at a time.

    Raises:
        UnreadableFile: the file is not what its form says.
    """
    lines = Lines()
    try:
        for number, found in _parse(file, form, service):
            if isinstance(found, Malformed):
                lines.problems.append(f"{'item' if form == 'heroku' else 'line'} {number}: {found.message}")
            elif isinstance(found, OtherService):
                lines.others += 1
            else:
                lines.resources.append(found)
            if lines.count == size:
                yield lines
                lines = Lines()
    except UnicodeDecodeError:
        raise UnreadableFile([f"{file.name} is not a text file in UTF-8."]) from None
    except csv.Error as error:
        raise UnreadableFile([f"{file.name} is not CSV: {error}."]) from None
    if lines.count:
        yield lines


@dataclass(slots=True)
class HerokuList:
    """Heroku's list: what it has of this add-on service by uuid; what cannot be read, and how many are others'."""

    listed: dict[str, Listed] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    others: int = 0


def read_heroku_list(file: TextIO, form: str, *, service: str) -> HerokuList:
    """Read a whole list, in one of the forms that an import takes; what it says is deprovisioned is not in it.

    Raises:
        UnreadableFile: the file is not what its form says.
    """
    found = HerokuList()
    if form != "heroku":
        for lines in read_lines(file, form, size=1000, service=service):
            found.problems += lines.problems
            found.listed |= {each.uuid: Listed(resource=each, state=each.state) for each in lines.resources}
    else:
        for number, item in enumerate(_read_items(file, service), start=1):
            if isinstance(item, Listed):
                found.listed[item.resource.uuid] = item
            elif isinstance(item, OtherService):
                found.others += 1
            else:
                found.problems.append(f"item {number}: {item.message}")
    found.listed = {uuid: each for uuid, each in found.listed.items() if each.state is not State.DEPROVISIONED}
    return found


def _read_items(file: TextIO, service: str) -> Iterator[Listed | OtherService | Malformed]:
    return _read_list(file, lambda text: parse_heroku_list(text, service=service))


def _read_list(file: TextIO, parse: Callable[[bytes], Iterator[T]]) -> Iterator[T]:
    try:
        yield from parse(file.read().encode())
    except UnicodeDecodeError:
        raise UnreadableFile([f"{file.name} is not a text file in UTF-8."]) from None
    except Malformed as error:
        raise UnreadableFile([f"{file.name} is not Heroku's list of resources: {error.message}"]) from None


def _parse(file: TextIO, form: str, service: str) -> Iterator[tuple[int, Imported | OtherService | Malformed]]:
    if form == "csv":
        yield from _parse_csv(file, service)
    elif form == "jsonl":
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _parse_one(lambda body: parse_line(body, service=service), line.encode())
    else:
        yield from enumerate(_read_list(file, lambda text: parse_list(text, service=service)), start=1)


def _parse_csv(file: TextIO, service: str) -> Iterator[tuple[int, Imported | Malformed]]:
    """Read rows as spreadsheets and psql write them: parted by any of four signs, with columns in any spelling."""
    before, header, delimiter = _read_header(file)
    reader = csv.reader(chain([header], file), delimiter=delimiter)
    names = [_spell_column(name) for name in next(reader, [])]
    if missing := [name for name in REQUIRED if name not in names]:
        columns = " and no column ".join(missing)
        raise UnreadableFile([f"{file.name} has no column {columns}; its first line names them."])
    for cells in reader:
        if not DRAWN.fullmatch("".join(cells)):
            row = dict(zip(names, cells, strict=False))
            yield before + reader.line_num, _parse_one(lambda each: parse_row(each, service=service), row)


def _read_header(lines: Iterable[str]) -> tuple[int, str, str]:
    """Return how many lines stand before the one that names the columns, that line, and what parts its columns."""
    told = ""
    for number, line in enumerate(lines):
        if line.lower().startswith("sep="):
            told = line[4:5]
        elif line.strip():
            return number, line, told or max(DELIMITERS, key=line.count)
    return 0, "", ","


def _spell_column(name: str) -> str:
    """`App ID` and `app-id` are `app_id`."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _parse_one(parse: Callable[[T], Imported], given: T) -> Imported | Malformed:
    try:
        return parse(given)
    except Malformed as error:
        return error
