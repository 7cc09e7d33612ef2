"""Fleets with a history that was worked out by hand, and files of usage about them."""

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from headrace.enriching.enriching import enrich
from headrace.enriching.joining import Wish
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import (
    pipeline,
    placement,
    plan_change,
    resource,
)

A, B, C, D = (f"{pair * 4}-0000-4000-8000-{'0' * 10}{pair}" for pair in ("0a", "0b", "0c", "0d"))
APP = "0e000000-0000-4000-8000-00000000000e"
WEB, API = "web-id", "api-id"
PIPELINES = ((WEB, "web"), (API, "=api"))
# (uuid, pipeline, stage, from, to); of the second, two moves at once.
STAYS: tuple[tuple[str, str | None, str | None, str, str | None], ...] = (
    (A, WEB, "staging", "2026-11-01T10:00:00", "2026-11-01T10:30:00"),
    (A, WEB, "review", "2026-11-01T10:30:00", "2026-11-01T10:30:00"),
    (A, WEB, "production", "2026-11-01T10:30:00", "2026-11-02T00:00:00"),
    (A, None, None, "2026-11-02T00:00:00", None),
    (B, API, "development", "2026-11-01T23:00:00", "2026-11-01T23:30:00.500000"),
    (C, API, "test", "2026-11-01T23:45:00", None),
)
# (uuid, when, how much, the stage then, the day in UTC)
USES = (
    (A, "2026-11-01T09:59:59.999999Z", 1, "unknown", "2026-11-01"),
    (A, "2026-11-01T10:00:00Z", 2, "staging", "2026-11-01"),
    (A, "2026-11-01T10:29:59.999999Z", 4, "staging", "2026-11-01"),
    (A, "2026-11-01T10:30:00Z", 8, "production", "2026-11-01"),
    (A, "2026-11-02T00:30:00+01:00", 16, "production", "2026-11-01"),
    (A, "2026-11-02T00:00:00Z", 32, "none", "2026-11-02"),
    (B, "2026-11-01T23:30:00.499999Z", 64, "development", "2026-11-01"),
    (B, "2026-11-01T23:30:00.500Z", 128, "gone", "2026-11-01"),
    (C, "2026-11-01T23:40:00Z", 256, "unknown", "2026-11-01"),
    (C, "2026-11-02T01:00:00+01:00", 512, "test", "2026-11-02"),
    (D, "2026-11-01T12:00:00Z", 1024, "unseen", "2026-11-01"),
    (A.upper(), "2026-11-01T11:00:00Z", 2048, "production", "2026-11-01"),
)
Row = dict[str, Any]


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"{text}+00:00")


def add_resource(connection: sa.Connection, uuid: str, **changes: Any) -> None:
    row = {
        "uuid": uuid,
        "name": f"acme-{uuid[:4]}",
        "plan": "basic",
        "requested_plan": "basic",
        "region": "us",
        "options": {},
        "callback_url": "",
        "state": "provisioned",
        "is_synchronous": False,
        "app_id": APP,
        "app_name": "shop",
        "created_at": moment("2026-11-01T09:00:00"),
        "provisioned_at": moment("2026-11-01T09:30:00"),
    }
    connection.execute(sa.insert(resource).values(row | changes))


def add_stays(connection: sa.Connection, stays: Sequence[tuple[str, str | None, str | None, str, str | None]]) -> None:
    columns = ("resource_uuid", "pipeline_id", "stage", "valid_from", "valid_to")
    for uuid, where, stage, begins, ends in stays:
        values = (uuid, where, stage, moment(begins), moment(ends))
        row = dict(zip(columns, values, strict=True)) | {"app_id": APP, "app_name": "shop"}
        connection.execute(sa.insert(placement).values(row))


def add_pipelines(connection: sa.Connection) -> None:
    rows = [{"id": uuid, "name": name, "observed_at": moment("2026-11-01T09:00:00")} for uuid, name in PIPELINES]
    connection.execute(sa.insert(pipeline), rows)


def fill(connection: sa.Connection) -> None:
    """A changes its plan at noon; B is removed, and its customer makes C; a D there never was."""
    add_pipelines(connection)
    add_resource(connection, A, plan="premium")
    add_resource(connection, B, state="deprovisioned", deprovisioned_at=moment("2026-11-01T23:30:00.500000"))
    add_resource(connection, C)
    for number, (outcome, at) in enumerate((("refused", "2026-11-01T09:45:00"), ("done", "2026-11-01T12:00:00")), 1):
        connection.execute(
            sa.insert(plan_change).values(
                resource_uuid=A,
                number=number,
                old_plan="basic",
                new_plan="premium",
                outcome=outcome,
                requested_at=moment(at),
                settled_at=moment(at),
            )
        )
    add_stays(connection, STAYS)


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        with database.transaction() as connection:
            fill(connection)
        yield database
    finally:
        database.close()


def write_csv(path: Path, uses: Sequence[tuple[Any, ...]] = USES) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("uuid", "at", "n"), *(use[:3] for use in uses)])
    return path


def write_jsonl(path: Path, uses: Sequence[tuple[Any, ...]] = USES) -> Path:
    lines = [json.dumps(dict(zip(("uuid", "at", "n"), use[:3], strict=True))) for use in uses]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def read(database: Database, path: Path, *, form: str | None = None, **wish: Any) -> list[Row]:
    """Enrich a file and return what came out, as JSON has it."""
    out = BytesIO()
    asked = Wish(**{"uuid": "uuid", "at": "at"} | wish)
    count = enrich(database, path, asked, form=form, out=out, out_form="jsonl")
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert count == len(rows)
    return rows


def read_text(database: Database, path: Path, **wish: Any) -> list[Row]:
    """The same, as CSV has it."""
    out = BytesIO()
    enrich(database, path, Wish(uuid="uuid", at="at", **wish), form=None, out=out, out_form="csv")
    return list(csv.DictReader(StringIO(out.getvalue().decode())))
