"""The one schema, for SQLite and PostgreSQL alike: tables, and the views that are read from outside."""

from headrace.store.sql.tables import counted, schema
from headrace.store.sql.tables.columns import METADATA

# Whoever imports a table has all of them.
__all__ = ("METADATA", "counted", "schema")
