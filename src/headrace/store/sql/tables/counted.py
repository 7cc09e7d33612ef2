"""The tables of what is counted and observed: none of them decides what becomes of a resource. Times are UTC."""

import sqlalchemy as sa

from headrace.store.sql.tables.columns import METADATA, Moment, of_resource, uuid_column

# Every process tells every few seconds that it lives: `at` by the database's clock, which all of them have in common.
# Its own is so many seconds ahead of that one, and of Heroku's; less than none: behind. `problem` is what keeps a
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

# What the fleet looked like at the end of a day, and what happened on it: a count for each figure, stage and label.
# Every row of it can be counted again from the tables of resources.
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

# The fleet as it was counted last: the day of `as_of` in UTC up to that moment, before which nothing happens any more.
# Whoever rewrites the past sets `as_of` to null, and all is counted anew. `counts` are a figure, a stage, a label and a
# value each. `revision` is another one after every write. At `checked_at` all of it was counted in full.
kept_count = sa.Table(
    "kept_count",
    METADATA,
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("as_of", Moment),
    sa.Column("checked_at", Moment),
    sa.Column("counts", sa.JSON, nullable=False),
)

# What each hour counted: sums and highest values, for some days.
hour_count = sa.Table(
    "hour_count",
    METADATA,
    sa.Column("begins_at", Moment, primary_key=True),
    *(sa.Column(name, sa.String(30), primary_key=True) for name in ("figure", "label")),
    sa.Column("value", sa.Float, nullable=False),
)

# What panels said in numbers: one value a day of each resource and name, with where its app stood then.
panel_metric = sa.Table(
    "panel_metric",
    METADATA,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("name", sa.String(30), primary_key=True),
    of_resource(primary_key=True, index=True),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
)

# The last day for which a resource's panel was asked for numbers.
panel_read = sa.Table(
    "panel_read",
    METADATA,
    of_resource(primary_key=True),
    sa.Column("day", sa.Date, nullable=False),
)

# Requests with Heroku, either way, without what is secret: those that failed, and those that belong to orders. What is
# about a resource that was never made stands here too.
kept_request = sa.Table(
    "kept_request",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    uuid_column("resource_uuid"),
    sa.Column("at", Moment, nullable=False),
    sa.Column("direction", sa.String(4), nullable=False),
    sa.Column("purpose", sa.String(30), nullable=False),
    sa.Column("method", sa.String(10), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("ms", sa.Integer, nullable=False),
    sa.Column("request_id", sa.String(200), nullable=False),
    sa.Column("workflow", sa.Text),
    sa.Column("step", sa.String(60)),
    sa.Column("asked", sa.Text, nullable=False),
    sa.Column("answered", sa.Text, nullable=False),
    sa.Index(None, "at", "id"),
    sa.Index(None, "resource_uuid", "at", "id"),
)
