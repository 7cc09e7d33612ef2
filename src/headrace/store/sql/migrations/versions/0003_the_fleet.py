"""What keeps placements current at any size, and what the fleet looked like, day by day."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("resource", sa.Column("imported_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("pipeline", sa.Column("list_refused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("placement_check", sa.Column("read_whole_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("placement_check", sa.Column("etag", sa.Text(), nullable=True))
    op.add_column("placement_check", sa.Column("etag_path", sa.Text(), nullable=True))
    op.add_column("placement_check", sa.Column("batch", sa.String(length=36), nullable=True))
    op.create_index(
        "ix_placement_check_batch",
        "placement_check",
        ["batch"],
        sqlite_where=sa.text("batch IS NOT NULL"),
        postgresql_where=sa.text("batch IS NOT NULL"),
    )
    op.create_table(
        "day_count",
        sa.Column("figure", sa.String(length=30), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("figure", "day", "stage", "label", name=op.f("pk_day_count")),
    )
    op.create_table(
        "counted_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_counted_day")),
    )
