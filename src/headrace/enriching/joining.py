"""The join of a partner's rows with where each resource stood at their moment, as SQL: row by row, or counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from headrace.enriching.engine import quote_name
from headrace.enriching.history import COLUMNS, OF_PLACE, UNKNOWN, UNKNOWN_PLACE, UNSEEN, UNSEEN_PLACE
from headrace.enriching.rows import Rows
from headrace.errors import UnreadableFile

DAY = 86_400_000_000
# By these it can be counted: a pipeline and an app by id, with the name beside it.
KEYS = ("stage", "pipeline", "app", "plan", "state", "day")
NAMED = {"pipeline": ("pipeline_id", "pipeline_name"), "app": ("app_id", "app_name")}
PLACE_KEYS = ("stage", *NAMED)
SHARE = 0.95
# What a row is joined by, under names that no file has for columns.
_UUID_NAME, _AT_NAME = '"uuid, as headrace reads it"', '"at, as headrace reads it"'
UUID, AT = f"r.{_UUID_NAME}", f"r.{_AT_NAME}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked of a file.

    `uuid` and `at` name its columns; `zone` and `unit` say what its times are in, where it does not. `keys` are what it
    is counted by, of KEYS or names of its own columns: without any, each row is given out with our columns behind its
    own, `prefix` before their names. `value` names the column that is reckoned with, `wants_p95` its 95th percentile.
    """

    uuid: str
    at: str
    zone: str | None = None
    unit: str | None = None
    keys: Sequence[str] = ()
    value: str | None = None
    wants_p95: bool = False
    prefix: str = ""

    @property
    def columns(self) -> set[str]:
        """Which of our columns it takes: all of them for each row, or those of its keys."""
        named = {name for key in self.keys for name in NAMED.get(key, (key,))}
        return named.intersection(COLUMNS) if self.keys else set(COLUMNS)


