"""A partner's file as the engine reads it: which columns it has, and two of them as what is joined by.

Of CSV and JSON lines nothing is guessed: each cell stays the text that it is until somebody says what it means. An
engine that finds types out by the first rows reads the later ones wrongly, and says nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.enriching.engine import quote_name, quote_text
from headrace.errors import UnreadableFile

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FORMS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
# How many microseconds a number of a time stands for; of nanoseconds a thousand are one.
UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}
WHOLE_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
NUMBERS = (*WHOLE_NUMBERS, "FLOAT", "DOUBLE", "DECIMAL")
# Behind the day and the hour: `Z`, ` UTC`, `+01:00`, `+0100`, `+01` or ` Europe/Berlin`.
ZONE = r".*\d{2}:\d{2}.*(Z|z|[+-]\d{2}(:?\d{2})?| [A-Za-z]{3,}(/[A-Za-z_]+)*)"
DAYS_AND_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A file that was opened: what to select from, its columns with their types, and what its form makes of a cell."""

    source: str
    columns: dict[str, str]
    form: str

    def require(self, name: str) -> str:
        """Return a column as SQL has it.

        Raises:
            UnreadableFile: there is none of that name.
        """
        if name not in self.columns:
            found = ", ".join(f"`{column}`" for column in self.columns)
            # What parts the cells of CSV shows in rows that have as many as the head.
            hint = " Do all rows have as many cells?" if self.form == "csv" and len(self.columns) == 1 else ""
            raise UnreadableFile([f"There is no column `{name}`: it has {found}.{hint}"])
        return f"r.{quote_name(name)}"

    def read_text(self, name: str) -> str:
        """Return what reads a column as text."""
        column = self.require(name)
        return f"({column} ->> '$')" if self.form == "jsonl" else f"{column}::VARCHAR"

    def read_number(self, name: str) -> str:
        """Return what reads a column as a number; what is none stops the reading, and an empty cell is left out.

        Raises:
            UnreadableFile: it is of a type that is no number.
        """
        column, kind = self.require(name), self.columns[name].partition("(")[0]
        if kind in NUMBERS:
            return column
        if kind not in ("VARCHAR", "JSON"):
            raise UnreadableFile([f"The column `{name}` is {self.columns[name]}: only numbers can be reckoned with."])
        text = self.read_text(name)
        says = f"'The column {_escape(name)} has what is no number: ' || left({text}, 40)"
        return f"CASE WHEN trim({text}) <> '' THEN coalesce(try_cast({text} AS DOUBLE), error({says})) END"

    def read_uuid(self, name: str) -> str:
        """Return what reads a column as a resource's uuid: ids are compared in lower case."""
        kind = self.columns.get(name, "VARCHAR")
        if kind not in ("VARCHAR", "JSON", "UUID"):
            raise UnreadableFile([f"The column `{name}` is {kind}: a resource's uuid is a text."])
        return f"lower({self.read_text(name)})"

    def read_time(self, name: str, *, zone: str | None, unit: str | None) -> str:
        """Return what reads a column as microseconds since 1970; a time that cannot be read stops the reading.

        `zone` is what times without one are in, `unit` what a number counts: s, ms, us or ns.

        Raises:
            UnreadableFile: it is without a zone or a unit, and nobody said which, or no time at all.
        """
        column, kind = self.require(name), self.columns[name].partition("(")[0]
        if kind == "TIMESTAMP WITH TIME ZONE":
            read = f"epoch_us({column})"
        elif kind == "TIMESTAMPTZ_NS":
            read = _read_count(f"epoch_ns({column})", "ns")
        elif kind in DAYS_AND_TIMES:
            read = f"epoch_us(timezone({quote_text(_require_zone(name, zone))}, {column}::TIMESTAMP))"
        elif kind in NUMBERS:
            read = _read_count(column, _require_unit(name, unit))
        elif kind in ("VARCHAR", "JSON"):
            read = self._read_time_text(name, zone=zone, unit=unit)
        else:
            raise UnreadableFile([f"The column `{name}` is {self.columns[name]}: a time is wanted."])
        return f"coalesce({read}, error('The column {_escape(name)} has a row without a time.'))"

    def _read_time_text(self, name: str, *, zone: str | None, unit: str | None) -> str:
        text = f"trim({self.read_text(name)})"
        is_said, spelt = f"{text} <> ''", f"left({text}, 40)"
        no_time = f"error('The column {_escape(name)} has what is no time: ' || {spelt})"
        if unit is not None:
            read = _read_count(f"try_cast({text} AS DECIMAL(38, 9))", unit)
            return f"coalesce({read}, CASE WHEN {is_said} THEN {no_time} END)"
        zoned, naive = f"try_cast({text} AS TIMESTAMPTZ)", f"try_cast({text} AS TIMESTAMP)"
        if zone is not None:
            bare = f"timezone({quote_text(zone)}, {naive})"
        else:
            asks = f"error('The column {_escape(name)} has a time without a zone (--zone says which): ' || {spelt})"
            bare = f"CASE WHEN {naive} IS NOT NULL THEN {asks} END"
        read = f"epoch_us(CASE WHEN {_has_zone(text)} THEN {zoned} ELSE {bare} END)"
        return f"coalesce({read}, CASE WHEN {is_said} THEN {no_time} END)"


