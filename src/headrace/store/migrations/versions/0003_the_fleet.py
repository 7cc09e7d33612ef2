"""What keeps placements current at any size: what proves them, and the batch that each is in."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
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
