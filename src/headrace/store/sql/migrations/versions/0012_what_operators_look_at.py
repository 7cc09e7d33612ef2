"""Counts by the hour, and requests with Heroku."""

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
    op.create_table(
        "heroku_request",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("resource_uuid", sa.String(36), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_to_heroku", sa.Boolean(), nullable=False),
        sa.Column("method", sa.String(10), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=True),
        sa.Column("step", sa.String(60), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("answered", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heroku_request")),
    )
    op.create_index(op.f("ix_heroku_request_resource_uuid_id"), "heroku_request", ["resource_uuid", "id"])
