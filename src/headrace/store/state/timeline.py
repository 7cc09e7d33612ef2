"""Queries about a resource's timeline: what happened to it, a line each, which nothing takes away again."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from headrace.store.sql.tables.schema import lifecycle_event
from headrace.store.sql.upsert import insert_as_table

# Built once: building a statement costs about as much as running it.
ADD_EVENT = sa.insert(lifecycle_event)
_FIND_LAST = (
    sa.select(lifecycle_event)
    .where(
        lifecycle_event.c.resource_uuid == sa.bindparam("uuid"),
        lifecycle_event.c.name.in_(sa.bindparam("names", expanding=True)),
    )
    .order_by(lifecycle_event.c.id.desc())
    .limit(1)
)


class TimelineName(StrEnum):
    """What a line of a timeline can tell; `TOLD` says of each what happened."""

    PROVISION_REQUESTED = "provision.requested"
    GRANT_EXCHANGED = "grant.exchanged"
    PLACEMENT_FOUND = "placement.found"
    HOOK_RETURNED = "hook.returned"
    HOOK_CAME_LATE = "hook.came_late"
    CONFIG_REQUESTED = "config.requested"
    CONFIG_SET = "config.set"
    CONFIG_FAILED = "config.failed"
    LOG_DRAIN_REQUESTED = "log_drain.requested"
    LOG_DRAIN_SET = "log_drain.set"
    CREDENTIALS_RETIRED = "credentials.retired"
    RETIREMENT_FAILED = "retirement.failed"
    ACTION_REQUESTED = "action.requested"
    ACTION_BEGUN = "action.begun"
    ACTION_DONE = "action.done"
    ACTION_FAILED = "action.failed"
    PROVISION_DONE = "provision.done"
    PROVISION_FAILED = "provision.failed"
    PROVISION_EXPIRED = "provision.expired"
    HEROKU_ASKED = "heroku.asked"
    HEROKU_REFUSED = "heroku.refused"
    HEROKU_TOLD = "heroku.told"
    TELL_HEROKU_FAILED = "tell_heroku.failed"
    CLEAN_UP_FAILED = "clean_up.failed"
    PLAN_CHANGE_REQUESTED = "plan_change.requested"
    PLAN_CHANGE_PROMISED = "plan_change.promised"
    PLAN_CHANGE_DONE = "plan_change.done"
    PLAN_CHANGE_REFUSED = "plan_change.refused"
    PLAN_CHANGE_FAILED = "plan_change.failed"
    DEPROVISION_REQUESTED = "deprovision.requested"
    DEPROVISION_PROMISED = "deprovision.promised"
    DEPROVISION_TOLD = "deprovision.told"
    DEPROVISION_DONE = "deprovision.done"
    DEPROVISION_FAILED = "deprovision.failed"
    PLACEMENT_MOVED = "placement.moved"
    STAGE_CHANGE_FAILED = "stage_change.failed"
    SUBSCRIPTION_MADE = "subscription.made"
    SUBSCRIPTION_FAILED = "subscription.failed"
    EVENT_FAILED = "event.failed"
    RESOURCE_IMPORTED = "resource.imported"
    PLAN_CHANGE_IMPORTED = "plan_change.imported"
    DEPROVISION_IMPORTED = "deprovision.imported"
    PROVISION_RECONCILED = "provision.reconciled"
    PLAN_CHANGE_RECONCILED = "plan_change.reconciled"
    DEPROVISION_RECONCILED = "deprovision.reconciled"
    OPERATOR_RETRIED = "operator.retried"
    OPERATOR_HURRIED = "operator.hurried"
    OPERATOR_GAVE_UP = "operator.gave_up"
    OPERATOR_ABANDONED = "operator.abandoned"
    WORKFLOW_FAILED = "workflow.failed"


# The few lines from which the whole story can be read.
MILESTONES = frozenset(
    {
        TimelineName.PROVISION_REQUESTED,
        TimelineName.PROVISION_DONE,
        TimelineName.PLAN_CHANGE_REQUESTED,
        TimelineName.PLAN_CHANGE_DONE,
        TimelineName.DEPROVISION_REQUESTED,
        TimelineName.DEPROVISION_DONE,
        TimelineName.PLACEMENT_MOVED,
        TimelineName.RESOURCE_IMPORTED,
        TimelineName.PLAN_CHANGE_IMPORTED,
        TimelineName.DEPROVISION_IMPORTED,
        TimelineName.PROVISION_RECONCILED,
        TimelineName.PLAN_CHANGE_RECONCILED,
        TimelineName.DEPROVISION_RECONCILED,
    }
)
FAILURES = frozenset(
    {
        TimelineName.PROVISION_FAILED,
        TimelineName.PROVISION_EXPIRED,
        TimelineName.HEROKU_REFUSED,
        TimelineName.TELL_HEROKU_FAILED,
        TimelineName.CLEAN_UP_FAILED,
        TimelineName.PLAN_CHANGE_REFUSED,
        TimelineName.PLAN_CHANGE_FAILED,
        TimelineName.DEPROVISION_FAILED,
        TimelineName.CONFIG_FAILED,
        TimelineName.RETIREMENT_FAILED,
        TimelineName.ACTION_FAILED,
        TimelineName.STAGE_CHANGE_FAILED,
        TimelineName.SUBSCRIPTION_FAILED,
        TimelineName.EVENT_FAILED,
        TimelineName.OPERATOR_ABANDONED,
        TimelineName.WORKFLOW_FAILED,
    }
)
# docs/reliability.md is made of this.
TOLD = {
    TimelineName.PROVISION_REQUESTED: "Heroku asked for the resource, and it was recorded.",
    TimelineName.GRANT_EXCHANGED: "The grant of the request has become a token, which is stored.",
    TimelineName.PLACEMENT_FOUND: "Heroku told app, pipeline and stage, before the hook ran.",
    TimelineName.HOOK_RETURNED: "Your hook is done; the names of the config vars it returned.",
    TimelineName.HOOK_CAME_LATE: "A hook of yours went on after the resource was gone; it is removed again.",
    TimelineName.CONFIG_REQUESTED: "Your code, or a command, ordered config vars to be set or rotated; who did.",
    TimelineName.CONFIG_SET: "The config vars stand on the customer's app; their names.",
    TimelineName.CONFIG_FAILED: "Config vars could not be set: the step, and the kind of its error.",
    TimelineName.LOG_DRAIN_REQUESTED: "Your code ordered the app's log to be sent elsewhere; who did.",
    TimelineName.LOG_DRAIN_SET: "Heroku sends the app's log to where your hook, or your code, has said.",
    TimelineName.CREDENTIALS_RETIRED: "Your hook has retired the credentials that a rotation replaced.",
    TimelineName.RETIREMENT_FAILED: "Your hook could not retire credentials that a rotation replaced.",
    TimelineName.ACTION_REQUESTED: "Somebody ordered an action of yours; which, and who did.",
    TimelineName.ACTION_BEGUN: "Your hook for an action was called for the first time.",
    TimelineName.ACTION_DONE: "Your hook for an action is done, and what it had to tell; secrets are masked.",
    TimelineName.ACTION_FAILED: "An action of yours was given up, or refused: the kind of the error, and what it told.",
    TimelineName.PROVISION_DONE: "Heroku shows the add-on as provisioned.",
    TimelineName.PROVISION_FAILED: "The provision was given up: the step, and the kind of its error.",
    TimelineName.PROVISION_EXPIRED: "The provision has passed eleven hours.",
    TimelineName.HEROKU_ASKED: "Heroku is being asked to remove a failed add-on.",
    TimelineName.HEROKU_REFUSED: "Heroku refused the token with which it was asked, or has no such add-on.",
    TimelineName.HEROKU_TOLD: "Heroku was told that the provision failed.",
    TimelineName.TELL_HEROKU_FAILED: "Heroku could not be told that the provision failed, or that the removal is done.",
    TimelineName.CLEAN_UP_FAILED: "Your deprovision hook did not remove what a failed provision made.",
    TimelineName.PLAN_CHANGE_REQUESTED: "Heroku asked for another plan.",
    TimelineName.PLAN_CHANGE_PROMISED: "Heroku was answered 202: it shows the new plan from here on.",
    TimelineName.PLAN_CHANGE_DONE: "The resource has the new plan.",
    TimelineName.PLAN_CHANGE_REFUSED: "Your hook refused, and the customer was told why.",
    TimelineName.PLAN_CHANGE_FAILED: "The plan change was given up: the step, and the kind of its error.",
    TimelineName.DEPROVISION_REQUESTED: "Heroku asked to remove the resource.",
    TimelineName.DEPROVISION_PROMISED: "Heroku was answered 202: it keeps the add-on until it is told of the end.",
    TimelineName.DEPROVISION_TOLD: "Heroku was told that the removal is done.",
    TimelineName.DEPROVISION_DONE: "Your hook is done, and the resource's secrets are forgotten.",
    TimelineName.DEPROVISION_FAILED: "The deprovision was given up: the step, and the kind of its error.",
    TimelineName.PLACEMENT_MOVED: "The app stands in another pipeline or at another stage.",
    TimelineName.STAGE_CHANGE_FAILED: "Your hook could not be told of a move.",
    TimelineName.SUBSCRIPTION_MADE: "Heroku will deliver webhook events about the resource.",
    TimelineName.SUBSCRIPTION_FAILED: "Heroku did not take the webhook subscription.",
    TimelineName.EVENT_FAILED: "Your hook could not be told of a webhook event.",
    TimelineName.RESOURCE_IMPORTED: "The resource was imported.",
    TimelineName.PLAN_CHANGE_IMPORTED: "An import said that the resource has another plan.",
    TimelineName.DEPROVISION_IMPORTED: "An import said that the resource is gone.",
    TimelineName.PROVISION_RECONCILED: "Heroku showed it as provisioned, which was not known here.",
    TimelineName.PLAN_CHANGE_RECONCILED: "Heroku showed another plan than was known here, and the hook is called.",
    TimelineName.DEPROVISION_RECONCILED: "Heroku had it no more, which was not known here; it is being removed.",
    TimelineName.OPERATOR_RETRIED: "An operator had what failed tried again.",
    TimelineName.OPERATOR_HURRIED: "An operator had the next attempt made at once; of which step, and who did.",
    TimelineName.OPERATOR_GAVE_UP: "An operator ordered that no other attempt be made; of which step, and who did.",
    TimelineName.OPERATOR_ABANDONED: "An operator gave the resource up.",
    TimelineName.WORKFLOW_FAILED: "A workflow ended with an error of its own.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One line of a resource's timeline. `name` is a `TimelineName`, or what an older release wrote."""

    at: datetime
    name: str
    detail: Mapping[str, Any]


