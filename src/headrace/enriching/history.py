"""What is stored about where apps stood, on which plan, and in which state, brought into the engine as spans of time.

Times are whole microseconds since 1970 in UTC, and spans half-open: the beginning is inside, the end is not. A
placement begins when headrace learnt it, whatever Heroku says of the coupling. Of two at the same moment the later
recorded one holds, and one that ends where it began never held.

The spans of a resource cover all of time, so that a row meets exactly one; `place_span` says in `knows_from` and
`knows_to` from when to when its place was known.
"""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.enriching.engine import quote_text
from headrace.store.reports.dump import PLACEMENTS, PLAN_CHANGES, RESOURCES, Dump, dump_table
from headrace.store.sql.database import Database

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# What stands where no stage can: in no pipeline, as Heroku said; not known yet; not any more; never heard of.
NONE, UNKNOWN, GONE, UNSEEN = "none", "unknown", "gone", "unseen"
# The same as numbers of places; those of the table begin behind them.
UNSEEN_PLACE, UNKNOWN_PLACE, GONE_PLACE, FIRST_PLACE = 0, 1, 2, 3
ALWAYS, NEVER = -(2**62), 2**62
# A resource with more placements than this is cut into stretches of time: a row would be held against each of them.
MANY = 50

# What a row can be told, by name: its place, and beside it the plan and the state.
OF_PLACE = ("stage", "pipeline_id", "pipeline_name", "app_id", "app_name")
COLUMNS = (*OF_PLACE, "plan", "state")

# Moments come in UTC, so that the engine need not look for a zone in each.
TYPES = {
    "id": "BIGINT",
    "number": "INTEGER",
    **dict.fromkeys(
        ("created_at", "provisioned_at", "deprovisioned_at", "valid_from", "valid_to", "settled_at"), "TIMESTAMP"
    ),
}

PLACES = f"""
CREATE TABLE place AS
SELECT row_number() OVER () + {FIRST_PLACE - 1} AS place, *
FROM (SELECT DISTINCT coalesce(stage, '{NONE}') AS stage, pipeline_id, pipeline_name, app_id, app_name FROM placement);
INSERT INTO place (place, stage)
VALUES ({UNSEEN_PLACE}, '{UNSEEN}'), ({UNKNOWN_PLACE}, '{UNKNOWN}'), ({GONE_PLACE}, '{GONE}');
"""

# Two that begin at once: the first of them ends there too, and never held. A hole between two places is unknown; what
# comes after the last, when it has ended, is gone.
SPANS = f"""
CREATE TABLE place_span AS
WITH known AS (
  SELECT
    p.id, p.resource_uuid AS uuid, place.place,
    epoch_us(p.valid_from) AS begins, coalesce(epoch_us(p.valid_to), {NEVER}) AS ends
  FROM placement p
  JOIN place ON place.stage = coalesce(p.stage, '{NONE}')
    AND place.pipeline_id IS NOT DISTINCT FROM p.pipeline_id
    AND place.pipeline_name IS NOT DISTINCT FROM p.pipeline_name
    AND place.app_id IS NOT DISTINCT FROM p.app_id AND place.app_name IS NOT DISTINCT FROM p.app_name
  WHERE p.valid_to IS NULL OR p.valid_to > p.valid_from
), ordered AS (
  SELECT *, lead(begins) OVER one AS next, row_number() OVER one = 1 AS is_first
  FROM known WINDOW one AS (PARTITION BY uuid ORDER BY begins, id)
)
SELECT
  uuid, 0 AS stretch,
  CASE WHEN is_first THEN {ALWAYS} ELSE begins END AS starts,
  coalesce(next, {NEVER}) AS stops,
  begins AS knows_from, ends AS knows_to, place,
  CASE WHEN next IS NULL THEN {GONE_PLACE} ELSE {UNKNOWN_PLACE} END AS after
FROM ordered;
INSERT INTO place_span
SELECT
  uuid, 0, {ALWAYS}, {NEVER}, coalesce(epoch_us(deprovisioned_at), {NEVER}) AS ended, ended,
  {UNKNOWN_PLACE}, {GONE_PLACE}
FROM resource ANTI JOIN place_span USING (uuid);

CREATE TABLE many AS
SELECT
  uuid, min(knows_from) AS begins,
  greatest(1, (max(knows_from) - min(knows_from)) // count(*)) AS width, count(*) AS stretches
FROM place_span GROUP BY uuid HAVING count(*) > {MANY};
CREATE TABLE stretched AS
SELECT
  s.uuid, unnest(range(
    (greatest(starts, m.begins) - m.begins) // width,
    least((least(stops, {NEVER} // 2) - 1 - m.begins) // width, stretches) + 1
  )) AS stretch, starts, stops, knows_from, knows_to, place, after
FROM place_span s JOIN many m USING (uuid);
DELETE FROM place_span WHERE uuid IN (SELECT uuid FROM many);
INSERT INTO place_span SELECT * FROM stretched;
DROP TABLE stretched;
DROP TABLE placement;
"""

