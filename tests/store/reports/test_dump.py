"""Tables as CSV: every row and every cell as it is, whichever database writes them."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from headrace.store.reports.dump import PLACEMENTS, ROWS_AT_ONCE, dump_table
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import pipeline, placement
from store.making import HOUR, NOON, add_resource, id_of

ODD = 'a "quoted", name\nof 100% two lines'


def test_every_cell_comes_as_it_is(database: Database, tmp_path: Path) -> None:
    """Names with quotes, commas and line breaks, nothing as nothing, moments in UTC; far apart as ids may be."""
    with database.transaction() as connection:
        add_resource(connection)
        connection.execute(sa.insert(pipeline).values(id="p", name=ODD, observed_at=NOON))
        rows: list[dict[str, Any]] = [
            {"id": 0, "pipeline_id": None, "stage": None, "valid_from": NOON, "valid_to": NOON + HOUR},
            {"id": 3 * ROWS_AT_ONCE, "pipeline_id": "p", "stage": "staging", "valid_from": NOON + HOUR},
        ]
        for row in rows:
            told = {"resource_uuid": id_of("acme-1"), "app_id": "a", "app_name": ODD}
            connection.execute(sa.insert(placement).values(row | told))
    names = {"id", "app_name", "pipeline_name", "stage", "valid_from", "valid_to"}
    with database.engine.connect() as connection:
        dump_table(connection, PLACEMENTS.only(names), tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        first, last = sorted(csv.reader(file), key=lambda row: int(row[0]))

    assert [("0", ODD, "", ""), (str(3 * ROWS_AT_ONCE), ODD, ODD, "staging")] == [tuple(first[:4]), tuple(last[:4])]
    assert [NOON, NOON + HOUR, NOON + HOUR] == [read_moment(each) for each in (*first[4:], last[4])]
    assert "" == last[5]


def test_a_table_without_rows_is_an_empty_file(database: Database, tmp_path: Path) -> None:
    """Nothing stands in it, not even a head."""
    with database.engine.connect() as connection:
        dump_table(connection, PLACEMENTS, tmp_path / "out.csv")

    assert b"" == (tmp_path / "out.csv").read_bytes()


def read_moment(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix("+00")).replace(tzinfo=UTC)
