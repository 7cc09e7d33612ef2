"""The views that are read from outside: by a warehouse, a dashboard, or somebody with a question.

They are what stays the same while tables change. Each is declared here once, with what its columns are, and made anew
whenever a migration has run. A column may be added at the end of one; none is renamed, moved or taken away, since
PostgreSQL would have to drop the view, with what was granted on it and whatever a partner has built on it.

No secret is in any: nothing of `secret`, no address that Heroku is called at, and no options of a provision.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from headrace.models import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlView:
    """A view: what a row of it is, what stands in its columns, in their order, and its query.

    In the query `moment(x)` is a column of time: as it is on PostgreSQL, and on SQLite a text that sorts by time.
    """

    name: str
    row: str
    columns: Mapping[str, str]
    query: str


_PLACE = {
    "app_id": "Heroku's id of the app",
    "app_name": "its name, as it was last told of this place",
    "pipeline_id": "Heroku's id of the pipeline; null in none",
    "pipeline_name": "the pipeline's name now; null in none, and where Heroku does not tell it",
}

RESOURCE_NOW = SqlView(
    name="resource_now",
    row="A resource that there is or ever was, as it is now.",
    columns={
        "resource_uuid": "Heroku's id of the add-on",
        "resource_name": "its name, such as acme-search-12345",
        "plan": "the plan's name, without the add-on service's before it",
        "region": "where Heroku asked for it",
        "state": "provisioning, provisioned, deprovisioning, deprovisioned or failed",
        **_PLACE,
        "app_name": "its name, as it was last told",
        "stage": "of the app: Heroku's word, or none (in no pipeline), unknown (Heroku did not tell), "
        "gone (deprovisioned)",
        "placed_at": "since when it is there, as headrace learnt it",
        "coupled_at": "since when it is there, as Heroku says; null where it does not",
        "checked_at": "when Heroku last answered about it",
        "created_at": "when Heroku asked for it",
        "provisioned_at": "when it was ready",
        "deprovisioned_at": "when it was gone",
    },
    query="""
SELECT
    r.uuid, r.name, r.plan, r.region, r.state, r.app_id, r.app_name, p.pipeline_id, l.name,
    CASE
        WHEN p.id IS NOT NULL THEN coalesce(p.stage, 'none')
        WHEN r.deprovisioned_at IS NOT NULL THEN 'gone'
        ELSE 'unknown'
    END,
    moment(p.valid_from), moment(p.coupled_at), moment(c.checked_at),
    moment(r.created_at), moment(r.provisioned_at), moment(r.deprovisioned_at)
FROM resource r
LEFT JOIN placement p ON p.resource_uuid = r.uuid AND p.valid_to IS NULL
LEFT JOIN pipeline l ON l.id = p.pipeline_id
LEFT JOIN placement_check c ON c.resource_uuid = r.uuid
""",
)
PLACEMENT_HISTORY = SqlView(
    name="placement_history",
    row="A stretch of time that a resource's app spent in one place. Those of a resource do not overlap.",
    columns={
        "resource_uuid": "the resource",
        **_PLACE,
        "stage": "Heroku's word, or none (in no pipeline)",
        "valid_from": "when headrace learnt that it is there; this moment belongs to it",
        "valid_to": "when headrace learnt that it is elsewhere, or it was gone; this moment does not; null: now",
        "coupled_at": "when it came there, as Heroku says, which dates nothing back; null where Heroku does not say",
    },
    query="""
SELECT
    p.resource_uuid, p.app_id, p.app_name, p.pipeline_id, l.name, coalesce(p.stage, 'none'),
    moment(p.valid_from), moment(p.valid_to), moment(p.coupled_at)
FROM placement p
LEFT JOIN pipeline l ON l.id = p.pipeline_id
WHERE p.valid_to IS NULL OR p.valid_to > p.valid_from
""",
)
PLAN_HISTORY = SqlView(
    name="plan_history",
    row="A stretch of time that a resource had one plan. Those of a resource do not overlap.",
    columns={
        "resource_uuid": "the resource",
        "plan": "the plan's name, without the add-on service's before it",
        "valid_from": "when the change to it was done, or Heroku asked for the resource; this moment belongs to it",
        "valid_to": "when the next plan change was done; this moment does not; null: now, or until it was gone",
    },
    query="""
