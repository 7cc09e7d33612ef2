"""A whole installation in another database: nothing is missing, work goes on, what does not fit is refused whole."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from browsing import log_in, visit
from copying.moving import Home, copy, let_time_pass, make_home, opened, read_rows
from headrace.doctor import examine
from headrace.emulator import Addon
from headrace.errors import ConfigurationError
from headrace.models import State
from headrace.running import prepare
from headrace.store.sql.place import ENGINE
from headrace.store.sql.tables import METADATA
from headrace.store.sql.tables.columns import Moment
from headrace.store.sql.tables.counted import counted_day
from headrace.store.sql.tables.schema import lifecycle_event
from headrace.store.state.notices import NoticeKind, list_open_notices, raise_notice
from headrace.store.state.resources import update_resource
from headrace.testing import eventually
from headrace.workflows.engine.ledger import workflow_status
from lab.kit.databases import make_on_server
from ordering import TOKEN, load_config, provision
from pair import ADA, Pair
from store.making import NOON, add_resource
from web.programs.calling import call, make_token
from web.programs.test_changes import follow

# Whatever kind of column the schema has.
NOVEL: dict[str, Any] = {
    "text": sa.Text(),
    "count": sa.BigInteger(),
    "share": sa.Float(),
    "is_so": sa.Boolean(),
    "at": Moment(),
    "day": sa.Date(),
    "sealed": sa.LargeBinary(),
    "detail": sa.JSON(none_as_null=True),
}
VALUES = {
    "text": "é\n\u2028",
    "count": 2**40,
    "share": 0.1,
    "is_so": True,
    "at": NOON,
    "day": date(2026, 2, 28),
    "sealed": b"\x00\xff",
    "detail": {"b": [1, None], "a": 1.5},
}


@pytest.fixture
def empty_url(postgres_server: str) -> Iterator[str]:
    """A PostgreSQL that nobody has migrated."""
    with make_on_server(postgres_server) as url:
        yield url


@pytest.mark.parametrize("way", ["to PostgreSQL", "to SQLite"])
async def test_a_service_goes_on_in_another_database(way: str, sqlite_url: str, tmp_path: Path, empty_url: str) -> None:
    """Board, API, config, a cursor, a job and a plan change; and a provision that no worker had taken up."""
    source, target = sqlite_url, empty_url
    if way == "to SQLite":
        source, target = empty_url, f"sqlite:///{tmp_path}/new.db"
    async with make_home() as home:
        shop, waiting, token, changes = await live_a_while(home, source)
        let_time_pass(source)
        copied = await asyncio.to_thread(copy, source, target)
        assert read_rows(source) == read_rows(target)
        async with home.serve(target) as pair:
            await pair.settle()
            assert State.PROVISIONED == waiting.state
            assert {"ACME_SEARCH_URL", TOKEN} == (await load_config(pair, shop.id) or {}).keys()
            await eventually(partial(is_on_board, pair, shop, {"shop", "shop-staging", "blog"}))
            await pair.heroku.change_plan(shop, "acme-search:basic")
            await pair.settle()
            told = await follow(pair, token, after=changes[3]["cursor"])
            (job,) = (await call(pair, "GET", "/jobs", token))[1]["jobs"]
            findings = await examine(pair.parts)
            notices = await pair.parts.database.read(list_open_notices)

    # The provision, and whatever the worker was about when it was stopped.
    assert 1 <= copied.under_way
    assert changes[4:] == told[: len(changes) - 4]
    assert {"plan_change.requested", "plan_change.done"} < {each["type"] for each in told[len(changes) - 4 :]}
    assert (2, 2) == (job["total"], job["done"])
    assert [NoticeKind.EVENT_ODD] == [notice.kind for notice in notices]
    assert {"ok"} == {str(each.level) for each in findings if each.subject in ("keys", "workflows", "tokens")}


async def live_a_while(home: Home, url: str) -> tuple[Addon, Addon, str, list[dict[str, object]]]:
    """Have a service with everything: two are provisioned and set by a job, one has moved, one waits to be provisioned.

    Returns an add-on of a person with a board, the one that waits, a token, and what has been told by then.
    """
    async with home.serve(url) as pair:
        shop, staging = await provision(pair, "shop", "free"), await provision(pair, "shop-staging")
        token = await make_token(pair)
        order = {"kind": "set", "config": {TOKEN: "t-1"}, "filters": {"plan": ["basic", "free"]}}
        assert 202 == (await call(pair, "POST", "/jobs", token, json=order))[0]
        await pair.settle()
        pair.heroku.move("shop-staging", "production")
        await pair.parts.inspector.inspect(staging.id)
        await pair.settle()
        with pair.parts.database.transaction() as connection:
            raise_notice(connection, staging.id, NoticeKind.EVENT_ODD, now=pair.parts.clock())
        changes = await follow(pair, token)
    async with home.serve(url, has_worker=False) as pair:
        waiting = await pair.heroku.create_addon("blog", "acme-search:basic")
    return shop, waiting, token, changes


async def is_on_board(pair: Pair, addon: Addon, apps: set[str]) -> bool:
    """Whether a person has these on the board; one that Heroku has not confirmed yet comes a look later."""
    page = await visit(pair, "/board", cookie=await log_in(pair, addon, ADA))
    return apps <= set(re.findall(r"[a-z-]+", page.text))


def test_ids_go_on_behind_the_copied_ones(sqlite_url: str, empty_url: str) -> None:
    """A counter of PostgreSQL's knows nothing of rows that brought their ids."""
    with opened(sqlite_url) as database, database.transaction() as connection:
        uuid = add_resource(connection)
        row = {"resource_uuid": uuid, "at": NOON, "name": "x", "detail": {"b": [1], "a": None}}
        connection.execute(sa.insert(lifecycle_event), {"id": 41, **row})
    copy(sqlite_url, empty_url)
    with opened(empty_url) as database, database.transaction() as connection:
        new = connection.execute(sa.insert(lifecycle_event).values(row).returning(lifecycle_event.c.id)).scalar()

    assert 42 == new