def open_rows(engine: "DuckDBPyConnection", path: Path, form: str | None) -> Rows:
    """Open a file, or a folder of Parquet files.

    Raises:
        UnreadableFile: nobody said what it is, or it cannot be read as that.
    """
    found = form or ("parquet" if path.is_dir() else FORMS.get(path.suffix))
    if found is None:
        raise UnreadableFile([f"Say what {path.name} is with --format csv, jsonl or parquet."])
    source = _find_source(path, found)
    with explained(f"{path.name} as {found}"):
        described = engine.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    return Rows(source=source, columns={name: kind for name, kind, *_ in described}, form=found)


def require_zone(engine: "DuckDBPyConnection", zone: str) -> None:
    """Look up a time zone, also where every time of the file has its own.

    Raises:
        UnreadableFile: there is none of that name.
    """
    if engine.execute("SELECT 1 FROM pg_timezone_names() WHERE name = ?", [zone]).fetchone() is None:
        raise UnreadableFile([f"There is no time zone `{zone}`: say UTC, Europe/Berlin or another of these names."])


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what the engine cannot read into our error: its first line, without the statement that it repeats."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        says = str(error).split("\n", maxsplit=1)[0].removeprefix("Invalid Input Error: ")
        raise UnreadableFile([f"{what}: {says[:300]}"]) from None


def _find_source(path: Path, form: str) -> str:
    if form == "csv":
        return f"read_csv({quote_text(str(path))}, all_varchar = true, header = true, sample_size = 20480)"
    if form == "jsonl":
        # Each member as it is written; a member that only late lines have is found as well.
        return f"read_json({quote_text(str(path))}, format = 'newline_delimited', maximum_depth = 1, sample_size = -1)"
    pattern = path / "**" / "*.parquet" if path.is_dir() else path
    return f"read_parquet({quote_text(str(pattern))}, hive_partitioning = false, union_by_name = true)"


def _has_zone(text: str) -> str:
    """Cheap where it can be: nearly every time ends in Z or in an offset of five characters."""
    return f"(ends_with({text}, 'Z') OR regexp_full_match({text}, '{ZONE}'))"


def _read_count(number: str, unit: str) -> str:
    if unit == "ns":
        # As whole numbers: a float of today's nanoseconds is off by a hundred.
        return f"CAST(({number}::HUGEINT - CASE WHEN {number} < 0 THEN 999 ELSE 0 END) // 1000 AS BIGINT)"
    return f"CAST(floor({number} * {UNITS[unit]}) AS BIGINT)"


def _require_zone(name: str, zone: str | None) -> str:
    if zone is None:
        raise UnreadableFile(
            [f"The times of `{name}` have no zone: say what they are in with --zone, UTC for example."]
        )
    return zone


def _require_unit(name: str, unit: str | None) -> str:
    if unit is None:
        raise UnreadableFile(
            [f"The column `{name}` has numbers: say what they count since 1970 with --unit s, ms, us or ns."]
        )
    return unit


def _escape(name: str) -> str:
    return name.replace("'", "''")
