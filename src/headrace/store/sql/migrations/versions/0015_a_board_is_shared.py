"""A board is shared by a link."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "share_link",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("resource_uuid", sa.String(36), nullable=False),
        sa.Column("key", sa.String(16), nullable=False),
        sa.Column("user_id", sa.String(320), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["resource_uuid"], ["resource.uuid"], name=op.f("fk_share_link_resource_uuid")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_link")),
        sa.UniqueConstraint("key", name=op.f("uq_share_link_key")),
    )
    op.create_index(op.f("ix_share_link_resource_uuid"), "share_link", ["resource_uuid"])
    op.create_index(op.f("ix_share_link_ends_at"), "share_link", ["ends_at"])
