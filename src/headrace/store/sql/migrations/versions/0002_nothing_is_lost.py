"""Notices for operators, webhook subscriptions, events that were taken, and logins that were used."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("secret", sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_resource_state_created_at"), "resource", ["state", "created_at"])
    op.create_index(
        "ix_resource_running",
        "resource",
        ["uuid"],
        sqlite_where=sa.text("running IS NOT NULL"),
        postgresql_where=sa.text("running IS NOT NULL"),
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("resource_uuid", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.String(length=60), nullable=True),
        sa.ForeignKeyConstraint(["resource_uuid"], ["resource.uuid"], name=op.f("fk_notice_resource_uuid")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index(
        "uq_notice_open",
        "notice",
        ["resource_uuid", "kind"],
        unique=True,
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.add_column("placement_check", sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "webhook_subscription",
        sa.Column("resource_uuid", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("include", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("subscribed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["resource_uuid"], ["resource.uuid"], name=op.f("fk_webhook_subscription_resource_uuid")
        ),
        sa.PrimaryKeyConstraint("resource_uuid", name=op.f("pk_webhook_subscription")),
    )
    op.create_table(
        "webhook_event",
        sa.Column("resource_uuid", sa.String(length=36), nullable=False),
        sa.Column("event_id", sa.String(length=60), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["resource_uuid"], ["resource.uuid"], name=op.f("fk_webhook_event_resource_uuid")),
        sa.PrimaryKeyConstraint("resource_uuid", "event_id", name=op.f("pk_webhook_event")),
    )
    op.create_index(op.f("ix_webhook_event_created_at"), "webhook_event", ["created_at"])
    op.create_table(
        "sso_login",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sso_login")),
    )
    op.create_index(op.f("ix_sso_login_expires_at"), "sso_login", ["expires_at"])
    op.create_table(
        "operator_attempt",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("client", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_attempt")),
    )
    op.create_index(op.f("ix_operator_attempt_at"), "operator_attempt", ["at"])
