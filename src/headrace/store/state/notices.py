"""Notices: what wants an operator's eye, from the moment it happened until somebody settles it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from headrace.errors import TokenRejected
from headrace.store.sql.rows import is_one_of, pass_rows, rows_as_table
from headrace.store.sql.tables.schema import notice, resource
from headrace.store.sql.upsert import insert_new

PAGE = 200
# A token may be refused for a moment, as while a client secret is changed.
REFUSED_FOR_GOOD = timedelta(minutes=15)


class NoticeKind(StrEnum):
    """What an operator can be told of; `MEANINGS` says of each what it means and what to do."""

    PROVISION_FAILED = "provision.failed"
    PROVISION_EXPIRED = "provision.expired"
    GRANT_LOST = "grant.lost"
    CLIENT_SECRET_REFUSED = "client_secret.refused"
    TELL_HEROKU_FAILED = "tell_heroku.failed"
    CLEAN_UP_FAILED = "clean_up.failed"
    DEPROVISION_FAILED = "deprovision.failed"
    PLAN_CHANGE_FAILED = "plan_change.failed"
    CONFIG_FAILED = "config.failed"
    RETIREMENT_FAILED = "retirement.failed"
    ACTION_FAILED = "action.failed"
    EVENT_FAILED = "event.failed"
    EVENT_ODD = "event.odd"
    STAGE_CHANGE_FAILED = "stage_change.failed"
    SUBSCRIPTION_FAILED = "subscription.failed"
    TOKEN_REFUSED = "token.refused"
    WORKFLOW_FAILED = "workflow.failed"
    WORKFLOW_STRANDED = "workflow.stranded"
    # About the service as a whole, for as long as it lasts.
    WORKER_MISSING = "worker.missing"
    WORKER_STUCK = "worker.stuck"
    SWEEP_LATE = "sweep.late"
    DATABASE_UNWRITTEN = "database.unwritten"
    CLOCKS_DIFFER = "clocks.differ"


# Each is open once, whichever resource its row names, and nobody settles it but who sees that it is over.
SERVICE_KINDS = (
    NoticeKind.WORKER_MISSING,
    NoticeKind.WORKER_STUCK,
    NoticeKind.SWEEP_LATE,
    NoticeKind.DATABASE_UNWRITTEN,
    NoticeKind.CLOCKS_DIFFER,
)


class Meaning(NamedTuple):
    """What a notice says happened, and what there is to do; names stand between backticks."""

    means: str
    do: str


# The page of definitions and docs/reliability.md are made of this.
MEANINGS = {
    NoticeKind.PROVISION_FAILED: Meaning(
        "The hook, or Heroku, failed until it was given up; Heroku has been told.", "Read the timeline; `abandon`."
    ),
    NoticeKind.PROVISION_EXPIRED: Meaning(
        "It passed eleven hours; Heroku has been told.", "Look why the hook hangs; `abandon`."
    ),
    NoticeKind.GRANT_LOST: Meaning(
        "The grant was used, and the token that it became was not stored.",
        "Ask Heroku to open the back-fill, then `retry`; otherwise Heroku removes the add-on after twelve hours.",
    ),
    NoticeKind.CLIENT_SECRET_REFUSED: Meaning(
        "Heroku does not take the client secret. What is under way waits for the right one; a provision waits five "
        "minutes, until its grant ends.",
        "Set `HEADRACE_CLIENT_SECRET` to the OAuth secret of your add-on's page in the Partner Portal.",
    ),
    NoticeKind.TELL_HEROKU_FAILED: Meaning(
        "Heroku could not be told of a failure.", "Nothing: it gives up by itself after twelve hours."
    ),
    NoticeKind.CLEAN_UP_FAILED: Meaning(
        "What was made at your side for a resource that failed, or was removed meanwhile, may still be there.",
        "Remove it by hand; `abandon` what failed.",
    ),
    NoticeKind.DEPROVISION_FAILED: Meaning("Your hook failed for an hour.", "Mend it, `retry`."),
    NoticeKind.PLAN_CHANGE_FAILED: Meaning(
        "Your side has the old plan: the hook failed, or refused when Heroku had been answered 202. `heroku_shows` is "
        "the plan that Heroku shows.",
        "Where that is the new plan: mend it, `retry`; or the customer changes the plan back. Where it is the old one: "
        "mend it; the customer asks again, and that is a new change.",
    ),
    NoticeKind.CONFIG_FAILED: Meaning(
        "Config vars that you ordered could not be set: the app has those that it had.", "Mend it, order them again."
    ),
    NoticeKind.RETIREMENT_FAILED: Meaning(
        "Credentials that a rotation replaced may still work: your hook failed for an hour.",
        "Retire them by hand, settle it.",
    ),
    NoticeKind.ACTION_FAILED: Meaning(
        "An action of yours that somebody ordered has failed: its hook did, for an hour.", "Mend it, order it again."
    ),
    NoticeKind.EVENT_FAILED: Meaning("Your hook was not told of a webhook event.", "Settle it."),
    NoticeKind.EVENT_ODD: Meaning(
        "Heroku delivered a webhook event of a form that we do not know. It was taken and told to no hook; what it may "
        "be about is looked at again.",
        "Read it by `headrace notices show`, report its form to headrace's maintainers, settle it.",
    ),
    NoticeKind.STAGE_CHANGE_FAILED: Meaning("Your hook was not told of a move.", "Settle it."),
    NoticeKind.SUBSCRIPTION_FAILED: Meaning(
        "Heroku did not take a webhook subscription; it is asked for again after a day.", "Read the log."
    ),
    NoticeKind.TOKEN_REFUSED: Meaning(
        "Heroku refuses the resource's token, and refreshing it does not help: it is not known where its app is, and "
        "boards hide it.",
        "Run `headrace reconcile`, which tells whether the add-on is still there; it is settled by the next token.",
    ),
    NoticeKind.WORKFLOW_STRANDED: Meaning(
        "A workflow was begun by another release, and this one cannot go on with it.",
        "Run a worker of that release until the notice is gone.",
    ),
    NoticeKind.WORKFLOW_FAILED: Meaning(
        "A workflow ended with an error of its own. It is started again, three times.",
        "Report it to headrace's maintainers.",
    ),
    NoticeKind.WORKER_MISSING: Meaning(
        "No worker is alive, and work waits. What was acknowledged is kept.", "Start a worker; it goes on by itself."
    ),
    NoticeKind.WORKER_STUCK: Meaning(
        "A worker lives and does not work; its `/ready` and its log say why.", "Mend what they say, restart it."
    ),
    NoticeKind.SWEEP_LATE: Meaning(
        "Looks at placements are more than a quarter of an hour late, or one is claimed and not done.",
        "Look whether a worker runs and at its log; start another worker.",
    ),
    NoticeKind.DATABASE_UNWRITTEN: Meaning(
        "No process has written for half a minute: the database is full, read-only or was moved, or none runs.",
        "Run `headrace doctor`; nothing is acknowledged meanwhile.",
    ),
    NoticeKind.CLOCKS_DIFFER: Meaning(
        "The clock of a process, the database's and Heroku's differ by more than half a minute.",
        "Set clocks by NTP; logins are refused, and looks made too late or too often, until they agree.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """One notice, with the name of its resource. It is open while `settled_at` is None."""

    id: int
    resource_uuid: str
    resource_name: str
    kind: str
    detail: Mapping[str, Any]
    raised_at: datetime
    settled_at: datetime | None
    settled_by: str | None

    @property
    def is_of_service(self) -> bool:
        """Whether it is about the service as a whole, and the resource means nothing."""
        return self.kind in SERVICE_KINDS

    @property
    def is_of_retriable_change(self) -> bool:
        """Whether it tells of a plan change that Heroku shows as done, so that trying it again brings both together."""
        is_of_change = self.kind == NoticeKind.PLAN_CHANGE_FAILED
        # An older release did not say what Heroku shows: the order itself knows.
        wanted = self.detail.get("plan")
        return is_of_change and self.detail.get("heroku_shows", wanted) == wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What notices have in common that belong together: their kind, the step that failed, and the kind of its error."""

    kind: str
    step: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """The notices of one group: how many there are, and when the first and the last of them was raised."""

    group: Group
    count: int
    first_at: datetime
    last_at: datetime


