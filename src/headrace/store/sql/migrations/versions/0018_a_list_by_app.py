"""An index for the list of resources by their apps' names, in place of one that told apart no two of a name."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_resource_app_name_uuid"), "resource", ["app_name", "uuid"])
    op.drop_index(op.f("ix_resource_app_name"), "resource")
