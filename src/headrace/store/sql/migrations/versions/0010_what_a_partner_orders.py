"""What a partner orders of resources: config vars that are set, credentials that are rotated, one by one or in jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_jobs()
    _create_changes()
    op.create_index(op.f("ix_resource_created_at_uuid"), "resource", ["created_at", "uuid"])
    op.create_table(
        "hook_lock",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("holder", sa.String(36), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_hook_lock")),
    )


def _create_jobs() -> None:
    op.create_table(
        "config_job",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("ordered_by", sa.String(60), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_config_job")),
    )
    op.create_index(op.f("ix_config_job_created_at_id"), "config_job", ["created_at", "id"])


def _create_changes() -> None:
    op.create_table(
        "config_change",
        sa.Column("resource_uuid", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("ordered_by", sa.String(60), nullable=False),
        sa.Column("job_id", sa.String(36), nullable=True),
        sa.Column("is_held", sa.Boolean(), nullable=False),
        sa.Column("waits_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(20), nullable=True),
        sa.Column("step", sa.String(60), nullable=True),
        sa.Column("reason", sa.String(100), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["resource_uuid"], ["resource.uuid"], name=op.f("fk_config_change_resource_uuid")),
        sa.ForeignKeyConstraint(["job_id"], ["config_job.id"], name=op.f("fk_config_change_job_id")),
        sa.PrimaryKeyConstraint("resource_uuid", "number", name=op.f("pk_config_change")),
    )
    op.create_index(
        op.f("ix_config_change_job_id_outcome_resource_uuid"),
        "config_change",
        ["job_id", "outcome", "resource_uuid"],
    )
    for name, column, condition in (
        ("ix_config_change_waiting", "resource_uuid", "outcome IS NULL"),
        ("ix_config_change_waits_until", "waits_until", "waits_until IS NOT NULL"),
    ):
        where = sa.text(condition)
        op.create_index(name, "config_change", [column], sqlite_where=where, postgresql_where=where)