def raise_notice(connection: sa.Connection, uuid: str, kind: NoticeKind, *, now: datetime, **detail: Any) -> None:
    """Raise a notice unless one of this kind is open. `detail` is shown to operators: no secret may stand in it."""
    insert_new(connection, notice, {"resource_uuid": uuid, "kind": kind, "detail": detail, "raised_at": now})


def note_refusal(
    connection: sa.Connection, uuid: str, error: str, *, answered_at: datetime | None, now: datetime
) -> None:
    """Raise a notice of a token that Heroku has refused for so long that it will not take it again.

    `error` is the kind of a failed look, `answered_at` when one last brought an answer. The next token settles it.
    """
    if error == TokenRejected.__name__ and (answered_at is None or now - answered_at >= REFUSED_FOR_GOOD):
        raise_notice(connection, uuid, NoticeKind.TOKEN_REFUSED, now=now, reason=error)


def settle_notices(
    connection: sa.Connection, uuid: str, *, by: str, now: datetime, kinds: Collection[str] | None = None
) -> None:
    """Settle a resource's open notices, all of them or those of some kinds."""
    settled = {"uuid": uuid, "now": now, "by": by}
    if kinds is None:
        connection.execute(_SETTLE_ALL, settled)
    else:
        connection.execute(_SETTLE_KINDS, {**settled, "kinds": list(kinds)})


