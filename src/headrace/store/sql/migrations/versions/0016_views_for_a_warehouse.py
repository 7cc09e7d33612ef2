"""Views for a warehouse, which are made with every migration (`headrace.store.sql.tables.views`)."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("placement", sa.Column("coupled_at", sa.DateTime(timezone=True)))
