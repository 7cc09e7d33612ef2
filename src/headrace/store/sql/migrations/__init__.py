"""Alembic's migrations, run by `headrace.store.sql.migrate`."""
