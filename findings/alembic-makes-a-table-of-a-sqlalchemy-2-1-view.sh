#!/usr/bin/env bash
# Expected: a view declared by SQLAlchemy 2.1's CreateView(…, metadata=…), which create_all makes and drop_all drops as a view, is made as a
# view by Alembic's autogenerate too, or left out of it.
# Happens: autogenerate writes op.create_table for it: on a new database an empty table stands where the view should be, and every SELECT is
# answered, with no rows. Where create_all has made the view it is proposed again in each revision, and `alembic check` never passes.
# Means: tests that use create_all and a production that uses migrations have two different schemas; nothing raises. Filter views by
# include_object and write their op.execute by hand, as before 2.1.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 'alembic==1.20.1' 'sqlalchemy==2.1.9'
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations

metadata = sa.MetaData()
resource = sa.Table("resource", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("state", sa.Text))
view = sa.CreateView(sa.select(resource.c.id).where(resource.c.state == "provisioned"), "live", metadata=metadata)
print("alembic", version("alembic"), "sqlalchemy", sa.__version__)


def look(title: str, engine: sa.Engine) -> tuple[str, int]:
    with engine.begin() as connection:
        connection.execute(resource.insert(), [{"id": 1, "state": "provisioned"}, {"id": 2, "state": "deprovisioned"}])
        kind = connection.scalar(sa.text("SELECT type FROM sqlite_master WHERE name = 'live'"))
        rows = len(connection.execute(sa.select(view.table)).all())
    print(f"{title:12}: live is a {kind} with {rows} row(s)")
    return kind, rows


made = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
metadata.create_all(made)
assert look("create_all", made) == ("view", 1), "changed: create_all"
migrated = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
with migrated.begin() as connection:
    context = MigrationContext.configure(connection)
    for step in produce_migrations(context, metadata).upgrade_ops.ops:
        Operations(context).invoke(step)
assert look("autogenerate", migrated) == ("table", 0), "changed: autogenerate"
with made.connect() as connection:
    again = [step[:1] + (step[1].name,) for step in compare_metadata(MigrationContext.configure(connection), metadata)]
print("proposed where create_all has run:", again)
assert again == [("add_table", "live")], f"changed: {again}"
PY
