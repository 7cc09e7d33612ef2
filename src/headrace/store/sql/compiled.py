"""Statements as text, built once in a process for all databases that understand them alike."""

from typing import Any

import sqlalchemy as sa

# Many times what there is: a statement whose form depends on what is asked would else gather for ever.
MOST = 4000


class CompiledStatements(dict[Any, Any]):
    """What an engine of SQLAlchemy looks up before it builds a statement's text: its option `compiled_cache`.

    An engine's own ends with it. Whoever opens a database for a moment, and again for the next, or reads and writes by
    two engines, would build the same text each time, which takes longer than to run it.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_generalize(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        if len(self) >= MOST:
            self.clear()
        super().__setitem__(_generalize(key), compiled)


def _generalize(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Name what a text depends on where SQLAlchemy has the dialect first, of which each engine has one of its own."""
    dialect, *others = key
    return (_describe(dialect), *others)


def _describe(dialect: sa.Dialect) -> tuple[Any, ...]:
    return dialect.name, dialect.driver, dialect.server_version_info, dialect.default_schema_name


COMPILED = CompiledStatements()
