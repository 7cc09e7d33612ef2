"""What a hook was told of its place, which plan change a later call overtook, and how a late delivery is known."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("placement", sa.Column("told_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("plan_change", sa.Column("overtaken_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("webhook_subscription", sa.Column("authorization_digest", sa.String(64), nullable=True))
