"""Heroku's own list of an add-on service's resources: what it holds, one by one, or what is wrong with one.

What the Platform API lists (`GET /addons`, `heroku addons --all --json`), and the list of installs of the add-ons host
(`GET /api/v3/apps`), whose shape is not documented: it is read as that of the list which it replaced, `/vendor/apps`
(contract §6.3). Those tell no state.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

from headrace.errors import Malformed
from headrace.models import NEEDED, Id, Name, Ref, State
from headrace.protocol.answers import leave_out
from headrace.protocol.import_lines import Imported, Moment, convert, require_storable
from headrace.protocol.manifest import strip_mark
from headrace.protocol.partner import parse_uuid

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A resource that is in a list, as it would be imported; `state` is None where the list does not tell it."""

    resource: Imported
    state: State | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherService:
    """An item about an add-on of another add-on service: a person's list has those too."""

    name: str


def parse_heroku_list(text: bytes, *, service: str) -> Iterator[Listed | OtherService | Malformed]:
    """Return what Heroku's list has of the add-on service with this slug, one by one.

    Raises:
        Malformed: it is no list.
    """
    return (_parse_item(bytes(item), service) for item in _split(text))


def parse_list(text: bytes, *, service: str) -> Iterator[Imported | OtherService | Malformed]:
    """Return what Heroku's list has to import, one by one: what is provisioned, of this add-on service or of another.

    Raises:
        Malformed: it is no list.
    """
    return (_read_import(_parse_item(bytes(item), service)) for item in _split(text))


def _read_import(found: Listed | OtherService | Malformed) -> Imported | OtherService | Malformed:
    if not isinstance(found, Listed):
        return found
    if found.state not in (State.PROVISIONED, None):
        name = found.resource.name
        return Malformed(f"{name} is {found.state}; what is provisioned can be imported.", field="state")
    return found.resource


class _Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What the Platform API lists: of its members these are read. A state that is absent is not told."""

    id: Id
    plan: Ref
    name: Name | None = None
    app: Ref | None = None
    addon_service: Ref | None = None
    state: Annotated[str | None, NEEDED] = None
    created_at: Moment | None = None


class _NamedResource(msgspec.Struct, frozen=True, kw_only=True):
    uuid: Id
    name: Name | None = None


class _Install(msgspec.Struct, frozen=True, kw_only=True):
    resource: _NamedResource
    plan: Name
    app: Ref | None = None


class _OldInstall(msgspec.Struct, frozen=True, kw_only=True):
    """An install of the list before that one, as old copies of it have them: the resource's uuid stands bare."""

    uuid: Id
    plan: Name
    name: Name | None = None
    app: Ref | None = None


def _split(text: bytes) -> list[msgspec.Raw]:
    return convert(lambda: msgspec.json.decode(strip_mark(text), type=list[msgspec.Raw]))


def _parse_item(item: bytes, service: str) -> Listed | OtherService | Malformed:
    try:
        members = convert(lambda: msgspec.json.decode(item, type=dict[str, Any]))
        if members.get("resource") is not None:
            install = _convert(members, _Install)
            return _list(install.resource.uuid, install.plan, service, name=install.resource.name, app=install.app)
        if members.get("uuid") is not None:
            old = _convert(members, _OldInstall)
            return _list(old.uuid, old.plan, service, name=old.name, app=old.app)
        return _parse_addon(_convert(members, _Listed), service)
    except Malformed as error:
        return error


def _convert(members: dict[str, Any], shape: type[T]) -> T:
    return convert(lambda: msgspec.convert(leave_out(members, shape), shape))


def _parse_addon(addon: _Listed, service: str) -> Listed | OtherService:
    named = addon.addon_service.name if addon.addon_service else None
    if named not in (None, service):
        return OtherService(name=named or "")
    try:
        state = State(addon.state) if addon.state is not None else None
    except ValueError:
        raise Malformed(f"{addon.name} is {addon.state}, which is no state that we know.", field="state") from None
    plan = addon.plan.name or addon.plan.id
    return _list(addon.id, plan, service, name=addon.name, app=addon.app, state=state, created_at=addon.created_at)


def _list(
    uuid: str,
    full_plan: str,
    service: str,
    *,
    name: str | None,
    app: Ref | None,
    state: State | None = None,
    created_at: datetime | None = None,
) -> Listed | OtherService:
    uuid = parse_uuid(uuid)
    require_storable(created_at, "created_at")
    other, _, plan = full_plan.rpartition(":")
    if other not in ("", service):
        return OtherService(name=other)
    resource = Imported(
        uuid=uuid,
        name=name or uuid,
        plan=plan,
        region="",
        state=State.PROVISIONED,
        created_at=created_at,
        app=app,
        token=None,
    )
    return Listed(resource=resource, state=state)


def read_plan(plan: Ref) -> str:
    """Return a plan's name without its service, which Heroku puts in front."""
    return (plan.name or plan.id).rpartition(":")[2]
