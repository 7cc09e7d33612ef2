"""What is known of a resource, and which resources are wanted, as a partner's code says it."""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict

from headrace.errors import MisuseError
from headrace.hooks.arguments import KnownResource
from headrace.models import Stage, State
from headrace.protocol.partner import parse_uuid
from headrace.store.reports.known_resources import MadeKey, Wanted

Texts = str | Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcePage:
    """A page of resources, the oldest first; `next` is where the next one begins, None when there is none."""

    resources: tuple[KnownResource, ...]
    next: str | None


class ResourceFilters(TypedDict, total=False):
    """Which resources are wanted; what is left out wants all, and a collection wants any of these.

    `pipeline` and `app` are an id or a name. `stage` is also `"none"` of apps in no pipeline and `"unknown"` where
    Heroku did not tell. `made_after` is inclusive, `made_before` is not. With `as_of` everything is as it was then:
    what was made later is left out.
    """

    uuid: Texts
    name: Texts
    state: State | Texts
    plan: Texts
    region: Texts
    stage: Stage | Texts
    pipeline: Texts
    app: Texts
    made_after: datetime
    made_before: datetime
    as_of: datetime


MOMENTS = ("made_after", "made_before", "as_of")


def read_filters(filters: ResourceFilters) -> Wanted | None:
    """Return what is wanted; None where an empty collection wants nothing.

    Raises:
        MisuseError: there is no such filter or state, or a moment has no time zone.
        Malformed: a uuid is none.
    """
    given = dict(filters)
    if unknown := sorted(given.keys() - ResourceFilters.__annotations__.keys()):
        known = ", ".join(sorted(ResourceFilters.__annotations__))
        raise MisuseError(f"Resources cannot be found by {', '.join(unknown)}; there are {known}.")
    texts = {name: _read_texts(name, value) for name, value in given.items() if name not in MOMENTS}
    if not all(texts.values()):
        return None
    return Wanted(
        uuids=tuple(parse_uuid(text) for text in texts.get("uuid", ())),
        names=texts.get("name", ()),
        states=tuple(_read_state(text) for text in texts.get("state", ())),
        plans=texts.get("plan", ()),
        regions=texts.get("region", ()),
        stages=texts.get("stage", ()),
        pipelines=texts.get("pipeline", ()),
        apps=texts.get("app", ()),
        made_after=_read_moment("made_after", given.get("made_after")),
        made_before=_read_moment("made_before", given.get("made_before")),
        as_of=_read_moment("as_of", given.get("as_of")),
    )


def write_cursor(key: MadeKey) -> str:
    """Return where a page ends as a text that may stand in an address."""
    return base64.urlsafe_b64encode(f"{key.created_at.isoformat()} {key.uuid}".encode()).decode()


def read_cursor(cursor: str) -> MadeKey:
    """Return the key that a cursor was made of.

    Raises:
        MisuseError: it is no cursor of ours.
    """
    try:
        moment, uuid = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
        return MadeKey(datetime.fromisoformat(moment).astimezone(UTC), uuid)
    except ValueError:
        raise MisuseError("`after` takes the `next` of a page, and this is none.") from None


def _read_texts(name: str, value: object) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, Collection) or not all(isinstance(each, str) for each in values):
        raise MisuseError(f"`{name}` takes a text, or several in a list, not {value!r}.")
    return tuple(str(each) for each in values)


def _read_state(text: str) -> State:
    try:
        return State(text)
    except ValueError:
        raise MisuseError(f"There is no state {text!r}; there are {', '.join(State)}.") from None


def _read_moment(name: str, value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise MisuseError(f"`{name}` takes a datetime with a time zone, such as datetime.now(UTC), not {value!r}.")
    return value
