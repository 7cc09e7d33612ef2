"""Which workflows take a place at a worker: those that work, and not those that wait for somebody."""

from contextlib import ExitStack

import pytest

from headrace.workflows.engine.room import HOOK, MOST, Room

QUEUE = "headrace"


@pytest.mark.parametrize(("step", "counted"), [(HOOK, 0), ("inspect", 3)])
def test_a_hook_takes_no_place_from_its_beginning(step: str, counted: int) -> None:
    """However many wait in one: so hundreds begin within seconds. Other steps are work, until they last."""
    room = Room()
    with ExitStack() as steps:
        for number in range(3):
            room.add(str(number), QUEUE)
            steps.enter_context(room.working(str(number), step))

        assert counted == room.count_for_queue(QUEUE)


def test_who_waits_takes_no_place_and_has_it_again_afterwards() -> None:
    """Between two attempts; of another queue nobody takes any."""
    room = Room()
    room.add("waits", QUEUE)
    room.add("works", QUEUE)
    with room.waiting("waits"):
        assert (1, 0) == (room.count_for_queue(QUEUE), room.count_for_queue("another"))
    assert 2 == room.count_for_queue(QUEUE)


def test_of_all_queues_those_are_at_work_who_do_not_wait() -> None:
    """A step of another's may be on the way to where a step waits, whatever queue it came from."""
    room = Room()
    for name, queue in (("waits", QUEUE), ("works", QUEUE), ("works too", "another")):
        room.add(name, queue)
    with room.waiting("waits"), room.working("works", "inspect"):
        assert 2 == room.count_at_work()
    assert 3 == room.count_at_work()


def test_a_thousand_take_their_places_all_the_same() -> None:
    """Each costs some memory, and a thread if its hook is a plain function."""
    room = Room()
    with ExitStack() as steps:
        for number in range(MOST):
            room.add(str(number), QUEUE)
            steps.enter_context(room.working(str(number), HOOK))

        assert MOST == room.count_for_queue(QUEUE)
