"""One instruction to the emulator itself, read from JSON, a form or a query, and the operation that carries it out."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from headrace.emulator.kit.errors import bad_request, invalid
from headrace.emulator.local.emulated import EmulatedHeroku

T = TypeVar("T")


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of an emulator: `parts` of the path, and the members of what was sent with it."""

    emulator: EmulatedHeroku
    parts: Mapping[str, str]
    members: Mapping[str, Any]

    def read(self, kind: type[T]) -> T:
        """Return the members as a Struct; text may stand for a number, as it does in a form."""
        try:
            return msgspec.convert(self.members, kind, strict=False)
        except msgspec.ValidationError as error:
            raise invalid(f"{error}.") from None


class Control(msgspec.Struct, frozen=True):
    """One operation of the control API; what `carry_out` returns, or what it waits for, is the answer."""

    method: str
    path: str
    carry_out: Callable[[Instruction], Any]


def parse_members(raw: bytes) -> dict[str, Any]:
    """Return the members of a JSON object; no body is an empty one."""
    try:
        members = msgspec.json.decode(raw or b"{}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise bad_request("Send a JSON object: this is no JSON.") from None
    if not isinstance(members, dict):
        raise invalid("Send a JSON object.")
    return members
