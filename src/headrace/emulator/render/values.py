"""The members that many objects of the Platform API share: times, and references to things."""

from datetime import UTC, datetime
from functools import lru_cache

from headrace.emulator.kit.paging import Json
from headrace.emulator.world.records import AddonService, App
from headrace.emulator.world.world_file import derive_id


# The same few moments stand in one answer after another.
@lru_cache(maxsize=4096)
def render_time(at: datetime) -> str:
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def render_exact_time(at: datetime) -> str:
    """With microseconds, which some events have."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def render_ref(thing: App | AddonService) -> Json:
    return {"id": thing.id, "name": thing.name}


def render_named(kind: str, name: str) -> Json:
    return {"id": derive_id(kind, name), "name": name}