# The plan that there is now holds since the last change, also where an import has brought it.
PLAN_SPANS = f"""
CREATE TABLE plan_span AS
WITH change AS (
  SELECT resource_uuid AS uuid, number, old_plan, epoch_us(settled_at) AS at_us
  FROM plan_change WHERE settled_at IS NOT NULL
), ended AS (
  SELECT uuid, old_plan AS plan, coalesce(lag(at_us) OVER one, {ALWAYS}) AS starts, at_us AS stops
  FROM change WINDOW one AS (PARTITION BY uuid ORDER BY at_us, number)
)
SELECT uuid, plan, starts, stops FROM ended
UNION ALL
SELECT uuid, plan, coalesce(last.at_us, {ALWAYS}), {NEVER}
FROM resource LEFT JOIN (SELECT uuid, max(at_us) AS at_us FROM change GROUP BY uuid) last USING (uuid);
UPDATE plan_span SET starts = epoch_us(created_at) FROM resource
WHERE resource.uuid = plan_span.uuid AND starts = {ALWAYS};
INSERT INTO plan_span SELECT uuid, '{UNKNOWN}', {ALWAYS}, epoch_us(created_at) FROM resource;
DROP TABLE plan_change;
"""

LIVES = """
CREATE TABLE life AS
SELECT
  uuid, state, epoch_us(created_at) AS created, epoch_us(provisioned_at) AS provisioned,
  epoch_us(deprovisioned_at) AS deprovisioned
FROM resource;
"""


def load_history(engine: "DuckDBPyConnection", database: Database, folder: Path, wanted: Collection[str]) -> None:
    """Bring into the engine what is wanted of the history of every resource, which are some of COLUMNS.

    For what is of a place that is `place`, `place_span` and `many`, for the plan `plan_span`, for the state `life`.
    """
    is_placed = not set(wanted).isdisjoint(OF_PLACE)
    needed = {"uuid", "deprovisioned_at", *wanted}
    needed |= {"created_at"} if "plan" in wanted else set()
    needed |= {"created_at", "provisioned_at"} if "state" in wanted else set()
    _load(engine, database, RESOURCES.only(needed), folder)
    if is_placed:
        times = ("id", "resource_uuid", "valid_from", "valid_to")
        _load(engine, database, PLACEMENTS.only({*times, "stage", *wanted}), folder)
        for name in set(OF_PLACE) - {"stage", *wanted}:
            engine.execute(f"ALTER TABLE placement ADD COLUMN {name} VARCHAR")
        engine.execute(PLACES)
        engine.execute(SPANS)
    if "plan" in wanted:
        _load(engine, database, PLAN_CHANGES, folder)
        engine.execute(PLAN_SPANS)
    if "state" in wanted:
        engine.execute(LIVES)
    engine.execute("DROP TABLE resource")


def _load(engine: "DuckDBPyConnection", database: Database, what: Dump, folder: Path) -> None:
    path = folder / f"{what.name}.csv"
    with database.engine.connect() as connection:
        dump_table(connection, what, path)
    columns = ", ".join(f"{name} {TYPES.get(name, 'VARCHAR')}" for name in what.names)
    engine.execute(f"CREATE TABLE {what.name} ({columns})")
    engine.execute(f"COPY {what.name} FROM {quote_text(str(path))} (FORMAT csv, HEADER false, AUTO_DETECT false)")
    path.unlink()
