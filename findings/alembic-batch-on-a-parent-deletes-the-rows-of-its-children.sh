#!/usr/bin/env bash
# Expected: batch_alter_table on SQLite (make one column nullable) copies the table; rows of other tables are nobody's business.
# Happens: with foreign keys enforced, as SQLAlchemy's own recipe sets it for each connection, the DROP of the old table is an implicit DELETE of
# all its rows: ON DELETE CASCADE empties the children, ON DELETE SET NULL cuts them off. No error, no warning; Alembic reports success.
# PRAGMA foreign_keys=OFF inside the migration does nothing once anything has been written before it, being within a transaction then.
# Means: one harmless migration of "resource" empties every table that hangs on it, on SQLite alone. Migrate on a connection without the pragma.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'alembic==1.20.1' 'sqlalchemy==2.1.9'
"$dir/venv/bin/python" - <<'PY'
import sqlite3
from importlib.metadata import version

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations


def migrate(*, enforced: bool, off_inside: bool = False) -> tuple[int, int, int]:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    if enforced:
        sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=ON"))
    metadata = sa.MetaData()
    key = sa.Integer
    resource = sa.Table("resource", metadata, sa.Column("id", key, primary_key=True), sa.Column("plan", sa.Text, nullable=False))
    event = sa.Table("event", metadata, sa.Column("id", key, primary_key=True), sa.Column("of", key, sa.ForeignKey("resource.id", ondelete="CASCADE")))
    note = sa.Table("note", metadata, sa.Column("id", key, primary_key=True), sa.Column("of", key, sa.ForeignKey("resource.id", ondelete="SET NULL")))
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(resource.insert(), [{"id": 1, "plan": "basic"}, {"id": 2, "plan": "free"}])
        connection.execute(event.insert(), [{"of": 1}, {"of": 1}, {"of": 2}])
        connection.execute(note.insert(), [{"of": 1}, {"of": 2}])
    with engine.begin() as connection:
        connection.execute(sa.update(resource).values(plan=resource.c.plan))  # a write before it, as in any migration of data
        if off_inside:
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        with Operations(MigrationContext.configure(connection)).batch_alter_table("resource") as batch:
            batch.alter_column("plan", nullable=True)
        counts = [connection.scalar(sa.select(sa.func.count(column))) for column in (resource.c.id, event.c.id, note.c.of)]
    return tuple(counts)


print("alembic", version("alembic"), "sqlalchemy", sa.__version__, "SQLite", sqlite3.sqlite_version)
for title, wanted, got in (
    ("not enforced", (2, 3, 2), migrate(enforced=False)),
    ("enforced", (2, 0, 0), migrate(enforced=True)),
    ("enforced, OFF inside", (2, 0, 0), migrate(enforced=True, off_inside=True)),
):
    print(f"{title:21}: {got[0]} resources, {got[1]} of 3 events left, {got[2]} of 2 notes still tell their resource")
    assert got == wanted, f"changed: {got}"
PY
