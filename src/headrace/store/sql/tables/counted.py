"""The tables of what is counted and observed: none of them decides what becomes of a resource. Times are UTC."""

import sqlalchemy as sa

from headrace.store.sql.tables.columns import METADATA, Moment, uuid_column

# worker from working.
pulse = sa.Table(
    "pulse",
    METADATA,
    uuid_column("process_id", primary_key=True),
    sa.Column("is_worker", sa.Boolean, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("ahead_of_database", sa.Float, nullable=False),
    sa.Column("ahead_of_heroku", sa.Float),
    sa.Column("problem", sa.Text),
    sa.Column("heroku_answered_at", Moment),
    sa.Column("heroku_silent_since", Moment),
)

# Wrong passwords at the operators' door, for as long as they count against the next try.
operator_attempt = sa.Table(
    "operator_attempt",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("client", sa.String(60), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index(None, "at"),
)

# Every row of it can be counted again from the tables above.
day_count = sa.Table(
    "day_count",
    METADATA,
    sa.Column("figure", sa.String(30), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("label", sa.Text, primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
)

# The days that were counted, and when; one that was counted after it ended is not counted again.
counted_day = sa.Table(
    "counted_day",
    METADATA,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("counted_at", Moment, nullable=False),
)

# What each hour counted: sums and highest values, for some days.
hour_count = sa.Table(
    "hour_count",
    METADATA,
    sa.Column("begins_at", Moment, primary_key=True),
    *(sa.Column(name, sa.String(30), primary_key=True) for name in ("figure", "label")),
    sa.Column("value", sa.Float, nullable=False),
)
