"""Sessions that are ended stay so, and Heroku's last answer about an app's people is known while it is in doubt."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ended_session",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_ended_session")),
    )
    op.create_index(op.f("ix_ended_session_forgotten_at"), "ended_session", ["forgotten_at"])
    op.add_column("access_check", sa.Column("doubted_at", sa.DateTime(timezone=True), nullable=True))
