"""What somebody asks to be inspected now is claimed, so that it is not again for some seconds."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inspection_claim",
        sa.Column("subject", sa.String(320), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_inspection_claim")),
    )
    op.create_index(op.f("ix_inspection_claim_at"), "inspection_claim", ["at"])