def add_event(connection: sa.Connection, uuid: str, name: TimelineName, *, now: datetime, **detail: Any) -> None:
    """Add a line to a resource's timeline. `detail` is shown to operators: no secret may stand in it."""
    connection.execute(ADD_EVENT, {"resource_uuid": uuid, "at": now, "name": name, "detail": detail})


def add_events(
    connection: sa.Connection, name: TimelineName, details: Mapping[str, Mapping[str, Any]], *, now: datetime
) -> None:
    """Add the same line to the timelines of resources, if there are any; `details` has each one's own by its uuid."""
    add_lines(connection, name, [(uuid, now, detail) for uuid, detail in details.items()])


def add_lines(
    connection: sa.Connection, name: TimelineName, lines: Iterable[tuple[str, datetime, Mapping[str, Any]]]
) -> None:
    """Do the same for lines that each come with a resource's uuid and a moment of their own."""
    rows = [{"resource_uuid": uuid, "at": at, "name": name, "detail": detail} for uuid, at, detail in lines]
    if rows:
        insert_as_table(connection, lifecycle_event, rows)


def count_events(connection: sa.Connection, uuid: str, name: TimelineName) -> int:
    query = sa.select(sa.func.count()).where(lifecycle_event.c.resource_uuid == uuid, lifecycle_event.c.name == name)
    return int(connection.execute(query).scalar_one())


def find_last_event(connection: sa.Connection, uuid: str, names: Collection[TimelineName]) -> EventRow | None:
    """Return the latest line of a resource's timeline that has one of these names."""
    row = connection.execute(_FIND_LAST, {"uuid": uuid, "names": list(names)}).one_or_none()
    return None if row is None else EventRow(at=row.at, name=row.name, detail=row.detail)


def list_events(
    connection: sa.Connection, uuid: str, *, names: Collection[TimelineName] | None = None
) -> list[EventRow]:
    """Return a resource's timeline, oldest first: all of it, or the lines that have one of these names."""
    query = sa.select(lifecycle_event).where(lifecycle_event.c.resource_uuid == uuid).order_by(lifecycle_event.c.id)
    if names is not None:
        query = query.where(lifecycle_event.c.name.in_(names))
    return [EventRow(at=row.at, name=row.name, detail=row.detail) for row in connection.execute(query)]
