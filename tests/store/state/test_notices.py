"""Notices: one of a kind is open at a time, and each is settled once."""

from datetime import timedelta

from headrace.store.sql.database import Database
from headrace.store.state.notices import (
    NoticeKind,
    count_open_notices,
    list_notices_of,
    list_open_notices,
    raise_notice,
    settle_notice,
    settle_notices,
)
from store.making import NOON, add_resource, id_of


def test_a_notice_is_open_until_it_is_settled(database: Database) -> None:
    """Raised twice it is there once; settled, and raised again, it is a new one."""
    uuid, later = id_of("acme-1"), NOON + timedelta(hours=1)
    with database.transaction() as connection:
        add_resource(connection)
        raise_notice(connection, uuid, NoticeKind.PROVISION_FAILED, now=NOON, step="run_hook")
        raise_notice(connection, uuid, NoticeKind.PROVISION_FAILED, now=later, step="set_config")
        first = list_open_notices(connection)
        settled = settle_notice(connection, first[0].id, by="kim", now=later)
        again = settle_notice(connection, first[0].id, by="ann", now=later)
        raise_notice(connection, uuid, NoticeKind.PROVISION_FAILED, now=later)

        assert [("provision.failed", {"step": "run_hook"}, NOON)] == [(n.kind, n.detail, n.raised_at) for n in first]
        assert (True, False) == (settled, again)
        assert {"provision.failed": 1} == count_open_notices(connection)
        assert ["kim", None] == [row.settled_by for row in list_notices_of(connection, uuid)]


def test_notices_are_settled_by_resource_and_kind(database: Database) -> None:
    """Settling some kinds of one resource leaves its others, and those of other resources."""
    uuid, other = id_of("acme-1"), id_of("acme-2")
    with database.transaction() as connection:
        for name in ("acme-1", "acme-2"):
            add_resource(connection, name)
            raise_notice(connection, id_of(name), NoticeKind.PLAN_CHANGE_FAILED, now=NOON)
            raise_notice(connection, id_of(name), NoticeKind.GRANT_LOST, now=NOON)
        settle_notices(connection, uuid, by="plan change", now=NOON, kinds=["plan_change.failed"])
        settle_notices(connection, other, by="deprovision", now=NOON)

        assert [(uuid, "grant.lost")] == [(row.resource_uuid, row.kind) for row in list_open_notices(connection)]


def test_open_notices_come_in_pages_newest_first(database: Database) -> None:
    """The next page is what comes before the last one's id."""
    with database.transaction() as connection:
        add_resource(connection)
        kinds = (NoticeKind.GRANT_LOST, NoticeKind.EVENT_FAILED, NoticeKind.CLEAN_UP_FAILED)
        for kind in kinds:
            raise_notice(connection, id_of("acme-1"), kind, now=NOON)
        page = list_open_notices(connection, limit=2)
        rest = list_open_notices(connection, limit=2, before=page[-1].id)

        one, two, three = kinds
        assert ([three, two], [one]) == ([row.kind for row in page], [row.kind for row in rest])
