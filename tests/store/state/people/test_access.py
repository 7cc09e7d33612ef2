"""Who may see an app is kept for as long as there is something of ours on it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import sqlalchemy as sa

from headrace.models import State
from headrace.protocol.pipelines import Access
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import access, access_check
from headrace.store.state.people.access import (
    bring_access_back_to_now,
    doubt_access,
    forget_people,
    list_freshly_checked_apps,
    save_access,
)
from headrace.store.state.resources import find_resource, forget_options, remove_resource, update_resource
from headrace.testing import eventually
from store.making import HOUR, NOON, add_resource, id_of, is_waiting

ADA = Access(user_ids=frozenset({"u-1"}), emails=frozenset({"ada@lumen.example"}))
OPTIONS = {"contact": "ada@lumen.example"}


def test_people_are_forgotten_with_the_last_resource_on_their_app(database: Database) -> None:
    """And what the customer typed with each; other apps' people stay."""
    with database.transaction() as connection:
        for name, app in (("one", "shop"), ("two", "shop"), ("other", "blog")):
            add_resource(connection, name, app_id=id_of(app), options=OPTIONS)
            save_access(connection, id_of(app), ADA, now=NOON)
        apps = []
        for name in ("one", "two"):
            row = find_resource(connection, id_of(name))
            assert row is not None
            remove_resource(connection, row, now=NOON)
            apps.append(_list_apps(connection))

        assert [{id_of("shop"), id_of("blog")}, {id_of("blog")}] == apps
        rows = [find_resource(connection, id_of(name)) for name in ("one", "two", "other")]
        assert [{}, {}, OPTIONS] == [row.options for row in rows if row]


def test_what_older_releases_kept_is_forgotten(database: Database) -> None:
    """Apps of which all is gone, those that resources have moved away from, and options."""
    with database.transaction() as connection:
        add_resource(connection, "gone", app_id=id_of("shop"), options=OPTIONS)
        update_resource(connection, id_of("gone"), state=State.DEPROVISIONED)
        add_resource(connection, "here", app_id=id_of("blog"), options=OPTIONS)
        for app in ("shop", "left", "blog"):
            save_access(connection, id_of(app), ADA, now=NOON)
        forget_people(connection)
        forgotten = [forget_options(connection, limit=10) for _ in range(2)]

        assert {id_of("blog")} == _list_apps(connection)
        rows = [find_resource(connection, id_of(name)) for name in ("gone", "here")]
        assert ([1, 0], [{}, OPTIONS]) == (forgotten, [row.options for row in rows if row])


async def test_who_forgets_people_waits_for_who_is_told_of_them(postgres_url: str) -> None:
    """The last resource on an app goes, while Heroku answers who may see it: neither has what the other waits for."""
    database = Database(postgres_url)
    await database.write(save_access, id_of("shop"), ADA, now=NOON)

    with ThreadPoolExecutor() as threads:
        with database.transaction() as telling:
            doubt_access(telling, id_of("shop"), now=NOON)
            forgetting = threads.submit(lambda: asyncio.run(database.write(forget_people)))
            await eventually(lambda: forgetting.done() or is_waiting(database))
            save_access(telling, id_of("shop"), ADA, now=NOON + HOUR)
        forgetting.result()
        with database.reads.connect() as connection:
            left = _list_apps(connection)
    database.close()

    assert set() == left


def test_answers_of_a_future_are_of_now_and_in_doubt(database: Database) -> None:
    """They say no to whom they said no, and nothing else until Heroku is asked again."""
    with database.transaction() as connection:
        save_access(connection, id_of("ahead"), ADA, now=NOON + HOUR)
        save_access(connection, id_of("doubted"), ADA, now=NOON)
        doubt_access(connection, id_of("doubted"), now=NOON + HOUR)
        save_access(connection, id_of("good"), ADA, now=NOON)
        apps = [id_of(name) for name in ("ahead", "doubted", "good")]
        bring_access_back_to_now(connection, now=NOON)
        fresh = list_freshly_checked_apps(connection, apps, after=NOON - HOUR, now=NOON)
        save_access(connection, id_of("doubted"), ADA, now=NOON + timedelta(seconds=1))
        later = list_freshly_checked_apps(connection, apps, after=NOON - HOUR, now=NOON + timedelta(seconds=1))

        assert ({id_of("good")}, {id_of("good"), id_of("doubted")}) == (fresh, later)
        moments = set(connection.execute(sa.select(access_check.c.checked_at)).scalars())
        assert max(moments) == NOON + timedelta(seconds=1)


def _list_apps(connection: sa.Connection) -> set[str]:
    """The apps of which anything about people is known."""
    found = [set(connection.execute(sa.select(table.c.app_id)).scalars()) for table in (access, access_check)]
    assert found[0] == found[1]
    return found[0]
