"""Indexes for the operators' lists: names by what they begin with, and what stands where now."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NAMES = (("resource", "name", False), ("resource", "app_name", True), ("pipeline", "name", True))
IS_CURRENT = sa.text("valid_to IS NULL")
IS_TROUBLED = sa.text("(error IS NOT NULL OR outcome IS NULL OR outcome IN ('forbidden', 'app_hidden'))")
IS_UNANSWERED = sa.text("subscribed_at IS NULL")


def upgrade() -> None:
    # SQLite compares code by code as it is; PostgreSQL rewrites no row for another collation.
    if op.get_bind().dialect.name == "postgresql":
        for table, column, is_nullable in NAMES:
            op.alter_column(
                table,
                column,
                existing_type=sa.Text(),
                existing_nullable=is_nullable,
                type_=sa.Text(collation="C"),
            )
    op.create_index(op.f("ix_resource_name"), "resource", ["name"])
    op.create_index(op.f("ix_resource_app_name"), "resource", ["app_name"])
    op.create_index(op.f("ix_resource_plan_created_at_uuid"), "resource", ["plan", "created_at", "uuid"])
    op.create_index(op.f("ix_resource_state_created_at_uuid"), "resource", ["state", "created_at", "uuid"])
    op.drop_index(op.f("ix_resource_state_created_at"), "resource")
    op.create_index(op.f("ix_pipeline_name_id"), "pipeline", ["name", "id"])
    op.create_index(op.f("ix_pipeline_owner_id"), "pipeline", ["owner_id"])
    for name, table, columns, condition in (
        ("ix_placement_current_pipeline", "placement", ["pipeline_id", "valid_from", "stage"], IS_CURRENT),
        ("ix_placement_current_stage", "placement", ["stage", "valid_from", "id"], IS_CURRENT),
        ("ix_placement_check_troubled", "placement_check", ["error", "resource_uuid", "outcome"], IS_TROUBLED),
        ("ix_webhook_subscription_unanswered", "webhook_subscription", ["asked_at", "resource_uuid"], IS_UNANSWERED),
    ):
        op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
