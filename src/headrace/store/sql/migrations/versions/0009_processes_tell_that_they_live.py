"""Processes tell that they live, what time they have, and whether Heroku answers them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pulse",
        sa.Column("process_id", sa.String(36), nullable=False),
        sa.Column("is_worker", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ahead_of_database", sa.Float(), nullable=False),
        sa.Column("ahead_of_heroku", sa.Float(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("heroku_answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heroku_silent_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("process_id", name=op.f("pk_pulse")),
    )
