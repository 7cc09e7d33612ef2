"""What an operator can do about a resource that is stuck.

Of what has failed: try it again, or abandon the resource. Of what is still tried: make the next attempt at once, or
give it up. The order is recorded in one transaction, and the workflow heeds it in another, whichever process runs it.
Where both come at the same moment there is one rule: an attempt that has begun counts. If it is done, the order came
too late; if it fails, it was the one that was to be made at once, or the last one.
"""

from enum import StrEnum

import sqlalchemy as sa

from headrace.errors import NothingToDo, UnknownResource
from headrace.models import State
from headrace.protocol.retries import PROVISION_LIMIT
from headrace.store.state.notices import settle_notices
from headrace.store.state.placements import close_placement
from headrace.store.state.plan_changes import PlanChangeOutcome, add_plan_change, find_last_plan_change
from headrace.store.state.resources import (
    AttemptOrder,
    AttemptOrderKind,
    ResourceRow,
    lock_resource,
    read_attempt_order,
    remove_resource,
    save_attempt_order,
    update_resource,
)
from headrace.store.state.timeline import TimelineName, add_event, find_last_event
from headrace.store.state.webhooks import retire_credentials
from headrace.workflows.engine.ids import read_purpose
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.handover import start_due
from headrace.workflows.lifecycle.plan_changes import find_shown_plan
from headrace.workflows.lifecycle.waiting import WaitingStep, find_waiting

ORDERED = {
    AttemptOrderKind.TRY_NOW: TimelineName.OPERATOR_HURRIED,
    AttemptOrderKind.GIVE_UP: TimelineName.OPERATOR_GAVE_UP,
}
ENDINGS = (TimelineName.PROVISION_FAILED, TimelineName.PROVISION_EXPIRED, TimelineName.DEPROVISION_FAILED)
# Which of them came last says how far Heroku has been told that a provision failed.
TELLINGS = (TimelineName.HEROKU_ASKED, TimelineName.HEROKU_REFUSED, TimelineName.HEROKU_TOLD)


class Order(StrEnum):
    """What an operator can order about a resource that has failed, or whose attempts fail."""

    RETRY = "retry"
    ABANDON = "abandon"
    TRY_NOW = "try-now"
    GIVE_UP = "give-up"


class Retried(StrEnum):
    """What is tried again."""

    PROVISION = "provision"
    PLAN_CHANGE = "plan change"
    DEPROVISION = "deprovision"


