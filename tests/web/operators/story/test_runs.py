"""What was asked for is one block: a line for each step, how long it took, the whole, and what it is doing now."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from headrace.protocol.lifecycle import WorkflowKind
from headrace.store.reports.deliveries import DeliveryRow
from headrace.store.reports.histories import LifecycleRow
from headrace.web.operators.story.lines import Fold, Line, join_lines
from headrace.web.operators.story.runs import Going, Run, go_on, tell_story
from headrace.workflows.engine.attempts import Attempt
from web.operators.story.test_lines import DELIVERY, NOON, SECOND, attempt, event

REQUESTED = event(1, "provision.requested", plan="basic")
# It waited for six seconds; the exchange took two.
BEGUN = [REQUESTED, event(2, "grant.exchanged", at=8, seconds=2.0), event(3, "placement.found", at=9)]
DONE = [*BEGUN, event(4, "hook.returned", at=29), event(5, "config.set", at=30), event(6, "provision.done", at=31)]
TRIES = {
    "provision:u:1": [
        attempt(1, "run_hook", at=10, reason="OSError", wait=15.0),
        attempt(2, "run_hook", at=29),
    ]
}


def join(
    *events: LifecycleRow, tries: Mapping[str, Sequence[Attempt]] = TRIES, deliveries: Sequence[DeliveryRow] = ()
) -> list[Line]:
    return join_lines(events, deliveries, tries, since=None, is_newest_first=True)


def only_run(story: list[Run | Fold]) -> Run:
    (run,) = [each for each in story if isinstance(each, Run)]
    return run


def test_a_step_and_what_it_did_are_one_line() -> None:
    """An attempt that failed is a line of its own, with when the next one came."""
    run = only_run(tell_story(join(*DONE)))

    assert [
        ("Provision requested", None),
        ("Grant exchanged", 2.0),
        ("Placement found", 1.0),
        ("Run your hook", 1.0),
        ("Hook returned", 1.0),
        ("Config set", 1.0),
        ("Provision done", 1.0),
    ] == [(entry.title, entry.seconds) for entry in run.entries]
    assert ("Provision on basic", 31.0, False) == (run.title, run.seconds, run.is_failed)


def test_the_whole_is_split_between_those_who_had_the_time() -> None:
    """Waiting for a worker and for the next attempt is waiting; the bars lie where the time was."""
    run = only_run(tell_story(join(*DONE)))
    last = run.entries[-1]

    assert {"waiting": 24.0, "heroku": 5.0, "hook": 2.0} == run.parts
    assert (31.0, 100.0) == (sum(run.parts.values()), round(last.x + last.width))


def test_what_belongs_to_no_run_stands_between() -> None:
    """Deliveries and moves; two requests are two runs, and one that failed says so."""
    failed = event(9, "plan_change.failed", at=50, step="run_hook", reason="OSError")
    asked = event(8, "plan_change.requested", at=40, old_plan="basic", new_plan="premium")
    story = tell_story(join(*DONE, event(7, "placement.moved", at=35), asked, failed, deliveries=[DELIVERY]))

    assert ["Provision on basic", "Fold", "Fold", "Plan change basic → premium"] == [
        each.title if isinstance(each, Run) else "Fold" for each in story
    ]
    assert [False, True] == [each.is_failed for each in story if isinstance(each, Run)]


def test_a_run_that_goes_on_tells_at_what_it_is() -> None:
    """The first step that has had no effect; or that it waits for its next attempt."""
    now = NOON + timedelta(seconds=60)
    run = go_on(only_run(tell_story(join(*BEGUN, tries={}))), is_waiting=False, now=now)
    waiting = go_on(
        only_run(tell_story(join(*BEGUN, tries={"provision:u:1": TRIES["provision:u:1"][:1]}))),
        is_waiting=False,
        now=NOON + 12 * SECOND,
    )

    assert (60.0, Going(step="run_hook", since=NOON + 9 * SECOND, is_waiting=False)) == (run.seconds, run.going)
    assert (True, WorkflowKind.PROVISION) == (waiting.going is not None and waiting.going.is_waiting, waiting.kind)


def test_a_run_whose_end_is_on_another_page_has_no_whole() -> None:
    """Nothing is made up of half of it."""
    run = only_run(tell_story(join(*BEGUN)))

    assert (None, {}, None) == (run.seconds, run.parts, run.ended_at)
