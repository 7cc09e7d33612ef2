"""Platform API: regions and stacks, and the keys and features that nobody has here."""

from collections.abc import Iterable

from headrace.emulator.call import Answer, Call, listing
from headrace.emulator.catalogue import REGIONS, STACKS
from headrace.emulator.errors import not_found
from headrace.emulator.render_runtime import render_region, render_stack
from headrace.emulator.world import derive_id


def list_regions(_call: Call) -> Answer:
    return listing(REGIONS.values(), render_region, by=("name",))


def show_region(call: Call) -> Answer:
    return Answer(body=render_region(REGIONS[_find_name(call, "region", REGIONS)]))


def list_stacks(_call: Call) -> Answer:
    return listing(STACKS, render_stack, by={"name": str})


def show_stack(call: Call) -> Answer:
    return Answer(body=render_stack(_find_name(call, "stack", STACKS)))


def list_nothing(_call: Call) -> Answer:
    """A user's SSH keys and features: there are none."""
    return Answer(body=[])


def list_nothing_of_app(call: Call) -> Answer:
    """An app's builds, features and certificates: there are none."""
    call.app()
    return Answer(body=[])


def _find_name(call: Call, kind: str, names: Iterable[str]) -> str:
    """By name or by the id that is made from it."""
    key = call.part(kind)
    for name in names:
        if key in {name, derive_id(kind, name)}:
            return name
    raise not_found(kind)
