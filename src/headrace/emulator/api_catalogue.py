"""Platform API: regions and stacks, and the keys and features that nobody has here."""

from headrace.emulator.call import Answer, Call, listing
from headrace.emulator.catalogue import REGIONS, STACKS
from headrace.emulator.errors import not_found
from headrace.emulator.render_runtime import render_region, render_stack


def list_regions(_call: Call) -> Answer:
    return listing([render_region(region) for region in REGIONS.values()], by=("id", "name"))


def show_region(call: Call) -> Answer:
    return _find(call, list_regions(call), "region")


def list_stacks(_call: Call) -> Answer:
    return listing([render_stack(name) for name in STACKS], by=("id", "name"))


def show_stack(call: Call) -> Answer:
    return _find(call, list_stacks(call), "stack")


def list_nothing(_call: Call) -> Answer:
    """A user's SSH keys and features: there are none."""
    return listing([])


def list_nothing_of_app(call: Call) -> Answer:
    """An app's builds and features: nothing is built here."""
    call.app()
    return listing([])


def _find(call: Call, everything: Answer, kind: str) -> Answer:
    key = call.part(kind)
    for item in everything.body:
        if key in {item["id"], item["name"]}:
            return Answer(body=item)
    raise not_found(kind)
