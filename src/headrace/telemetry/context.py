"""What lines of the log are about, whoever writes them: a request, a workflow, a resource, a hook, an attempt.

It is a context variable, so it goes with whatever is called: into tasks, into hooks on their event loop and on their
threads, and into what those log themselves.
"""

import contextvars
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from headrace.telemetry.tracing import carry_trace

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")

# The one attribute that every record of the process gets: more could be among what others give their records.
ATTRIBUTE = "headrace"
# What a workflow takes over from the request that asked for it.
CARRIED = ("request_id",)

_context: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("headrace_log_context")


class About(dict[str, Any]):
    """What a line is about; as text, for a format such as `%(headrace)s`, `resource=… hook=on_provision`."""

    def __str__(self) -> str:
        return spell_fields(self)


def about(**fields: Any) -> AbstractContextManager[None]:
    """Have lines until the block ends be about this, besides what they are about already."""
    return _Block({**_context.get({}), **fields})


def about_only(**fields: Any) -> AbstractContextManager[None]:
    """Have lines until the block ends be about this, and about nothing that was before."""
    return _Block(fields)


class _Block:
    """A block that is about something; every request is one, and a generator takes twice as long."""

    __slots__ = ("_fields", "_token")

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __enter__(self) -> None:
        self._token = _context.set(self._fields)

    def __exit__(self, *_: object) -> None:
        _context.reset(self._token)


def note(**fields: Any) -> None:
    """Have the lines that follow be about this too, for as long as the innermost block lasts."""
    if (fields_here := _context.get(None)) is not None:
        fields_here.update(fields)


def find_about() -> Mapping[str, Any]:
    """Return what lines are about here."""
    return _context.get({})


def carry() -> dict[str, Any]:
    """Return what a workflow takes over that is asked for here: of another workflow it takes over nothing."""
    here = find_about()
    if "workflow" in here or "request_id" not in here:
        return {}
    return {name: here[name] for name in CARRIED} | carry_trace()


def keep_context(function: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Return what calls a function in the context of here, on whatever thread it is called: pools have none."""
    context = contextvars.copy_context()

    def call(subject: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(function, subject, *args, **kwargs)

    return call


def tell_records() -> None:
    """Have each record of this process say what it is about, and each of ours spell its fields as its message."""
    make = logging.getLogRecordFactory()
    if getattr(make, "is_telling", False):
        return

    def make_telling(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        setattr(record, ATTRIBUTE, About(find_about()))
        if record.name.startswith("headrace") and not record.args and isinstance(record.msg, str):
            record.msg = _Event(record.msg, record)
        return record

    make_telling.is_telling = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_telling)


class _Event(str):
    """The name of an event; as a message, which others' formats have of it, its fields as well."""

    __slots__ = ("_record",)
    _record: logging.LogRecord

    def __new__(cls, name: str, record: logging.LogRecord) -> Self:
        event = super().__new__(cls, name)
        event._record = record
        return event

    def __str__(self) -> str:
        fields = read_fields(self._record)
        traceback = fields.pop("traceback", "")
        line = f"{str.__str__(self)} {spell_fields(fields)}".rstrip()
        return f"{line}\n{traceback}".rstrip()


# What every record has; everything else on it is a field of the event.
_STANDARD = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName", "color_message", ATTRIBUTE}


def read_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of a record, with what it is about; what the event itself says comes first, and counts."""
    own = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
    return {**own, **{name: value for name, value in getattr(record, ATTRIBUTE, {}).items() if name not in own}}


def name_event(record: logging.LogRecord) -> str:
    """Return the name of an event of ours, and of any other record its message."""
    return str.__str__(record.msg) if isinstance(record.msg, _Event) else record.getMessage()


def spell_fields(fields: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in fields.items())