@pytest.mark.parametrize("to", ["postgresql", "sqlite"])
def test_a_table_that_is_new_is_copied_by_itself(to: str, sqlite_url: str, empty_url: str, tmp_path: Path) -> None:
    """One of ours, of whatever columns, and one of the engine's: nothing here names either."""
    target = empty_url if to == "postgresql" else f"sqlite:///{tmp_path}/new.db"
    metadata = sa.MetaData()
    for table in METADATA.sorted_tables:
        table.to_metadata(metadata)
    columns = [sa.Column(name, kind) for name, kind in NOVEL.items()]
    novel = sa.Table("novel", metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=True), *columns)
    of_engine = sa.Table("invented", sa.MetaData(), sa.Column("id", sa.Text), schema=ENGINE)
    rows = [VALUES | {"id": number} for number in range(1, 2_501)] + [dict.fromkeys(NOVEL) | {"id": 3_000}]
    for url in (sqlite_url, target):
        with opened(url) as database:
            prepare(database)
            with database.transaction() as connection:
                for table in (novel, of_engine):
                    table.create(connection)
    with opened(sqlite_url) as database, database.transaction() as connection:
        connection.execute(sa.insert(novel), rows)
        connection.execute(sa.insert(of_engine), {"id": "x"})
    told: list[tuple[int, int]] = []
    copied = copy(sqlite_url, target, tell=lambda *counts: told.append(counts), metadata=metadata)
    with opened(target) as database, database.reads.connect() as connection:
        found = [dict(row) for row in connection.execute(sa.select(novel).order_by(novel.c.id)).mappings()]
        of_engines = connection.execute(sa.select(of_engine)).scalars().all()

    assert rows == found
    assert ["x"] == list(of_engines)
    # In batches, of which none is of more than a thousand; one row counts changes.
    assert (2_503, 2_503) == (copied.rows, told[-1][0])
    assert {2_503} == {total for _, total in told}
    assert 1_000 == max(after[0] - before[0] for before, after in pairwise([(0, 0), *told]))


def test_what_a_worker_had_begun_waits_in_its_queue(postgres_url: str, tmp_path: Path) -> None:
    """Its claim was of a worker that the new database has not; another takes it, as after a crash."""
    with opened(postgres_url) as database, database.transaction() as connection:
        row = {"workflow_uuid": "provision:x", "name": "provision", "status": "PENDING", "queue_name": "headrace"}
        begun = {"executor_id": "worker-7", "owner_xid": "x", "started_at_epoch_ms": 5, "attributes": {"b": 1, "a": 2}}
        connection.execute(sa.insert(workflow_status).values(row | begun))
    target = f"sqlite:///{tmp_path}/new.db"
    copied = copy(postgres_url, target)
    with opened(target) as database, database.reads.connect() as connection:
        found = connection.execute(sa.select(workflow_status)).mappings().one()

    assert 1 == copied.under_way
    assert ("ENQUEUED", None, None) == tuple(found[name] for name in ("status", "owner_xid", "started_at_epoch_ms"))
    assert {"a": 2, "b": 1} == found["attributes"]