def settle_notices_of(
    connection: sa.Connection,
    uuids: Collection[str],
    *,
    by: str,
    now: datetime,
    kinds: Collection[NoticeKind] | None = None,
) -> None:
    """Settle open notices of many resources, all of them or those of some kinds."""
    rows = pass_rows(connection, ({"uuid": uuid} for uuid in uuids))
    statement = _build_settle_all(connection.dialect.name, None if kinds is None else tuple(kinds))
    connection.execute(statement, rows | {"b_now": now, "b_by": by})


def settle_notice(connection: sa.Connection, notice_id: int, *, by: str, now: datetime) -> bool:
    """Settle one notice; return False when it is not open."""
    query = sa.update(notice).where(notice.c.id == notice_id, *_IS_OPEN)
    return connection.execute(query.values(settled_at=now, settled_by=by)).rowcount == 1


def list_open_notices(
    connection: sa.Connection,
    *,
    before: int | None = None,
    after: int | None = None,
    group: Group | None = None,
    limit: int = PAGE,
) -> list[NoticeRow]:
    """Return open notices of resources, newest first, all or those of a group.

    The next page is `before` the last one's id, the previous one the oldest of those `after` the first one's.
    """
    query = select_notices().where(*_IS_OPEN).limit(limit)
    query = query.order_by(notice.c.id.desc() if after is None else notice.c.id)
    if group is not None:
        query = query.where(*_list_conditions(group))
    if before is not None:
        query = query.where(notice.c.id < before)
    if after is not None:
        query = query.where(notice.c.id > after)
    found = [read_notice(row) for row in connection.execute(query)]
    return found if after is None else found[::-1]


def list_incidents(connection: sa.Connection) -> list[Incident]:
    """Return the groups of open notices, the one with the latest first."""
    return _list_groups(connection, *_IS_OPEN)


def list_settled_incidents(connection: sa.Connection, *, since: datetime) -> list[Incident]:
    """Return the groups of notices that were settled since a moment."""
    return _list_groups(connection, notice.c.settled_at >= since, _IS_OF_RESOURCE)


def list_open_of_group(connection: sa.Connection, group: Group) -> list[tuple[int, str]]:
    """Return the open notices of a group, oldest first, each with its resource."""
    query = sa.select(notice.c.id, notice.c.resource_uuid).where(*_IS_OPEN, *_list_conditions(group))
    return [(row.id, row.resource_uuid) for row in connection.execute(query.order_by(notice.c.id))]


def find_notice(connection: sa.Connection, notice_id: int) -> NoticeRow | None:
    row = connection.execute(select_notices().where(notice.c.id == notice_id)).one_or_none()
    return None if row is None else read_notice(row)


def list_open_notices_of_kind(connection: sa.Connection, kind: NoticeKind) -> list[NoticeRow]:
    """Return the open notices of a kind, oldest first."""
    query = (
        select_notices().where(notice.c.settled_at.is_(None), notice.c.kind == kind).order_by(notice.c.id).limit(PAGE)
    )
    return [read_notice(row) for row in connection.execute(query)]


