"""Steps of a hook: each name once, and what comes back is the same the first time as after a crash."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from headrace import Event, MisuseError, PlanChange, Provision, Resource, Retirement, Rotation, StageChange
from headrace.hooks.steps import StepBook, refuse_steps

HERE = Path(__file__)
LINES = HERE.read_text(encoding="utf-8").splitlines()
SAME: dict[str, Any] = {"uuid": "u-1", "name": "acme-1", "plan": "basic", "region": "us", "options": {}}
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
RESOURCE = Resource(**SAME)
ARGUMENTS: dict[str, Callable[[], Any]] = {
    "Provision": partial(Provision, **SAME),
    "PlanChange": partial(PlanChange, **SAME, new_plan="free"),
    "Rotation": partial(Rotation, **SAME),
    "Retirement": partial(Retirement, **SAME),
    "Resource": partial(Resource, **SAME),
    "StageChange": partial(StageChange, **SAME, old_pipeline=None, old_stage=None),
}
ARGUMENTS["Event"] = lambda: Event(
    resource=Resource(**SAME),
    id="e-1",
    entity="api:app",
    action="update",
    created_at=NOON,
    updated_at=NOON,
    data={},
    previous_data={},
    actor=None,
)


@pytest.mark.parametrize("make", ARGUMENTS.values(), ids=ARGUMENTS)
async def test_every_hooks_argument_is_made_in_a_line_and_has_steps(make: Callable[[], Any]) -> None:
    """So that a hook is tested as the function that it is."""
    argument = make()

    async def double(number: int) -> int:
        return 2 * number

    assert (4, "x") == (await argument.step("double", double, 2), await argument.step("shout", str.lower, "X"))


@pytest.mark.parametrize(
    ("returned", "seen"),
    [
        ((1, 2), [1, 2]),
        ({1: "x"}, {"1": "x"}),
        (NOON, "2026-11-29T12:00:00Z"),
        (None, None),
        ({"password": ["x", 1.5, True]}, {"password": ["x", 1.5, True]}),
    ],
)
async def test_a_result_is_as_json_has_it_from_the_first_time_on(returned: object, seen: object) -> None:
    """What passes every test does not break after the first crash."""
    assert seen == await Resource(**SAME).step("make", lambda: returned)


@pytest.mark.parametrize("returned", [object(), 1j, {"x": object()}, lambda: None])
async def test_a_result_that_json_cannot_hold_is_refused_with_its_kind(returned: object) -> None:
    with pytest.raises(MisuseError, match=f'step "make" returned a {type(returned).__name__}, which JSON cannot hold'):
        await Resource(**SAME).step("make", lambda: returned)


async def test_a_name_that_is_used_twice_is_refused_with_both_places() -> None:
    """The second would silently get the first one's result."""
    resource = Resource(**SAME)
    await resource.step("make", str)
    with pytest.raises(MisuseError, match='step "make" is used twice') as caught:
        await resource.step("make", int)

    is_use = re.compile(r' +await resource.step\("make", [si]')
    used = [number for number, line in enumerate(LINES, start=1) if is_use.match(line)]
    assert [f"{HERE.name}:{number}" for number in used] == re.findall(r"test_steps\.py:\d+", str(caught.value))


async def test_a_step_that_failed_may_be_tried_again_in_the_same_hook() -> None:
    """Nothing was kept of it."""
    resource, results = Resource(**SAME), [LookupError("cloud"), "made"]

    def make() -> str:
        result = results.pop(0)
        if isinstance(result, LookupError):
            raise result
        return str(result)

    with pytest.raises(LookupError):
        await resource.step("make", make)
    assert "made" == await resource.step("make", make)


async def test_a_name_has_a_hundred_characters_at_the_most() -> None:
    with pytest.raises(MisuseError, match="has 101 characters; 100 are enough"):
        await Resource(**SAME).step("x" * 101, str)


async def test_a_panel_has_no_steps() -> None:
    """It is asked again and again, and keeps nothing."""
    with pytest.raises(MisuseError, match="there are no steps"):
        await Resource(**SAME, _steps=StepBook(refuse_steps)).step("count", str)


def test_steps_part_no_two_arguments_and_are_not_shown() -> None:
    """Two resources that are alike are the same."""
    assert (Resource(**SAME), "_steps" in repr(RESOURCE)) == (RESOURCE, False)