async def test_a_database_that_is_served_is_not_copied(database_url: str, tmp_path: Path) -> None:
    """A process tells every few seconds that it lives; the new database is made, and has no row."""
    target = f"sqlite:///{tmp_path}/new.db"
    async with make_home() as home:
        async with home.serve(database_url) as pair:
            await pair.parts.heartbeat.beat()
        with pytest.raises(ConfigurationError, match=r"^FROM is served: a worker wrote to it \d+ s ago. Stop web and"):
            await asyncio.to_thread(copy, database_url, target)
    let_time_pass(database_url)
    copy(database_url, target)

    assert read_rows(database_url) == read_rows(target)


def test_a_database_that_has_something_takes_nothing(sqlite_url: str, postgres_url: str, tmp_path: Path) -> None:
    """Whatever it is: what is there stays as it is."""
    with opened(postgres_url) as database, database.transaction() as connection:
        connection.execute(sa.insert(counted_day).values(day=NOON.date(), counted_at=NOON))
    before = read_rows(postgres_url)
    said = r"^TO is in use already \(rows in counted_day\); name an empty database, or drop the schemas headrace and "
    with pytest.raises(ConfigurationError, match=said):
        copy(sqlite_url, postgres_url)
    shutil.copy(sqlite_url.removeprefix("sqlite:///"), tmp_path / "other.db")
    with opened(f"sqlite:///{tmp_path}/other.db") as database, database.transaction() as connection:
        add_resource(connection)
    with pytest.raises(ConfigurationError, match=r"\(rows in resource\); name .* a file that is not there yet"):
        copy(sqlite_url, f"sqlite:///{tmp_path}/other.db")

    assert before == read_rows(postgres_url)


def test_a_copy_that_ends_in_the_middle_leaves_nothing(sqlite_url: str, database_url: str) -> None:
    """As when it is killed: the next one begins anew, and copies all."""
    source = f"{sqlite_url}.source"
    shutil.copy(sqlite_url.removeprefix("sqlite:///"), source.removeprefix("sqlite:///"))
    with opened(source) as database, database.transaction() as connection:
        for number in range(3):
            add_resource(connection, f"acme-{number}")

    def end(done: int, _total: int) -> None:
        if done > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(source, database_url, tell=end)
    left = read_rows(database_url)
    copy(source, database_url)

    assert ["('changes', 0)"] == [row for rows in left.values() for row in rows]
    assert 3 == len(read_rows(database_url)["resource"])


def test_two_copies_into_one_database_are_one_too_many(sqlite_url: str, postgres_url: str) -> None:
    """The second waits for a while, and says who may be in its way."""
    with opened(postgres_url) as database, database.transaction() as connection:
        connection.exec_driver_sql("LOCK TABLE headrace.resource IN EXCLUSIVE MODE")
        with pytest.raises(ConfigurationError, match=r"^TO: somebody has held a table for 10s; see that no process"):
            copy(sqlite_url, postgres_url)


def test_a_row_that_is_not_taken_is_said_in_a_line(sqlite_url: str, empty_url: str) -> None:
    """SQLite holds texts of any length, and PostgreSQL does not; the row itself is not shown."""
    with opened(sqlite_url) as database, database.transaction() as connection:
        update_resource(connection, add_resource(connection), state="secret" * 20)
    with pytest.raises(ConfigurationError) as refused:
        copy(sqlite_url, empty_url)

    said = "nothing was copied: TO does not take a row of FROM (value too long for type character varying(20))."
    assert (said,) == refused.value.problems
    assert ["('changes', 0)"] == [row for rows in read_rows(empty_url).values() for row in rows]


def test_what_is_no_installation_of_this_release_is_not_copied(tmp_path: Path, sqlite_url: str, empty_url: str) -> None:
    """No file is made where none was; a newer release's tables are for that release, on either side."""
    missing = f"sqlite:///{tmp_path}/missing.db"
    newer = tmp_path / "newer.db"
    shutil.copy(sqlite_url.removeprefix("sqlite:///"), newer)
    with opened(f"sqlite:///{newer}") as database, database.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9998' WHERE version_num > '0004'")
    said = {
        (missing, sqlite_url): f"FROM: there is no file {tmp_path}/missing.db.",
        (
            empty_url,
            sqlite_url,
        ): "FROM: the database is not up to date; run `headrace migrate` with it in DATABASE_URL.",
        (sqlite_url, sqlite_url): "FROM and TO are one database; name another one.",
        (f"sqlite:///{newer}", sqlite_url): "FROM: the database is a newer release's (version 9998",
        (sqlite_url, f"sqlite:///{newer}"): "TO: the database is a newer release's (version 9998",
    }
    for (source, target), text in said.items():
        with pytest.raises(ConfigurationError) as refused:
            copy(source, target)
        assert text == refused.value.problems[0][: len(text)]

    assert not (tmp_path / "missing.db").exists()
