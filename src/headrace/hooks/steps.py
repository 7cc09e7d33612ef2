"""Steps: the parts of a hook that are done once, however often the hook runs."""

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from inspect import isawaitable
from pathlib import Path
from typing import Any

import msgspec

from headrace.errors import MisuseError

LONGEST_STEP_NAME = 100

# Does a named part of a hook once: the name, and the function of the partner's, plain or `async`, without arguments.
Checkpoint = Callable[[str, Callable[[], Any]], Awaitable[Any]]


async def call_each_time(name: str, function: Callable[[], Any]) -> Any:
    """What a step is where nothing is kept: in a test that makes a hook's argument itself."""
    result = function()
    return read_result(write_result(name, await result if isawaitable(result) else result))


async def refuse_steps(_name: str, _function: Callable[[], Any]) -> Any:
    """What a step is where nothing is done that may be done again.

    Raises:
        MisuseError: always.
    """
    raise MisuseError(
        "A panel only shows what there is, and a resource that was looked up belongs to no hook: there are no steps. "
        "Call the function itself."
    )


@dataclass(slots=True)
class StepBook:
    """The steps of one call of a hook: each name stands in it once, with its place in the partner's code."""

    checkpoint: Checkpoint = call_each_time
    _places: dict[str, str] = field(default_factory=dict)

    async def do(self, name: str, function: Callable[[], Any], *, place: str) -> Any:
        """Do a step, or return what it returned when it was done. One that fails may be tried again.

        Raises:
            MisuseError: the name is too long, was used before in this call, or the result is no JSON.
        """
        if len(name) > LONGEST_STEP_NAME:
            raise MisuseError(f"The name of a step has {len(name)} characters; {LONGEST_STEP_NAME} are enough.")
        if name in self._places:
            raise MisuseError(
                f'The step "{name}" is used twice in a hook, at {self._places[name]} and at {place}: the second would '
                "get the result of the first. Give each a name of its own."
            )
        self._places[name] = place
        try:
            return await self.checkpoint(name, function)
        except BaseException:
            del self._places[name]
            raise


def find_place(depth: int) -> str:
    """Return where the caller of a caller, so many calls up, stands: `acme.py:12`."""
    frame = sys._getframe(depth)  # noqa: SLF001 - what `inspect` does, without reading the source
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def write_result(name: str, result: object) -> str:
    """Return what a step returned as JSON.

    Raises:
        MisuseError: it is none.
    """
    try:
        return msgspec.json.encode(result).decode()
    except (TypeError, ValueError, RecursionError):
        raise MisuseError(
            f'The step "{name}" returned a {type(result).__name__}, which JSON cannot hold. Return text, numbers, '
            "lists or dicts of them."
        ) from None


def read_result(text: str) -> Any:
    """Return what a step returned as every run of the hook sees it."""
    return msgspec.json.decode(text)
