"""The file for collectors: whole, current, bounded, and no reason to stop."""

import csv
import logging
from pathlib import Path

import pytest
import sqlalchemy as sa

from headrace import State
from headrace.logs import LogName
from headrace.resources.labels_file import COLUMNS, OLDEST_SECONDS, LabelsFile
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import placement
from headrace.store.state.placements import save_inspection
from headrace.testing import eventually
from pair import play_pair
from store.making import HOUR, NOON, add_resource, id_of, place

AWKWARD = 'a "b", c\nd'


class Watch:
    """A stopwatch that stands still until it is wound on."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [*csv.DictReader(file)]


def list_files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if not path.name.startswith("headrace.db")]


def make_fleet(database: Database) -> None:
    with database.transaction() as connection:
        for name in ("shop", "notes"):
            add_resource(connection, name, state=State.PROVISIONED, provisioned_at=NOON)
        save_inspection(connection, place("shop", AWKWARD, app="shop"), next_check_at=NOON)
        save_inspection(connection, place("notes", None, app="notes"), next_check_at=NOON)
        add_resource(connection, "waiting")


async def test_the_file_has_every_provisioned_resource(database: Database, tmp_path: Path) -> None:
    """Plain CSV, whatever a customer calls a pipeline; nothing else is left in the folder."""
    make_fleet(database)
    await LabelsFile(database, tmp_path / "labels.csv").run_once()

    lines = {line["uuid"]: line for line in read(tmp_path / "labels.csv")}
    assert {id_of("shop"), id_of("notes")} == lines.keys()
    shop, notes = lines[id_of("shop")], lines[id_of("notes")]
    assert (COLUMNS, AWKWARD, "staging", "shop") == (
        tuple(shop),
        shop["pipeline_name"],
        shop["stage"],
        shop["app_name"],
    )
    assert ("", "none", "basic") == (notes["pipeline_id"], notes["stage"], notes["plan"])
    assert ["labels.csv"] == list_files(tmp_path)


async def test_the_file_is_written_when_something_happened(database: Database, tmp_path: Path) -> None:
    """A move is in it at the next look; without one the file stays, and a new name comes with the minute."""
    make_fleet(database)
    path, watch = tmp_path / "labels.csv", Watch()
    file = LabelsFile(database, path, stopwatch=watch)
    await file.run_once()
    written = path.stat().st_ino
    await file.run_once()
    untouched = path.stat().st_ino
    with database.transaction() as connection:
        save_inspection(
            connection, place("notes", "storefront", "production", app="notes", at=NOON + HOUR), next_check_at=NOON
        )
    await file.run_once()
    stages = {line["uuid"]: line["stage"] for line in read(path)}
    with database.transaction() as connection:
        connection.execute(sa.update(placement).values(app_name="renamed"))
    await file.run_once()
    early = {line["app_name"] for line in read(path)}
    watch.seconds += OLDEST_SECONDS
    await file.run_once()

    assert written == untouched
    assert "production" == stages[id_of("notes")]
    assert ({"shop", "notes"}, {"renamed"}) == (early, {line["app_name"] for line in read(path)})


async def test_the_file_is_bounded_and_says_so(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of two there is the one that was asked for first; it is said once."""
    make_fleet(database)
    watch = Watch()
    file = LabelsFile(database, tmp_path / "labels.csv", most=1, stopwatch=watch)
    await file.run_once()
    watch.seconds += OLDEST_SECONDS
    await file.run_once()

    assert 1 == len(read(tmp_path / "labels.csv"))
    assert [LogName.LABELS_FILE_CUT] == [record.msg for record in caplog.records]


async def test_a_file_that_cannot_be_written_is_said_once(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder that is not there yet: the next round tries again, and once it is there the file is."""
    make_fleet(database)
    file = LabelsFile(database, tmp_path / "there" / "labels.csv")
    with caplog.at_level(logging.INFO):
        await file.run_once()
        await file.run_once()
    (tmp_path / "there").mkdir()
    await file.run_once()

    assert [LogName.LABELS_FILE_FAILED] == [record.msg for record in caplog.records]
    assert 2 == len(read(tmp_path / "there" / "labels.csv"))


async def test_a_worker_keeps_the_file(sqlite_url: str, tmp_path: Path) -> None:
    """With the setting, in the running service: an add-on that Heroku makes is in it."""
    path = tmp_path / "labels.csv"
    async with play_pair(sqlite_url, HEADRACE_LABELS_FILE=str(path)) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.settle()
        await eventually(lambda: path.exists() and any(line["uuid"] == addon.id for line in read(path)))
        (line,) = read(path)

    assert ("shop-staging", "staging", "basic") == (line["app_name"], line["stage"], line["plan"])
