"""The lifecycle of a resource, as a table.

Heroku delivers its calls at least once and in any order, and a workflow may be running when the next
call comes. Two rules make every order end the same:

1. What a call does depends only on the state of the resource, and is one row of `TABLE`: the next
   state and the answer. The row is applied in the transaction that commits it.
2. At most one workflow of a resource runs at a time. A call that finds one running only records what
   is wanted; the running workflow asks `find_due` when it ends and starts what is due next, in the
   transaction in which it ends.

So a deprovision during provisioning is not lost and not run beside it: the state says deprovisioning,
the provisioning workflow stops at its next step, and `find_due` hands over.
"""

from dataclasses import dataclass
from enum import StrEnum

from headrace.models import State


class Call(StrEnum):
    """What Heroku asks, seen from what we already know of the resource."""

    PROVISION = "provision"
    PROVISION_OTHER = "provision with other content"
    PLAN_CHANGE = "plan change"
    PLAN_SAME = "change to the plan it has"
    DEPROVISION = "deprovision"


class Reply(StrEnum):
    """How a call is answered."""

    ACCEPTED = "202, or what the hook says when nobody can be told later"
    OUTCOME = "200, 422 or 202: what the hook says within the time budget"
    UNCHANGED = "200"
    REMOVED = "204, or 202 where Heroku waits for the end"
    FAILED = "422 with the reason"
    CONFLICT = "409"
    UNKNOWN = "404"
    GONE = "410"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row's right side: the state after the call, and the answer."""

    state: State | None
    reply: Reply


_PROVISIONING, _PROVISIONED = State.PROVISIONING, State.PROVISIONED
_DEPROVISIONING, _DEPROVISIONED, _FAILED = State.DEPROVISIONING, State.DEPROVISIONED, State.FAILED

# A deprovision of a resource we never heard of is answered 410, like one that is gone already: what
# Heroku wants is that there is nothing, and a 404 would make it ask again (contract §1.4).
TABLE: dict[tuple[State | None, Call], Transition] = {
    (None, Call.PROVISION): Transition(_PROVISIONING, Reply.ACCEPTED),
    (None, Call.PLAN_CHANGE): Transition(None, Reply.UNKNOWN),
    (None, Call.DEPROVISION): Transition(None, Reply.GONE),
    (_PROVISIONING, Call.PROVISION): Transition(_PROVISIONING, Reply.ACCEPTED),
    (_PROVISIONING, Call.PROVISION_OTHER): Transition(_PROVISIONING, Reply.CONFLICT),
    (_PROVISIONING, Call.PLAN_CHANGE): Transition(_PROVISIONING, Reply.OUTCOME),
    (_PROVISIONING, Call.PLAN_SAME): Transition(_PROVISIONING, Reply.UNCHANGED),
    (_PROVISIONING, Call.DEPROVISION): Transition(_DEPROVISIONING, Reply.REMOVED),
    (_PROVISIONED, Call.PROVISION): Transition(_PROVISIONED, Reply.ACCEPTED),
    (_PROVISIONED, Call.PROVISION_OTHER): Transition(_PROVISIONED, Reply.CONFLICT),
    (_PROVISIONED, Call.PLAN_CHANGE): Transition(_PROVISIONED, Reply.OUTCOME),
    (_PROVISIONED, Call.PLAN_SAME): Transition(_PROVISIONED, Reply.UNCHANGED),
    (_PROVISIONED, Call.DEPROVISION): Transition(_DEPROVISIONING, Reply.REMOVED),
    (_FAILED, Call.PROVISION): Transition(_FAILED, Reply.FAILED),
    (_FAILED, Call.PROVISION_OTHER): Transition(_FAILED, Reply.CONFLICT),
    (_FAILED, Call.PLAN_CHANGE): Transition(_FAILED, Reply.GONE),
    (_FAILED, Call.PLAN_SAME): Transition(_FAILED, Reply.GONE),
    (_FAILED, Call.DEPROVISION): Transition(_DEPROVISIONING, Reply.REMOVED),
    (_DEPROVISIONING, Call.PROVISION): Transition(_DEPROVISIONING, Reply.GONE),
    (_DEPROVISIONING, Call.PROVISION_OTHER): Transition(_DEPROVISIONING, Reply.GONE),
    (_DEPROVISIONING, Call.PLAN_CHANGE): Transition(_DEPROVISIONING, Reply.GONE),
    (_DEPROVISIONING, Call.PLAN_SAME): Transition(_DEPROVISIONING, Reply.GONE),
    (_DEPROVISIONING, Call.DEPROVISION): Transition(_DEPROVISIONING, Reply.REMOVED),
    (_DEPROVISIONED, Call.PROVISION): Transition(_DEPROVISIONED, Reply.GONE),
    (_DEPROVISIONED, Call.PROVISION_OTHER): Transition(_DEPROVISIONED, Reply.GONE),
    (_DEPROVISIONED, Call.PLAN_CHANGE): Transition(_DEPROVISIONED, Reply.GONE),
    (_DEPROVISIONED, Call.PLAN_SAME): Transition(_DEPROVISIONED, Reply.GONE),
    (_DEPROVISIONED, Call.DEPROVISION): Transition(_DEPROVISIONED, Reply.GONE),
}


class WorkflowKind(StrEnum):
    """Every kind of workflow; the value begins a workflow's id. The first four are what `find_due` starts."""

    PROVISION = "provision"
    PLAN_CHANGE = "plan-change"
    # Sets config vars as the partner ordered, rotates credentials, or retires those that were replaced.
    CONFIG_CHANGE = "config-change"
    DEPROVISION = "deprovision"
    # Tells Heroku of a provision that has passed its limit.
    EXPIRE = "expire"
    # Has the partner remove what a hook made that went on after the resource was gone.
    CLEAN_UP = "clean-up"
    # Tell the partner's hook of a move, and of a webhook event.
    STAGE_CHANGE = "stage-change"
    EVENT = "event"
    # Asks Heroku for webhook events.
    SUBSCRIBE = "subscribe"
    # Inspects a batch of placements.
    SWEEP = "sweep"
    # Sets config vars of many resources, and is the one that runs of each of them.
    CONFIG_BATCH = "config-batch"


# They are about many resources.
BATCH_KINDS = (WorkflowKind.SWEEP, WorkflowKind.CONFIG_BATCH)
# What happens to a resource, one at a time.
LIFECYCLE_KINDS = (
    WorkflowKind.PROVISION,
    WorkflowKind.PLAN_CHANGE,
    WorkflowKind.CONFIG_CHANGE,
    WorkflowKind.DEPROVISION,
)


def find_due(state: State, *, is_change_waiting: bool, is_config_waiting: bool = False) -> WorkflowKind | None:
    """Which workflow a resource needs next, if any, once none is running.

    A customer may wait for a change of plan, and nobody for config that the partner sets.
    """
    if state is State.PROVISIONING:
        return WorkflowKind.PROVISION
    if state is State.DEPROVISIONING:
        return WorkflowKind.DEPROVISION
    if state is State.PROVISIONED and is_change_waiting:
        return WorkflowKind.PLAN_CHANGE
    if state is State.PROVISIONED and is_config_waiting:
        return WorkflowKind.CONFIG_CHANGE
    return None
