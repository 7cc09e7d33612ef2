"""Alembic's migrations, run by `headrace.store.migrate`."""
