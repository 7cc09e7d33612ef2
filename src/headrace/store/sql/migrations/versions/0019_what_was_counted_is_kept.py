"""What was counted of the fleet is kept, and what happened since is found by when it did."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

SOME = (("resource", "provisioned_at"), ("resource", "deprovisioned_at"), ("resource", "imported_at"))


def upgrade() -> None:
    op.create_table(
        "kept_count",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True)),
        sa.Column("checked_at", sa.DateTime(timezone=True)),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_kept_count")),
    )
    for table, column in (*SOME, ("plan_change", "settled_at")):
        holds = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_{table}_{column}", table, [column], sqlite_where=holds, postgresql_where=holds)
    op.create_index(op.f("ix_placement_valid_from"), "placement", ["valid_from"])
