"""What panels say in numbers."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "panel_metric",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(30), nullable=False),
        sa.Column("resource_uuid", sa.String(36), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_uuid"], ["resource.uuid"], name=op.f("fk_panel_metric_resource_uuid_resource")
        ),
        sa.PrimaryKeyConstraint("day", "name", "resource_uuid", name=op.f("pk_panel_metric")),
    )
    op.create_index(op.f("ix_panel_metric_resource_uuid"), "panel_metric", ["resource_uuid"])
    op.create_table(
        "panel_read",
        sa.Column("resource_uuid", sa.String(36), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_uuid"], ["resource.uuid"], name=op.f("fk_panel_read_resource_uuid_resource")
        ),
        sa.PrimaryKeyConstraint("resource_uuid", name=op.f("pk_panel_read")),
    )
