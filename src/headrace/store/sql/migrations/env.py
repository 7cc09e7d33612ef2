"""Where alembic starts: it migrates the engine it is handed."""

from alembic import context

from headrace.store.sql.database import let_idle
from headrace.store.sql.migrate import keep_for_older, keep_newest
from headrace.store.sql.place import read_place
from headrace.store.sql.tables import METADATA
from headrace.store.sql.tables.views import drop_views, make_views

# Two processes may start at the same moment: one of them waits for the other, by a lock on PostgreSQL and by SQLite's
# own, taken before the version is read.
engine = context.config.attributes["engine"]
with engine.connect() as connection:
    place = read_place(connection)
    if place is None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # Both end with the transaction, in which all of it is done. Migrations name no schema.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({place.migration_lock})")
        let_idle(connection)
        connection.exec_driver_sql(f'SET LOCAL search_path TO "{place.tables}"')
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        version_table_schema=None if place is None else place.tables,
        render_as_batch=place is None,
        compare_type=True,
    )
    with context.begin_transaction():
        keep_newest(connection)
        drop_views(connection)
        context.run_migrations()
        make_views(connection)
        keep_for_older(connection)
    connection.commit()
