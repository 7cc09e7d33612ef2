"""Counts by the hour."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hour_count",
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("figure", sa.String(30), nullable=False),
        sa.Column("label", sa.String(30), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("begins_at", "figure", "label", name=op.f("pk_hour_count")),
    )
