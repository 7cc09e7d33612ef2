"""The Add-on Partner API, v3: what Heroku sends a partner and what the partner answers (contract §1).

`verify_…` comes before `parse_…`: nothing of a request is read until its sender is known.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec

from headrace.errors import Malformed, Unauthenticated
from headrace.models import Grant, Secret
from headrace.protocol.wire import LONGEST_NAME, find_flaw

ACCEPT = "application/vnd.heroku-addons+json; version=3"
BODY_LIMIT = 1024 * 1024

# What a schema says; what is wrong with a text is told in our own words.
Text = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[^\\u0000]*$"})]
RequiredText = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[^\\u0000]+$"})]
Name = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[^\\u0000]*$", "maxLength": LONGEST_NAME})]
RequiredName = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": "^[^\\u0000]+$", "maxLength": LONGEST_NAME})]
Moment = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
Uuid = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uuid"})]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionRequest:
    """A request to create a resource. `grant` is None in the legacy body and from Heroku's old test tool.

    `options` are the customer's `--key value` extras, always text. `region` reads
    `amazon-web-services::us-east-1`.
    """

    uuid: str
    name: str
    plan: str
    region: str
    callback_url: str
    options: Mapping[str, str]
    grant: Grant | None
    log_input_url: Secret | None = None
    log_drain_token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a partner answers: a status, and a body that Heroku keeps or shows to the customer.

    `config` and `log_drain_url` are part of a synchronous success only. They may be secrets, so they stay out of
    `repr`.
    """

    status: int
    provider_id: str | None = None
    message: str | None = None
    config: Mapping[str, str] | None = field(default=None, repr=False)
    log_drain_url: str | None = field(default=None, repr=False)

    def encode(self) -> bytes:
        """Return the JSON body; a 204 has none."""
        if self.status == 204:
            return b""
        members: dict[str, Any] = {
            "id": self.provider_id,
            "message": self.message,
            "config": self.config,
            "log_drain_url": self.log_drain_url,
        }
        return msgspec.json.encode({name: value for name, value in members.items() if value is not None})


def build_basic_auth(user: str, password: Secret) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password.reveal()}".encode()).decode()


def verify_basic_auth(header: str | None, *, user: str, passwords: Iterable[Secret]) -> None:
    """Raise Unauthenticated unless the header carries the manifest's id and one of its passwords (contract §1.1)."""
    if not header:
        raise Unauthenticated(reason="missing_credentials")
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise Unauthenticated(reason="not_basic")
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise Unauthenticated(reason="not_base64") from None
    # All of them are compared: how long it takes does not tell which.
    if not sum([hmac.compare_digest(given, f"{user}:{password.reveal()}".encode()) for password in passwords]):
        raise Unauthenticated(reason="wrong_credentials")


def parse_uuid(text: str) -> str:
    """Return the uuid in Heroku's form (lower case, with dashes), or raise Malformed."""
    try:
        uuid = UUID(text)
    except ValueError:
        raise Malformed("uuid is not a UUID.", field="uuid") from None
    if str(uuid) != text.lower():
        raise Malformed("uuid is not a UUID.", field="uuid")
    return str(uuid)


def parse_provision(body: bytes) -> ProvisionRequest:
    """Return the provision request of a v3 or legacy body; unknown members are ignored.

    Raises:
        Malformed: `field` names the member that is missing or of the wrong kind.

    """
    wire = _decode(body, ProvisionBody)
    return ProvisionRequest(
        uuid=parse_uuid(wire.uuid),
        name=_plain(wire.name, "name", longest=LONGEST_NAME),
        plan=_required(wire.plan, "plan", longest=LONGEST_NAME),
        region=_plain(wire.region, "region", longest=LONGEST_NAME),
        callback_url=_plain(wire.callback_url, "callback_url"),
        options={_plain(key, "options"): _plain(value, "options") for key, value in (wire.options or {}).items()},
        grant=None if wire.oauth_grant is None else _read_grant(wire.oauth_grant),
        log_input_url=Secret(wire.log_input_url) if wire.log_input_url else None,
        log_drain_token=Secret(wire.log_drain_token) if wire.log_drain_token else None,
    )


def parse_grant(body: bytes) -> Grant:
    """Return the grant of a back-fill's answer (contract §2.4), or raise Malformed."""
    return _read_grant(_decode(body, GrantBody))


def parse_plan_change(body: bytes) -> str:
    """Return the name of the wanted plan, or raise Malformed."""
    return _required(_decode(body, PlanChangeBody).plan, "plan", longest=LONGEST_NAME)


class GrantBody(msgspec.Struct, kw_only=True):
    """The one-time code, as Heroku writes it."""

    code: RequiredText
    expires_at: Moment


class ProvisionBody(msgspec.Struct, kw_only=True):
    """What Heroku posts to create a resource; unknown members are ignored."""

    uuid: Uuid
    plan: RequiredName
    name: Name = ""
    region: Name = ""
    callback_url: Text = ""
    options: dict[Text, Text] | None = None
    oauth_grant: GrantBody | None = None
    log_input_url: str | None = None
    log_drain_token: str | None = None


class PlanChangeBody(msgspec.Struct, kw_only=True):
    """What Heroku puts to change a resource's plan."""

    plan: RequiredName


def _read_grant(wire: GrantBody) -> Grant:
    try:
        expires_at = datetime.fromisoformat(wire.expires_at)
        if expires_at.tzinfo is None:
            raise Malformed("oauth_grant.expires_at has no time zone.", field="oauth_grant.expires_at")
        in_utc = expires_at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed("oauth_grant.expires_at is not a time.", field="oauth_grant.expires_at") from None
    return Grant(code=Secret(_required(wire.code, "oauth_grant.code")), expires_at=in_utc)


def _required(text: str, name: str, *, longest: int | None = None) -> str:
    if not text:
        raise Malformed(f"{name} is empty.", field=name)
    return _plain(text, name, longest=longest)


def _plain(text: str, name: str, *, longest: int | None = None) -> str:
    """Refuse at once what cannot be stored: a repeat would not change it."""
    if flaw := find_flaw(text, longest=longest):
        raise Malformed(f"{name} {flaw}.", field=name)
    return text


def _decode(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        name = read_field(str(error))
        what = "is missing" if "missing required field" in str(error) else _without_path(str(error)).lower()
        raise Malformed(f"{name or 'The body'}: {what}.", field=name) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("The body is not valid JSON.") from None


def read_field(text: str) -> str:
    """Find the member that a msgspec error speaks of: it names a missing one, or the path to a wrong one."""
    if "missing required field `" in text:
        name = text.split("missing required field `")[1].split("`", maxsplit=1)[0]
        outer = _path(text)
        return f"{outer}.{name}" if outer else name
    return _path(text)


def _path(text: str) -> str:
    """`… - at `$.oauth_grant.code`` gives `oauth_grant.code`."""
    _, _, path = text.rpartition(" - at `$")
    return path.rstrip("`").lstrip(".") if " - at `$" in text else ""


def _without_path(text: str) -> str:
    return text.split(" - at `", maxsplit=1)[0]
