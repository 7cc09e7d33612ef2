from itertools import product

import pytest

from headrace.models import State
from headrace.protocol.lifecycle import TABLE, Call, Reply, WorkflowKind, find_due

ALIVE = {State.PROVISIONING, State.PROVISIONED}
ENDED = {State.DEPROVISIONING, State.DEPROVISIONED, State.FAILED}
# Of a resource that we do not know, neither the content nor the plan can be the same or another one.
CANNOT_HAPPEN = {(None, Call.PROVISION_OTHER), (None, Call.PLAN_SAME)}


def test_the_table_has_a_row_for_all_that_can_happen() -> None:
    """Every state and every call, and nothing else."""
    assert set(product([None, *State], Call)) - CANNOT_HAPPEN == set(TABLE)


@pytest.mark.parametrize("call", Call)
def test_a_deprovisioned_resource_stays_deprovisioned(call: Call) -> None:
    """Whatever comes after the end is answered 410."""
    transition = TABLE[State.DEPROVISIONED, call]

    assert (State.DEPROVISIONED, Reply.GONE) == (transition.state, transition.reply)


@pytest.mark.parametrize(("state", "call"), list(product(sorted(ENDED), Call)))
def test_no_call_takes_a_resource_back_to_life(state: State, call: Call) -> None:
    """A resource that ended is not provisioned again."""
    assert TABLE[state, call].state not in ALIVE


@pytest.mark.parametrize("call", Call)
@pytest.mark.parametrize("state", State)
def test_only_a_deprovision_ends_a_resource(state: State, call: Call) -> None:
    """Every other call leaves the state as it is; workflows move it on."""
    if call is not Call.DEPROVISION:
        assert state == TABLE[state, call].state


@pytest.mark.parametrize("state", State)
def test_a_deprovision_always_succeeds(state: State) -> None:
    """Heroku takes the resource away in any case; 204, or 410 where it is gone already."""
    assert TABLE[state, Call.DEPROVISION].reply in {Reply.REMOVED, Reply.GONE}
    assert TABLE[state, Call.DEPROVISION].state in {State.DEPROVISIONING, State.DEPROVISIONED}


def test_only_a_provision_makes_a_resource() -> None:
    """A call about a resource that we never heard of makes none."""
    made = {call for (state, call), transition in TABLE.items() if state is None and transition.state is not None}

    assert {Call.PROVISION} == made


@pytest.mark.parametrize("state", sorted(ALIVE))
def test_a_repeat_is_answered_like_the_first_time(state: State) -> None:
    """Heroku delivers at least once."""
    assert TABLE[None, Call.PROVISION].reply == TABLE[state, Call.PROVISION].reply


@pytest.mark.parametrize("state", sorted({*ALIVE, State.FAILED}))
def test_a_repeat_with_other_content_is_a_conflict(state: State) -> None:
    """The same uuid with another plan is no repeat."""
    assert Reply.CONFLICT == TABLE[state, Call.PROVISION_OTHER].reply


@pytest.mark.parametrize("state", sorted(ALIVE))
def test_a_change_to_the_same_plan_changes_nothing(state: State) -> None:
    """It is a no-op, answered 200."""
    assert (state, Reply.UNCHANGED) == (TABLE[state, Call.PLAN_SAME].state, TABLE[state, Call.PLAN_SAME].reply)


@pytest.mark.parametrize(
    ("state", "is_change_waiting", "due"),
    [
        (State.PROVISIONING, False, WorkflowKind.PROVISION),
        (State.PROVISIONING, True, WorkflowKind.PROVISION),
        (State.PROVISIONED, False, None),
        (State.PROVISIONED, True, WorkflowKind.PLAN_CHANGE),
        (State.DEPROVISIONING, False, WorkflowKind.DEPROVISION),
        (State.DEPROVISIONING, True, WorkflowKind.DEPROVISION),
        (State.DEPROVISIONED, False, None),
        (State.DEPROVISIONED, True, None),
        (State.FAILED, False, None),
        (State.FAILED, True, None),
    ],
)
def test_the_state_says_which_workflow_is_due(state: State, is_change_waiting: bool, due: WorkflowKind | None) -> None:  # noqa: FBT001
    """A deprovision during provisioning is handed over, a plan change waits for the provision."""
    assert due is find_due(state, is_change_waiting=is_change_waiting)


@pytest.mark.parametrize("state", State)
def test_config_that_the_partner_sets_waits_for_all_that_heroku_asks_for(state: State) -> None:
    """Only what is provisioned has any, and a customer who changes the plan goes first."""
    is_provisioned = state is State.PROVISIONED
    before = find_due(state, is_change_waiting=False)

    assert find_due(state, is_change_waiting=False, is_config_waiting=True) is (
        WorkflowKind.CONFIG_CHANGE if is_provisioned else before
    )
    assert WorkflowKind.CONFIG_CHANGE is not find_due(state, is_change_waiting=True, is_config_waiting=True)
