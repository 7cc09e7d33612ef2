"""Since when a placement that stands in a batch has been due."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("placement_check", sa.Column("due_since", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_placement_check_due_since",
        "placement_check",
        ["due_since"],
        sqlite_where=sa.text("batch IS NOT NULL"),
        postgresql_where=sa.text("batch IS NOT NULL"),
    )
