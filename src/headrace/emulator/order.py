"""One order to the emulator itself, read from JSON, from a form, or from a query."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from headrace.emulator.emulator import Emulator
from headrace.emulator.errors import bad_request, invalid

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is wanted of an emulator: `parts` of the path, and the members of what was sent with it."""

    emulator: Emulator
    parts: Mapping[str, str]
    members: Mapping[str, Any]

    def read(self, kind: type[T]) -> T:
        """Return the members as a Struct; text may stand for a number, as it does in a form."""
        try:
            return msgspec.convert(self.members, kind, strict=False)
        except msgspec.ValidationError as error:
            raise invalid(f"{error}.") from None


def parse_members(raw: bytes) -> dict[str, Any]:
    """Return the members of a JSON object; no body is an empty one."""
    try:
        members = msgspec.json.decode(raw or b"{}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise bad_request("Send a JSON object: this is no JSON.") from None
    if not isinstance(members, dict):
        raise invalid("Send a JSON object.")
    return members
