"""The traffic of a run in a file, one exchange a line, with every secret masked."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from headrace.emulator.emulator import Emulator
from headrace.emulator.kit.faults import Direction
from headrace.emulator.world.records import Addon, Team
from headrace.emulator.world.traffic import Exchange, RawHeaders
from headrace.errors import ConfigurationError
from headrace.models import Stage

VERSION = 1
# Headers that change an answer or tell something of it; those that hold credentials are never among them.
KEPT_HEADERS = frozenset(
    {
        "accept",
        "accept-expansion",
        "content-range",
        "content-type",
        "etag",
        "if-none-match",
        "next-range",
        "range",
        "ratelimit-remaining",
        "request-id",
        "user-agent",
    }
)


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a recording."""

    headrace_recording: int
    began_at: datetime


class Subject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The add-on that a call to a partner was about, and where it stood then."""

    uuid: str
    name: str
    service: str
    app: str
    region: str
    owner: str
    pipeline: str | None = None
    stage: Stage | None = None


class RecordedExchange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One exchange, begun `at` so many seconds after the recording; bodies are JSON values or text."""

    at: float
    direction: Direction
    method: str
    path: str
    request_headers: dict[str, str] = {}
    request: Any = None
    status: int | None
    ms: float
    response_headers: dict[str, str] = {}
    response: Any = None
    fault: str = ""
    subject: Subject | None = None


@contextmanager
def record(emulator: Emulator, path: Path | str) -> Iterator[None]:
    """Write every exchange of the emulator to a file, as it happens, until the block ends."""
    began, subjects = time.monotonic(), dict[str, Subject]()
    with open(path, "wb", opener=_open_privately) as file:
        _write_line(file, Head(headrace_recording=VERSION, began_at=emulator.clock.now()))

        def write(exchange: Exchange) -> None:
            uuid = _find_uuid(exchange)
            addon = emulator.state.addons.get(uuid)
            if addon is not None:
                subjects[uuid] = _describe_subject(addon)
            at = max(0.0, time.monotonic() - began - exchange.ms / 1000)
            _write_line(file, describe_exchange(exchange, at=at, subject=subjects.get(uuid)))

        emulator.traffic.listeners.append(write)
        try:
            yield
        finally:
            emulator.traffic.listeners.remove(write)


def read_recording(path: Path | str) -> Sequence[RecordedExchange]:
    """Return the exchanges that a file holds.

    Raises:
        ConfigurationError: there is no such file, or it is no recording of this version.

    """
    try:
        head, *lines = Path(path).read_bytes().splitlines() or [b""]
        version = msgspec.json.decode(head, type=Head).headrace_recording
        if version != VERSION:
            raise ConfigurationError([f"{path} is of version {version}; this emulator reads version {VERSION}."])
        return [msgspec.json.decode(line, type=RecordedExchange) for line in lines]
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be read: {error.strerror}."]) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path} is not a recording: {error}"]) from None


def describe_exchange(exchange: Exchange, *, at: float, subject: Subject | None) -> RecordedExchange:
    return RecordedExchange(
        at=round(at, 3),
        direction=exchange.direction,
        method=exchange.method,
        path=exchange.path,
        request_headers=_pick_headers(exchange.raw_request_headers),
        request=_read_body(exchange.request),
        status=exchange.status,
        ms=round(exchange.ms, 1),
        response_headers=_pick_headers(exchange.raw_response_headers),
        response=_read_body(exchange.response),
        fault=exchange.fault,
        subject=subject,
    )


def _write_line(file: IO[bytes], line: msgspec.Struct) -> None:
    """Write at once, so that what a crash leaves is whole as far as it goes."""
    file.write(msgspec.json.encode(line) + b"\n")
    file.flush()


def _pick_headers(headers: RawHeaders) -> dict[str, str]:
    decoded = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)
    return {name: value for name, value in decoded if name in KEPT_HEADERS}


def _read_body(masked: str) -> Any:
    if not masked:
        return None
    try:
        return msgspec.json.decode(masked)
    except msgspec.DecodeError:
        return masked


def _find_uuid(exchange: Exchange) -> str:
    """Tell which add-on a partner was called about: a provision names it in the body, what comes later in the path."""
    if exchange.direction == "to Heroku":
        return ""
    body = _read_body(exchange.request)
    uuid = body.get("uuid") if isinstance(body, dict) else None
    return str(uuid or exchange.path.rpartition("/")[2])


def _describe_subject(addon: Addon) -> Subject:
    app, coupling = addon.app, addon.app.coupling
    return Subject(
        uuid=addon.id,
        name=addon.name,
        service=addon.service.name,
        app=app.name,
        region=app.region,
        owner=app.owner.name if isinstance(app.owner, Team) else app.owner.email,
        pipeline=coupling.pipeline.name if coupling else None,
        stage=coupling.stage if coupling else None,
    )


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