SELECT s.resource_uuid, s.plan, moment(s.valid_from), moment(s.valid_to)
FROM (
    SELECT
        r.uuid AS resource_uuid, coalesce(lead(c.old_plan) OVER one, r.plan) AS plan,
        c.at AS valid_from, lead(c.at) OVER one AS valid_to
    FROM resource r
    JOIN (
        SELECT uuid AS resource_uuid, 0 AS number, NULL AS old_plan, created_at AS at FROM resource
        UNION ALL
        SELECT resource_uuid, number, old_plan, settled_at FROM plan_change WHERE outcome = 'done'
    ) c ON c.resource_uuid = r.uuid
    WINDOW one AS (PARTITION BY r.uuid ORDER BY c.at, c.number)
) s
WHERE s.valid_to IS NULL OR s.valid_to > s.valid_from
""",
)
PIPELINE_NOW = SqlView(
    name="pipeline_now",
    row="A pipeline with a live resource: one that is provisioned, and not deprovisioned since.",
    columns={
        "pipeline_id": "Heroku's id of the pipeline",
        "pipeline_name": "its name; null where Heroku does not tell it",
        "owner_type": "team or user; null where Heroku does not tell it",
        "owner_id": "Heroku's id of that team or user; null where it does not tell it",
        "resources": "live resources in it",
        **{f"{stage}_resources": f"live resources in it at {stage}" for stage in Stage},
        "lasting_resources": "live resources in it but for those at review and test, which come and go",
        "placed_at": "since when one of them has been in it, as headrace learnt it",
    },
    query="""
SELECT
    l.id, l.name, l.owner_type, l.owner_id, count(*),
    count(*) FILTER (WHERE p.stage = 'development'),
    count(*) FILTER (WHERE p.stage = 'review'),
    count(*) FILTER (WHERE p.stage = 'test'),
    count(*) FILTER (WHERE p.stage = 'staging'),
    count(*) FILTER (WHERE p.stage = 'production'),
    count(*) FILTER (WHERE p.stage NOT IN ('review', 'test')),
    moment(min(p.valid_from))
FROM placement p
JOIN pipeline l ON l.id = p.pipeline_id
JOIN resource r ON r.uuid = p.resource_uuid
WHERE p.valid_to IS NULL AND r.provisioned_at IS NOT NULL AND r.deprovisioned_at IS NULL
GROUP BY l.id, l.name, l.owner_type, l.owner_id
""",
)
STAGE_BY_DAY = SqlView(
    name="stage_by_day",
    row="A stage on a day, as the worker counted it. A day is one of UTC.",
    columns={
        "day": "the day",
        "stage": "Heroku's word, or none (in no pipeline), unknown (Heroku did not tell)",
        "resources": "live resources at the end of that day; of today: when they were last counted",
    },
    query="SELECT day, stage, value FROM day_count WHERE figure = 'by_stage'",
)
VIEWS = (RESOURCE_NOW, PLACEMENT_HISTORY, PLAN_HISTORY, PIPELINE_NOW, STAGE_BY_DAY)


def make_views(connection: sa.Connection) -> None:
    """Make every view as it is declared, where a migration runs.

    PostgreSQL replaces it where it stands: what was granted on it stays granted, and what others built on it stays.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    for view in VIEWS:
        columns = ", ".join(view.columns)
        create = "CREATE VIEW" if is_sqlite else "CREATE OR REPLACE VIEW"
        connection.exec_driver_sql(f"{create} {view.name} ({columns}) AS {_spell_query(view, is_sqlite=is_sqlite)}")
        if not is_sqlite:
            _comment(connection, view)


def drop_views(connection: sa.Connection) -> None:
    """Drop the views of a SQLite, which would not let a table under them be made anew; PostgreSQL keeps them."""
    if connection.dialect.name == "sqlite":
        for view in VIEWS:
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view.name}")


def _spell_query(view: SqlView, *, is_sqlite: bool) -> str:
    # SQLite has a moment as `2026-11-01 10:30:00.000000`, always with six digits.
    spelt = r"replace(\1, ' ', 'T') || 'Z'" if is_sqlite else r"\1"
    return re.sub(r"moment\((\w+\([\w.]+\)|[\w.]+)\)", spelt, view.query)


def _comment(connection: sa.Connection, view: SqlView) -> None:
    told = {f"VIEW {view.name}": view.row}
    told |= {f"COLUMN {view.name}.{column}": text for column, text in view.columns.items()}
    for what, text in told.items():
        connection.exec_driver_sql(f"COMMENT ON {what} IS '{_spell_text(text)}'")


def _spell_text(text: str) -> str:
    return text.replace("'", "''").replace("%", "%%")
