"""What was kept of the fleet goes: it is counted once more, with how long provisions took."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.text("DELETE FROM kept_count"))
