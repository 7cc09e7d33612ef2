"""Programs and operators have tokens of their own, and what happened is numbered for those who follow it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_token_digest")),
    )
    _index_some("uq_api_token_name", "api_token", "name", where="revoked_at IS NULL", unique=True)
    op.create_table(
        "change_count",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_change_count")),
    )
    op.execute("INSERT INTO change_count (name, last) VALUES ('changes', 0)")
    op.add_column("lifecycle_event", sa.Column("position", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_lifecycle_event_position"), "lifecycle_event", ["position"], unique=True)
    _index_some("ix_lifecycle_event_unnumbered", "lifecycle_event", "id", where="position IS NULL")


def _index_some(name: str, table: str, column: str, *, where: str, unique: bool = False) -> None:
    holds = sa.text(where)
    op.create_index(name, table, [column], unique=unique, sqlite_where=holds, postgresql_where=holds)
