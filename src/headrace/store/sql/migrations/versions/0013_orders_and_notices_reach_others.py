"""What an operator orders of attempts that are still made, and which notices were sent out."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("resource", sa.Column("ordered", sa.JSON(none_as_null=True), nullable=True))
    where = sa.text("ordered IS NOT NULL")
    op.create_index("ix_resource_ordered", "resource", ["uuid"], sqlite_where=where, postgresql_where=where)
    op.add_column("notice", sa.Column("sent", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("notice", sa.Column("send_tries", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("notice", sa.Column("send_at", sa.DateTime(timezone=True), nullable=True))
    where = sa.text("sent < 2")
    op.create_index("ix_notice_unsent", "notice", ["id"], sqlite_where=where, postgresql_where=where)
