"""What SQLAlchemy and psycopg make anew of each statement that is sent to a PostgreSQL, made once here.

It took a third of a statement's time. Only whoever opens a PostgreSQL imports this, because psycopg comes with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGIdentifierPreparer_psycopg

from headrace.store.sql.compiled import MOST


def keep_names(engine: sa.Engine) -> None:
    """Have the text of a statement kept in which the schemas of its tables are."""
    engine.dialect.identifier_preparer = Preparer(engine.dialect)


class Preparer(PGIdentifierPreparer_psycopg):
    """Puts schemas into a statement's text once for each place: there are two dozen names in many a one."""

    _kept: dict[tuple[Any, ...], str]

    def __init__(self, dialect: Any, **options: Any) -> None:
        super().__init__(dialect, **options)
        # SQLAlchemy copies a preparer, and what it has, for each statement that it builds.
        self._kept = {}

    @property
    def kept_count(self) -> int:
        """How many texts are kept."""
        return len(self._kept)

    def _render_schema_translates(self, statement: str, schema_translate_map: Mapping[Any, Any]) -> str:
        key = (statement, *schema_translate_map.items())
        text = self._kept.get(key)
        if text is None:
            if len(self._kept) >= MOST:
                self._kept.clear()
            text = self._kept[key] = super()._render_schema_translates(statement, schema_translate_map)
        return text


class Cursor(psycopg.Cursor[Any]):
    """Describes the columns of a result to whoever looks: SQLAlchemy wants to know only that there are some."""

    @property
    def description(self) -> Any:
        result = self.pgresult
        return _Columns(self) if result is not None and result.nfields else super().description

    def describe(self) -> list[psycopg.Column]:
        return super().description or []


class _Columns(Sequence[psycopg.Column]):
    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def __len__(self) -> int:
        result = self._cursor.pgresult
        return 0 if result is None else result.nfields

    @overload
    def __getitem__(self, index: int) -> psycopg.Column: ...

    @overload
    def __getitem__(self, index: slice) -> list[psycopg.Column]: ...

    def __getitem__(self, index: int | slice) -> psycopg.Column | list[psycopg.Column]:
        return self._cursor.describe()[index]

    def __iter__(self) -> Iterator[psycopg.Column]:
        return iter(self._cursor.describe())
