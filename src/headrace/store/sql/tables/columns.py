"""What tables, columns and indexes are made of, on SQLite and PostgreSQL alike. Times are UTC."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(sa.TypeDecorator[datetime]):
    """An aware datetime, always UTC; SQLite keeps no time zone of its own."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment without a time zone could mean anything.")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def result_processor(self, dialect: Dialect, _coltype: object) -> Callable[[Any], datetime | None]:
        # Called for each moment of each row: a layer more would cost more than the reading.
        return _read_text if dialect.name == "sqlite" else _read_aware


def _read_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(f"{value}+00:00")


def _read_aware(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


# Names are compared code by code, on PostgreSQL too: so an index finds those that begin with a text, and both
# databases sort alike. Heroku's names are in lower case (contract §6.4, §7.1).
Name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def uuid_column(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), **options)


def of_resource(**options: Any) -> sa.Column[str]:
    return sa.Column("resource_uuid", sa.String(36), sa.ForeignKey("resource.uuid"), nullable=False, **options)


def index_some(name: str, *columns: str, where: str, unique: bool = False) -> sa.Index:
    """Index the rows alone of which a condition holds."""
    holds = sa.text(where)
    return sa.Index(name, *columns, unique=unique, sqlite_where=holds, postgresql_where=holds)