class Operations:
    """An operator's orders. Each is one transaction; `by` says in the timeline who gave it."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def retry(self, uuid: str, *, by: str = "operator") -> Retried:
        """Try again what failed, and return what that is: a provision, a deprovision or a plan change.

        Raises:
            UnknownResource: there is no such resource.
            NothingToDo: nothing failed, or trying again cannot help; the text says which.
        """
        return await self._core.database.write(self._retry, uuid, by)

    async def abandon(self, uuid: str, *, by: str = "operator") -> None:
        """Give a failed resource up: it counts as deprovisioned and its secrets are forgotten. No hook is called.

        Raises:
            UnknownResource: there is no such resource.
            NothingToDo: it has not failed.
        """
        await self._core.database.write(self._abandon, uuid, by)

    async def try_now(self, uuid: str, *, by: str = "operator") -> WaitingStep:
        """Have the attempt made at once for which a resource's workflow waits, and return what that is.

        Raises:
            UnknownResource: there is no such resource.
            NothingToDo: nothing waits for another attempt, or it is being given up.
        """
        return await self._core.database.write(self._order_attempt, uuid, AttemptOrderKind.TRY_NOW, by)

    async def give_up(self, uuid: str, *, by: str = "operator") -> WaitingStep:
        """Have no other attempt made of what waits for one: it has failed, with all that a last failure brings.

        Raises:
            UnknownResource: there is no such resource.
            NothingToDo: nothing waits for another attempt.
        """
        return await self._core.database.write(self._order_attempt, uuid, AttemptOrderKind.GIVE_UP, by)

    def _order_attempt(self, connection: sa.Connection, uuid: str, kind: AttemptOrderKind, by: str) -> WaitingStep:
        row = _lock(connection, uuid)
        waiting = find_waiting(connection, row)
        if waiting is None:
            raise NothingToDo(_explain_nothing(row))
        before = read_attempt_order(row.ordered, waiting.workflow)
        if before is not None and before.is_to_give_up(waiting.step) and kind is AttemptOrderKind.TRY_NOW:
            raise NothingToDo(f"The {waiting.kind} of {row.name} is being given up already.")
        step, attempts = waiting.step, waiting.attempts
        order = AttemptOrder(kind=kind, workflow=waiting.workflow, step=step, attempts=attempts)
        if order != before:
            save_attempt_order(connection, uuid, order)
            self._core.engine.news.ring_after(connection)
            detail = {"what": waiting.kind, "step": step, "attempts": attempts, "by": by}
            add_event(connection, uuid, ORDERED[kind], now=self._core.clock(), **detail)
        return waiting

    def _retry(self, connection: sa.Connection, uuid: str, by: str) -> Retried:
        row = _lock(connection, uuid)
        what = self._decide(connection, row)
        now = self._core.clock()
        if what is Retried.PLAN_CHANGE:
            plan = _require_shown_plan(connection, row)
            number = add_plan_change(connection, uuid, old_plan=row.plan, new_plan=plan, now=now)
            # Heroku shows it already, so a hook that refuses is for an operator again.
            add_event(connection, uuid, TimelineName.PLAN_CHANGE_PROMISED, now=now, number=number)
        else:
            state = State.PROVISIONING if what is Retried.PROVISION else State.DEPROVISIONING
            update_resource(connection, uuid, state=state, message=None)
        if what is Retried.PROVISION:
            # What the first attempt made was removed when it gave up.
            self._core.secrets.delete_made_by_hooks(connection, uuid)
        settle_notices(connection, uuid, by=by, now=now)
        add_event(connection, uuid, TimelineName.OPERATOR_RETRIED, now=now, what=what, by=by)
        start_due(connection, self._core.engine, _lock(connection, uuid))
        return what

    def _decide(self, connection: sa.Connection, row: ResourceRow) -> Retried:
        if row.state is State.PROVISIONED:
            _require_shown_plan(connection, row)
            return Retried.PLAN_CHANGE
        if row.state is not State.FAILED:
            raise NothingToDo(f"{row.name} is {row.state}: nothing of it has failed.")
        ending = find_last_event(connection, row.uuid, ENDINGS)
        if ending is not None and ending.name == TimelineName.DEPROVISION_FAILED:
            return Retried.DEPROVISION
        told = find_last_event(connection, row.uuid, TELLINGS)
        if told is not None and told.name == TimelineName.HEROKU_TOLD:
            raise NothingToDo(f"Heroku was told that {row.name} failed and has removed it; abandon it.")
        is_asked = told is not None and told.name == TimelineName.HEROKU_ASKED and row.running is not None
        if is_asked and find_waiting(connection, row) is None:
            # What is removed there takes its token with it: a provision that begins now could not end for hours.
            raise NothingToDo(f"Heroku is just being told that {row.name} failed; look again in a moment.")
        if self._core.clock() - row.created_at >= PROVISION_LIMIT:
            raise NothingToDo(f"Heroku has given {row.name} up by now; abandon it. The customer can add it again.")
        return Retried.PROVISION

    def _abandon(self, connection: sa.Connection, uuid: str, by: str) -> None:
        row = _lock(connection, uuid)
        if row.state is not State.FAILED:
            raise NothingToDo(f"{row.name} is {row.state}: only what has failed can be given up.")
        now = self._core.clock()
        retire_credentials(connection, self._core.secrets, uuid)
        self._core.secrets.delete_all(connection, uuid)
        close_placement(connection, uuid, now=now)
        remove_resource(connection, row, now=now)
        settle_notices(connection, uuid, by=by, now=now)
        add_event(connection, uuid, TimelineName.OPERATOR_ABANDONED, now=now, by=by)


def _require_shown_plan(connection: sa.Connection, row: ResourceRow) -> str:
    """Return the plan that Heroku shows and that a failed change did not bring: to no other may we go."""
    last = find_last_plan_change(connection, row.uuid)
    if last is None or last.outcome is not PlanChangeOutcome.FAILED:
        raise NothingToDo(f"{row.name} is provisioned, and its last plan change did not fail.")
    shown = find_shown_plan(connection, row.uuid)
    if shown is None or shown == row.plan:
        raise NothingToDo(
            f"Heroku keeps {row.name} on {row.plan}: it was answered that the change to {last.new_plan} failed, or has "
            "asked for another plan since. Settle the notice; when the customer asks again, that is a new change."
        )
    return shown


def _explain_nothing(row: ResourceRow) -> str:
    if row.running is None:
        return f"{row.name} is {row.state}, and nothing of it is under way."
    what = read_purpose(row.running).replace("-", " ")
    return f"The {what} of {row.name} waits for no other attempt: it is under way, and has not failed at this step."


def _lock(connection: sa.Connection, uuid: str) -> ResourceRow:
    row = lock_resource(connection, uuid)
    if row is None:
        raise UnknownResource(uuid)
    return row
