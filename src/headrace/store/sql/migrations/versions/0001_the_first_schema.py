"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access",
        sa.Column("app_id", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("app_id", "person", name=op.f("pk_access")),
    )
    with op.batch_alter_table("access", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_person"), ["person"], unique=False)

    op.create_table(
        "access_check",
        sa.Column("app_id", sa.String(length=36), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("app_id", name=op.f("pk_access_check")),
    )
    op.create_table(
        "pipeline",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.String(length=36), nullable=True),
        sa.Column("owner_type", sa.String(length=20), nullable=True),
        sa.Column("generation", sa.Text(), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline")),
    )
    op.create_table(
        "resource",
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("requested_plan", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("callback_url", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("is_synchronous", sa.Boolean(), nullable=False),
        sa.Column("running", sa.Text(), nullable=True),
        sa.Column("workflow_count", sa.Integer(), nullable=False),
        sa.Column("app_id", sa.String(length=36), nullable=True),
        sa.Column("app_name", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("provisioned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deprovisioned_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_resource")),
    )
    with op.batch_alter_table("resource", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_resource_app_id"), ["app_id"], unique=False)

    op.create_table(
        "lifecycle_event",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("resource_uuid", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["resource_uuid"], ["resource.uuid"], name=op.f("fk_lifecycle_event_resource_uuid")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifecycle_event")),
    )
    with op.batch_alter_table("lifecycle_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lifecycle_event_resource_uuid"), ["resource_uuid"], unique=False)

    op.create_table(
        "placement",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("resource_uuid", sa.String(length=36), nullable=False),
        sa.Column("app_id", sa.String(length=36), nullable=False),
        sa.Column("app_name", sa.Text(), nullable=True),
        sa.Column("pipeline_id", sa.String(length=36), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipeline.id"], name=op.f("fk_placement_pipeline_id")),
        sa.ForeignKeyConstraint(["resource_uuid"], ["resource.uuid"], name=op.f("fk_placement_resource_uuid")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_placement")),
    )
    with op.batch_alter_table("placement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_placement_pipeline_id"), ["pipeline_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_placement_resource_uuid_valid_from"), ["resource_uuid", "valid_from"], unique=False
        )
        batch_op.create_index(
            "uq_placement_current",
            ["resource_uuid"],
            unique=True,
            sqlite_where=sa.text("valid_to IS NULL"),
            postgresql_where=sa.text("valid_to IS NULL"),
        )

    op.create_table(
        "placement_check",
        sa.Column("resource_uuid", sa.String(length=36), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["resource_uuid"], ["resource.uuid"], name=op.f("fk_placement_check_resource_uuid")),
        sa.PrimaryKeyConstraint("resource_uuid", name=op.f("pk_placement_check")),
    )
    with op.batch_alter_table("placement_check", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_placement_check_next_check_at"), ["next_check_at"], unique=False)

    op.create_table(
        "plan_change",
        sa.Column("resource_uuid", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("old_plan", sa.Text(), nullable=False),
        sa.Column("new_plan", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["resource_uuid"], ["resource.uuid"], name=op.f("fk_plan_change_resource_uuid")),
        sa.PrimaryKeyConstraint("resource_uuid", "number", name=op.f("pk_plan_change")),
    )
    op.create_table(
        "secret",
        sa.Column("resource_uuid", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=200), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["resource_uuid"], ["resource.uuid"], name=op.f("fk_secret_resource_uuid")),
        sa.PrimaryKeyConstraint("resource_uuid", "kind", name=op.f("pk_secret")),
    )
