"""Resources that another provider has provisioned, as its company brings them: parsed, and nothing else.

Three forms: CSV with a header, JSON lines, and Heroku's own list of an add-on service's resources (`GET /addons`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec

from headrace.errors import Malformed
from headrace.models import Addon, Ref, Secret, State, Token
from headrace.protocol.partner import RequiredText, Text, Uuid, parse_uuid, read_field

# What stands in for an access token that was not brought: the first request refreshes it.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
T = TypeVar("T")
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class ImportedState(StrEnum):
    """What a resource can be imported as. One that is being provisioned is its provider's to finish."""

    PROVISIONED = State.PROVISIONED.value
    DEPROVISIONED = State.DEPROVISIONED.value


class ImportBody(msgspec.Struct, frozen=True, kw_only=True):
    """One resource, as a line or a request says it. Unknown members are ignored.

    With `refresh_token` its pipeline can be looked up; `access_token` and `expires_at` save the first refresh.
    """

    uuid: Uuid
    plan: RequiredText
    name: Text | None = None
    region: Text = ""
    state: ImportedState = ImportedState.PROVISIONED
    created_at: Moment | None = None
    refresh_token: str | None = None
    access_token: str | None = None
    expires_at: Moment | None = None
    app_id: Uuid | None = None
    app_name: Text | None = None

    def __repr__(self) -> str:
        return f"ImportBody(uuid={self.uuid!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A resource to be imported. `token` is None when Heroku cannot be asked about it yet."""

    uuid: str
    name: str
    plan: str
    region: str
    state: State
    created_at: datetime | None
    app: Ref | None
    token: Token | None


def parse_import(body: bytes) -> Imported:
    """Return what one line of JSON, or the body of a request, imports.

    Raises:
        Malformed: `field` names the member that is missing or of the wrong kind.
    """
    return _read(_convert(lambda: msgspec.json.decode(body, type=ImportBody)))


def parse_row(row: Mapping[str, str | None]) -> Imported:
    """Return what one row of CSV imports; an empty cell counts as absent.

    Raises:
        Malformed: `field` names the column that is missing or of the wrong kind.
    """
    cells = {name: value.strip() for name, value in row.items() if isinstance(value, str) and value.strip()}
    return _read(_convert(lambda: msgspec.convert(cells, ImportBody, strict=False)))


def parse_list(text: bytes) -> Iterator[Imported | Malformed]:
    """Return what Heroku's list of resources imports, one by one, or what is wrong with one.

    Raises:
        Malformed: it is no list.
    """
    items = _convert(lambda: msgspec.json.decode(text, type=list[msgspec.Raw]))
    return (_parse_listed(bytes(item)) for item in items)


class _Listed(Addon, frozen=True, kw_only=True):
    created_at: datetime | None = None


def _parse_listed(item: bytes) -> Imported | Malformed:
    try:
        addon = _convert(lambda: msgspec.json.decode(item, type=_Listed))
        uuid = parse_uuid(addon.id)
    except Malformed as error:
        return error
    if addon.state != State.PROVISIONED:
        return Malformed(f"{addon.name} is {addon.state}; what is provisioned can be imported.", field="state")
    return Imported(
        uuid=uuid,
        name=addon.name,
        # Heroku names a plan with its service in front.
        plan=(addon.plan.name or addon.plan.id).rpartition(":")[2],
        region="",
        state=State.PROVISIONED,
        created_at=addon.created_at,
        app=addon.app,
        token=None,
    )


def _convert(convert: Callable[[], T]) -> T:
    try:
        return convert()
    except msgspec.ValidationError as error:
        name, _, _ = read_field(str(error)).partition("[")
        what = str(error).split(" - at `", maxsplit=1)[0]
        raise Malformed(f"{name or 'The line'}: {what}.", field=name) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("This is not valid JSON.") from None


def _read(body: ImportBody) -> Imported:
    if body.access_token and not body.refresh_token:
        raise Malformed("refresh_token: is missing; an access token alone ends within hours.", field="refresh_token")
    if not body.plan:
        raise Malformed("plan: is empty.", field="plan")
    for name in ("uuid", "app_id"):
        if (text := getattr(body, name)) is not None:
            _require_uuid(text, name)
    for name in ("plan", "name", "region", "app_name"):
        if "\0" in (getattr(body, name) or ""):
            raise Malformed(f"{name}: holds a NUL character.", field=name)
    return Imported(
        uuid=parse_uuid(body.uuid),
        name=body.name or parse_uuid(body.uuid),
        plan=body.plan,
        region=body.region,
        state=State(body.state.value),
        created_at=body.created_at,
        app=Ref(id=parse_uuid(body.app_id), name=body.app_name) if body.app_id else None,
        token=_read_token(body),
    )


def _require_uuid(text: str, name: str) -> None:
    try:
        parse_uuid(text)
    except Malformed:
        raise Malformed(f"{name}: is not a UUID.", field=name) from None


def _read_token(body: ImportBody) -> Token | None:
    if not body.refresh_token:
        return None
    expires_at = body.expires_at if body.access_token and body.expires_at else LONG_AGO
    return Token(access=Secret(body.access_token or ""), refresh=Secret(body.refresh_token), expires_at=expires_at)