def list_notices_of(connection: sa.Connection, uuid: str) -> list[NoticeRow]:
    """Return a resource's notices, settled ones too, oldest first."""
    query = select_notices().where(notice.c.resource_uuid == uuid, _IS_OF_RESOURCE).order_by(notice.c.id)
    return [read_notice(row) for row in connection.execute(query)]


def count_open_notices(connection: sa.Connection) -> dict[str, int]:
    """Return how many notices of resources are open, by kind."""
    query = sa.select(notice.c.kind, sa.func.count()).where(*_IS_OPEN).group_by(notice.c.kind)
    return {row[0]: row[1] for row in connection.execute(query)}


def count_up_to(connection: sa.Connection, most: int, *, group: Group | None = None) -> int:
    """Return how many notices of resources are open, all or of a group, up to `most`; that has a bound."""
    conditions = [] if group is None else _list_conditions(group)
    some = sa.select(notice.c.id).where(*_IS_OPEN, *conditions).limit(most).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()


_IS_OF_RESOURCE = sa.not_(is_one_of(notice.c.kind, SERVICE_KINDS))
_IS_OPEN = (notice.c.settled_at.is_(None), _IS_OF_RESOURCE)
# Built once: building a statement costs about as much as running it.
_SETTLE = (
    sa.update(notice)
    .where(notice.c.resource_uuid == sa.bindparam("uuid"), notice.c.settled_at.is_(None))
    .values(settled_at=sa.bindparam("now"), settled_by=sa.bindparam("by"))
)
_SETTLE_ALL = _SETTLE.where(_IS_OF_RESOURCE)
_SETTLE_KINDS = _SETTLE.where(notice.c.kind.in_(sa.bindparam("kinds", expanding=True)))


@cache
def _build_settle_all(dialect: str, kinds: tuple[NoticeKind, ...] | None) -> sa.Update:
    rows = rows_as_table(dialect, uuid=sa.Text())
    is_theirs = notice.c.resource_uuid.in_(sa.select(rows.c.uuid))
    is_meant = _IS_OF_RESOURCE if kinds is None else is_one_of(notice.c.kind, kinds)
    settled_at = sa.bindparam("b_now", type_=notice.c.settled_at.type)
    open_ones = sa.update(notice).where(notice.c.settled_at.is_(None), is_meant, is_theirs)
    return open_ones.values(settled_at=settled_at, settled_by=sa.bindparam("b_by"))


def _list_groups(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Incident]:
    step, reason = _read_detail("step").label("step"), _read_detail("reason").label("reason")
    # By columns of a query within: PostgreSQL does not see that two expressions with parameters are the same.
    found = sa.select(notice.c.kind, step, reason, notice.c.raised_at).where(*conditions).subquery()
    parts, last_at = (found.c.kind, found.c.step, found.c.reason), sa.func.max(found.c.raised_at).label("last_at")
    counts = (sa.func.count().label("number"), sa.func.min(found.c.raised_at).label("first_at"), last_at)
    query = sa.select(*parts, *counts).group_by(*parts).order_by(last_at.desc()).limit(PAGE)
    return [
        Incident(
            group=Group(kind=row.kind, step=row.step, reason=row.reason),
            count=row.number,
            first_at=row.first_at,
            last_at=row.last_at,
        )
        for row in connection.execute(query)
    ]


def _list_conditions(group: Group) -> list[sa.ColumnElement[bool]]:
    is_alike = [_read_detail("step") == group.step, _read_detail("reason") == group.reason]
    return [notice.c.kind == group.kind, *is_alike]


def _read_detail(name: str) -> sa.ColumnElement[str]:
    return sa.func.coalesce(notice.c.detail[name].as_string(), "")


def select_notices() -> sa.Select[Any]:
    """Return the query of notices with the names of their resources, for `read_notice`."""
    names = [name for name in NoticeRow.__slots__ if name != "resource_name"]
    columns = (*(notice.c[name] for name in names), resource.c.name.label("resource_name"))
    return sa.select(*columns).join(resource, resource.c.uuid == notice.c.resource_uuid)


def read_notice(row: sa.Row[Any]) -> NoticeRow:
    return NoticeRow(**{name: getattr(row, name) for name in NoticeRow.__slots__})