class Joining:
    """Says one join in SQL. Every row of the file comes out once, whatever is known of its resource."""

    def __init__(self, rows: Rows, wish: Wish, *, has_many: bool) -> None:
        self._rows, self._wish = rows, wish
        self._uuid = rows.read_uuid(wish.uuid)
        self._at = rows.read_time(wish.at, zone=wish.zone, unit=wish.unit)
        self._has_many = has_many

    def select_rows(self) -> str:
        """Return what gives each row out.

        Raises:
            UnreadableFile: the file has a column of the same name as one of ours.
        """
        wish = self._wish
        # The engine takes names that differ in nothing but their case for one.
        theirs = {name.lower() for name in self._rows.columns}
        taken = sorted({f"{wish.prefix}{name}".lower() for name in COLUMNS} & theirs)
        if taken:
            raise UnreadableFile(
                [f"It has a column `{taken[0]}` already: give ours a --prefix, headrace_ for example."]
            )
        ours = [*(f"place.{name}" for name in OF_PLACE), _READ["plan"], _READ["state"]]
        named = [f"{column} AS {quote_name(wish.prefix + name)}" for column, name in zip(ours, COLUMNS, strict=True)]
        kept = [f"r.{quote_name(name)}" for name in self._rows.columns]
        joins = [self._join_place(), _JOIN_PLAN, _JOIN_LIFE]
        return (
            f"SELECT {', '.join([*kept, *named])} FROM {self._select_times()} r {' '.join(joins)} "
            f"JOIN place ON place.place = {_PLACE}"
        )

    def create_narrow(self) -> str:
        """Return what keeps of each row the keys and the value alone, for what has to be looked at twice."""
        value = f"{self._read_value()} AS value"
        return f"CREATE TABLE narrow AS SELECT {', '.join([*self._say_keys(), value])} {self._say_join()}"

    def select_counts(self) -> str:
        """Return what counts the rows by its keys in one pass, and sums the value."""
        value = self._read_value()
        counts = ["count(*) AS rows", f"count({value}) AS counted", f"sum({value}) AS total"]
        counted = f"(SELECT {', '.join([*self._say_keys(), *counts])} {self._say_join()} GROUP BY ALL)"
        sums = ", sum(total) AS sum, sum(total) / nullif(sum(counted), 0) AS mean" if self._wish.value else ""
        return f"SELECT {self._name_keys()}, sum(rows)::BIGINT AS rows{sums} {self._from(counted)} GROUP BY ALL"

    def select_day(self, day: int) -> str:
        """Return what counts one day of what `create_narrow` kept, with the percentile: as much as fits in memory."""
        p95 = f"quantile_disc(value, {SHARE}) AS p95"
        return f"SELECT {self._name_keys()}, {_SUMS}, {p95} {self._from('narrow')} WHERE c.day = {day} GROUP BY ALL"

    def select_ranked(self) -> str:
        """Return the same for all of it, however much: by sorting, which needs no memory, and more time."""
        named = f"SELECT {self._name_keys()}, value {self._from('narrow')}"
        by = ", ".join(f"n.{quote_name(name)}" for name in self._names)
        ranked = (
            f"SELECT *, row_number() OVER (PARTITION BY {by} ORDER BY value NULLS LAST) AS rank, "
            f"count(value) OVER (PARTITION BY {by}) AS counted FROM ({named}) n"
        )
        p95 = f"min(value) FILTER (rank >= {SHARE} * counted) AS p95"
        return f"SELECT {by}, {_SUMS}, {p95} FROM ({ranked}) n GROUP BY ALL"

    def _from(self, source: str) -> str:
        return f"FROM {source} c{' JOIN place ON place.place = c.place' if self._is_placed else ''}"

    def _read_value(self) -> str:
        return self._rows.read_number(self._wish.value) if self._wish.value else "NULL::DOUBLE"

    def _say_keys(self) -> list[str]:
        """Each key as a narrow column: places by number, and what the file has under names of ours."""
        said = [f"{_PLACE} AS place"] if self._is_placed else []
        for number, key in enumerate(self._wish.keys):
            if key not in PLACE_KEYS:
                read = _READ.get(key) or self._rows.read_text(key)
                said.append(f"{read} AS {key if key == 'day' else f'key_{number}'}")
        return said

    def _name_keys(self) -> str:
        """The keys by their names, from their narrow columns."""
        named = []
        for number, key in enumerate(self._wish.keys):
            if key == "day":
                named.append("(DATE '1970-01-01' + c.day::INTEGER) AS day")
            elif key in PLACE_KEYS:
                named += [f"place.{name} AS {name}" for name in NAMED.get(key, (key,))]
            else:
                named.append(f"c.key_{number} AS {quote_name(key)}")
        return ", ".join(named)

    @property
    def _names(self) -> list[str]:
        return [name for key in self._wish.keys for name in NAMED.get(key, (key,))]

    @property
    def _is_placed(self) -> bool:
        return bool(set(PLACE_KEYS) & set(self._wish.keys))

    def _say_join(self) -> str:
        joins = [self._join_place()] if self._is_placed else []
        joins += [join for key, join in (("plan", _JOIN_PLAN), ("state", _JOIN_LIFE)) if key in self._wish.keys]
        return f"FROM {self._select_times()} r {' '.join(joins)}"

    def _select_times(self) -> str:
        return f"(SELECT *, {self._uuid} AS {_UUID_NAME}, {self._at} AS {_AT_NAME} FROM {self._rows.source} r)"

    def _join_place(self) -> str:
        spans = f"{AT} >= s.starts AND {AT} < s.stops"
        if not self._has_many:
            return f"LEFT JOIN place_span s ON s.uuid = {UUID} AND {spans}"
        stretch = f"coalesce(greatest(0, least(({AT} - m.begins) // m.width, m.stretches)), 0)"
        return (
            f"LEFT JOIN many m ON m.uuid = {UUID} "
            f"LEFT JOIN place_span s ON s.uuid = {UUID} AND s.stretch = {stretch} AND {spans}"
        )


_PLACE = (
    f"CASE WHEN s.uuid IS NULL THEN {UNSEEN_PLACE} WHEN {AT} < s.knows_from THEN {UNKNOWN_PLACE} "
    f"WHEN {AT} >= s.knows_to THEN s.after ELSE s.place END"
)
_JOIN_PLAN = f"LEFT JOIN plan_span p ON p.uuid = {UUID} AND {AT} >= p.starts AND {AT} < p.stops"
_JOIN_LIFE = f"LEFT JOIN life l ON l.uuid = {UUID}"
_READ = {
    "day": f"({AT} - CASE WHEN {AT} < 0 THEN {DAY - 1} ELSE 0 END) // {DAY}",
    "plan": f"coalesce(p.plan, '{UNSEEN}')",
    # When a provision failed is not kept: it counts as failed from the beginning.
    "state": (
        f"CASE WHEN l.uuid IS NULL THEN '{UNSEEN}' WHEN {AT} < l.created THEN '{UNKNOWN}' "
        f"WHEN {AT} >= l.deprovisioned THEN 'deprovisioned' WHEN {AT} >= l.provisioned THEN 'provisioned' "
        "WHEN l.state = 'failed' THEN 'failed' ELSE 'provisioning' END"
    ),
}
_SUMS = "count(*)::BIGINT AS rows, sum(value) AS sum, avg(value) AS mean"
