"""Resources that another provider has provisioned, as its company brings them: parsed, and nothing else.

Two forms: CSV with a header, and JSON lines. The third, Heroku's own list, is read in `heroku_lists`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import msgspec

from headrace.errors import Malformed
from headrace.models import Ref, Secret, State, Token
from headrace.protocol.partner import Name, RequiredName, Uuid, parse_uuid, read_field
from headrace.protocol.wire import EARLIEST, LATEST, LONGEST_NAME, find_flaw, is_storable

# What stands in for an access token that was not brought: the first request refreshes it.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
# How databases and spreadsheets write that there is nothing; no name of Heroku's looks like these.
NOTHING = frozenset({"", "\\N", "NULL", "null", "(null)", "<null>", "[NULL]", "None", "nil"})
MOMENTS = frozenset({"created_at", "expires_at"})
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
    plan: RequiredName
    name: Name | None = None
    region: Name = ""
    state: ImportedState = ImportedState.PROVISIONED
    created_at: Moment | None = None
    refresh_token: str | None = None
    access_token: str | None = None
    expires_at: Moment | None = None
    app_id: Uuid | None = None
    app_name: Name | None = None

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


def parse_request(body: bytes, *, service: str) -> Imported:
    """Return what a program's request imports for the add-on service with this slug: as it is described, and no other.

    Raises:
        Malformed: `field` names the member that is missing or of the wrong kind.
    """
    return _read(parse_body(body, ImportBody), service)


def parse_line(body: bytes, *, service: str) -> Imported:
    """Return what one line of JSON imports; what databases write for nothing counts as absent.

    Raises:
        Malformed: `field` names the member that is missing or of the wrong kind.
    """
    members = convert(lambda: msgspec.json.decode(body, type=dict[str, Any]))
    return _read(convert(lambda: msgspec.convert(_clean(members), ImportBody)), service)


def parse_row(row: Mapping[str, str | None], *, service: str) -> Imported:
    """Return what one row of CSV imports; an empty cell counts as absent.

    Raises:
        Malformed: `field` names the column that is missing or of the wrong kind.
    """
    return _read(convert(lambda: msgspec.convert(_clean(row), ImportBody, strict=False)), service)


def _clean(members: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what says that there is nothing, and bring times to the form of the standard."""
    texts = {name: value.strip() if isinstance(value, str) else value for name, value in members.items()}
    cleaned = {name: value for name, value in texts.items() if value is not None and not _is_nothing(value)}
    for name in MOMENTS & cleaned.keys():
        cleaned[name] = _spell_moment(cleaned[name])
    return cleaned


def _is_nothing(value: Any) -> bool:
    return isinstance(value, str) and value in NOTHING


def _spell_moment(text: Any) -> Any:
    """Return the time that PostgreSQL or Ruby writes, `2026-11-24 12:00:00+00` or `… UTC`, as RFC 3339 has it."""
    if not isinstance(text, str):
        return text
    in_utc = text.removesuffix(" UTC")
    try:
        return datetime.fromisoformat(text if in_utc == text else f"{in_utc}+00:00").isoformat()
    except ValueError:
        return text


def parse_body(body: bytes, shape: type[T]) -> T:
    """Return a request's body of JSON as a value of its shape.

    Raises:
        Malformed: `field` names the member that is missing or of the wrong kind.
    """
    return convert(lambda: msgspec.json.decode(body, type=shape), whole="The body")


def convert(read: Callable[[], T], *, whole: str = "The line") -> T:
    """Return what is read, or raise Malformed with the name of the member that is missing or of the wrong kind.

    Where that is no member, it is said of the `whole`.
    """
    try:
        return read()
    except msgspec.ValidationError as error:
        name, _, _ = read_field(str(error)).partition("[")
        what = str(error).split(" - at `", maxsplit=1)[0]
        raise Malformed(f"{name or whole}: {what}.", field=name) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("This is not valid JSON.") from None


def _read(body: ImportBody, service: str) -> Imported:
    if body.access_token and not body.refresh_token:
        raise Malformed("refresh_token: is missing; an access token alone ends within hours.", field="refresh_token")
    plan = _read_plan(body.plan, service)
    for name in ("uuid", "app_id"):
        if (text := getattr(body, name)) is not None:
            _require_uuid(text, name)
    for name in ("plan", "name", "region", "app_name"):
        if flaw := find_flaw(getattr(body, name) or "", longest=LONGEST_NAME):
            raise Malformed(f"{name}: {flaw}.", field=name)
    for name in ("created_at", "expires_at"):
        require_storable(getattr(body, name), name)
    return Imported(
        uuid=parse_uuid(body.uuid),
        name=body.name or parse_uuid(body.uuid),
        plan=plan,
        region=body.region,
        state=State(body.state.value),
        created_at=body.created_at,
        app=Ref(id=parse_uuid(body.app_id), name=body.app_name) if body.app_id else None,
        token=_read_token(body),
    )


def _read_plan(text: str, service: str) -> str:
    """Return a plan's name without its service, which Heroku and its tools put in front."""
    other, _, plan = text.rpartition(":")
    if other not in ("", service):
        raise Malformed(f"plan: is one of another add-on service, and not of {service}.", field="plan")
    if not plan:
        raise Malformed("plan: is empty.", field="plan")
    return plan


def _require_uuid(text: str, name: str) -> None:
    try:
        parse_uuid(text)
    except Malformed:
        raise Malformed(f"{name}: is not a UUID.", field=name) from None


def require_storable(moment: datetime | None, name: str) -> None:
    """Raise Malformed for a moment that no database keeps."""
    if moment is not None and not is_storable(moment):
        raise Malformed(f"{name}: is not between the years {EARLIEST.year} and {LATEST.year - 1}.", field=name)


def _read_token(body: ImportBody) -> Token | None:
    if not body.refresh_token:
        return None
    expires_at = body.expires_at if body.access_token and body.expires_at else LONG_AGO
    return Token(access=Secret(body.access_token or ""), refresh=Secret(body.refresh_token), expires_at=expires_at)
