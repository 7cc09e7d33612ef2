"""What is kept of a request with Heroku, either way: names and shapes, and the few values that are no secret.

It is masked before it is stored, by what is known to be harmless: whatever Heroku adds later is hidden.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

import msgspec

MASK = "•••"
# What is larger is not looked into, and what is still longer once it is masked is only counted.
LARGEST_BODY = 16 * 1024
LONGEST_TEXT = 4_000
LONGEST_PATH, LONGEST_ID, LONGEST_MESSAGE = 300, 200, 300
DEEPEST, MOST_MEMBERS = 5, 40
# A text that is shorter hides nothing, and replacing it would blot out half of a message.
SHORTEST_HIDDEN = 6
# Members whose values are shown where they are plain words, numbers or moments.
SHOWN = frozenset(
    {
        *("action", "created_at", "error", "expires_at", "expires_in", "grant_type", "id", "include", "level", "name"),
        *("plan", "published_at", "region", "resource", "resource_id", "sequence", "stage", "state", "status"),
        *("timestamp", "token_type", "type", "updated_at", "uuid", "version"),
    }
)
PLAIN = re.compile(r"[A-Za-z0-9_ :.+-]{1,100}", re.ASCII)
NAME = re.compile(r"[A-Za-z0-9_.:+-]{1,60}", re.ASCII)
WORD = re.compile(r"[A-Z]{1,10}", re.ASCII)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
REQUEST_ID = re.compile(rf"[A-Za-z0-9._,-]{{1,{LONGEST_ID}}}", re.ASCII)
# Of a list the first item shows its shape.
_MORE = "… {} more"


class Direction(StrEnum):
    """Who asked whom."""

    FROM_HEROKU = "from"
    TO_HEROKU = "to"


# A struct, because every request makes one: a frozen dataclass takes ten times as long to make.
class RawRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it was, for the seconds until it is masked. `status` is None where no answer came.

    `purpose` is what it was for, `plain` has the parts of the path that are the same in every such path. Neither body
    shows in `repr`.
    """

    direction: Direction
    purpose: str
    at: datetime
    method: str
    path: str
    plain: Collection[str]
    status: int | None
    seconds: float
    request_id: str = ""
    resource_uuid: str | None = None
    workflow: str | None = None
    step: str | None = None
    body: bytes = b""
    answer: bytes = b""

    def __post_init__(self) -> None:
        # What is too large to be looked into is not held either.
        for name, body in (("body", self.body), ("answer", self.answer)):
            if len(body) > LARGEST_BODY:
                msgspec.structs.force_setattr(self, name, body[: LARGEST_BODY + 1])

    def __repr__(self) -> str:
        return f"RawRequest({self.direction}: {self.method} {self.path}, {self.status})"

    @property
    def has_failed(self) -> bool:
        return _has_failed(self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRequest:
    """The same as it is stored: `asked` and `answered` are the bodies without what is secret."""

    direction: Direction
    purpose: str
    at: datetime
    method: str
    path: str
    status: int | None
    ms: int
    request_id: str
    resource_uuid: str | None
    workflow: str | None
    step: str | None
    asked: str
    answered: str

    @property
    def has_failed(self) -> bool:
        return _has_failed(self.status)


def _has_failed(status: int | None) -> bool:
    return status is None or status >= 400


def mask_requests(raws: Iterable[RawRequest], secrets: Iterable[str] = ()) -> list[KeptRequest]:
    """Return what may be kept of requests; `secrets` are hidden wherever they are, as is what a request hid.

    What is ordered of many resources has the same bodies: each is looked into once.
    """
    bodies: dict[tuple[bytes, bytes, bool], tuple[str, str]] = {}
    kept, hidden = [], list(secrets)
    for raw in raws:
        key = (raw.body, raw.answer, raw.has_failed)
        if key not in bodies:
            asking = _Masking(hidden)
            asked = asking.mask(raw.body)
            bodies[key] = (asked, _Masking([*hidden, *asking.found]).mask(raw.answer, is_refusal=raw.has_failed))
        kept.append(_keep(raw, *bodies[key]))
    return kept


def _keep(raw: RawRequest, asked: str, answered: str) -> KeptRequest:
    return KeptRequest(
        direction=raw.direction,
        purpose=raw.purpose,
        at=raw.at,
        method=raw.method if WORD.fullmatch(raw.method) else MASK,
        path=mask_path(raw.path, raw.plain),
        status=raw.status,
        ms=round(raw.seconds * 1000),
        request_id=raw.request_id if REQUEST_ID.fullmatch(raw.request_id) else "",
        resource_uuid=raw.resource_uuid,
        workflow=raw.workflow,
        step=raw.step,
        asked=asked,
        answered=answered,
    )


def mask_path(path: str, plain: Collection[str]) -> str:
    """Return a path with its plain parts and uuids: what else it names may be a token, or a person."""
    parts = path.partition("?")[0].split("/")
    kept = (each if not each or each in plain or UUID.fullmatch(each) else MASK for each in parts)
    return "/".join(kept)[:LONGEST_PATH]


class _Masking:
    """Masks one body. `found` has the texts that it masked; those in `hidden` are masked also where words are shown."""

    def __init__(self, hidden: Iterable[str]) -> None:
        # The longest first: one may be a part of another.
        self._hidden = sorted({each for each in hidden if len(each) >= SHORTEST_HIDDEN}, key=len, reverse=True)
        self.found: set[str] = set()

    def mask(self, body: bytes, *, is_refusal: bool = False) -> str:
        """Return JSON or a form without its values, but for those that are shown; what is neither is counted.

        A refusal's `message` is kept: without it nobody knows why.
        """
        if not body:
            return ""
        if len(body) > LARGEST_BODY:
            return f"(more than {LARGEST_BODY:,} bytes)"
        masked = self._mask(body, is_refusal=is_refusal)
        return masked if masked is not None and len(masked) <= LONGEST_TEXT else f"({len(body):,} bytes)"

    def _mask(self, body: bytes, *, is_refusal: bool) -> str | None:
        try:
            value = msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return self._mask_form(body)
        masked = self._mask_value(value, depth=0)
        if is_refusal and isinstance(value, dict) and isinstance(value.get("message"), str):
            masked["message"] = self._hide(value["message"])[:LONGEST_MESSAGE]
        return msgspec.json.encode(masked).decode()

    def _mask_form(self, body: bytes) -> str | None:
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=MOST_MEMBERS)
        except ValueError:
            return None
        return "\n".join(f"{_mask_name(name)}={self._mask_member(name, value, depth=0)}" for name, value in pairs)

    def _mask_value(self, value: Any, *, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, dict) and depth < DEEPEST:
            # All are looked through: what is left out of the one body is to be hidden in the other.
            shown = {_mask_name(name): self._mask_member(name, each, depth=depth) for name, each in value.items()}
            return dict(list(shown.items())[:MOST_MEMBERS])
        if isinstance(value, list) and depth < DEEPEST:
            items = [self._mask_value(each, depth=depth + 1) for each in value]
            return items[:1] + ([_MORE.format(len(items) - 1)] if len(items) > 1 else [])
        if isinstance(value, str):
            self.found.add(value)
        return MASK

    def _mask_member(self, name: str, value: Any, *, depth: int) -> Any:
        if name in SHOWN and isinstance(value, list) and all(map(_is_plain, value)):
            return [self._show(each) for each in value[:MOST_MEMBERS]]
        return self._show(value) if name in SHOWN and _is_plain(value) else self._mask_value(value, depth=depth + 1)

    def _show(self, value: Any) -> Any:
        return self._hide(value) if isinstance(value, str) else value

    def _hide(self, text: str) -> str:
        for each in self._hidden:
            text = text.replace(each, MASK)
        return text


def _mask_name(name: str) -> str:
    return name if NAME.fullmatch(name) else MASK


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and PLAIN.fullmatch(value) is not None)
