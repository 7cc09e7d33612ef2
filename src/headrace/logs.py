"""Logging: one event name a line and its fields after it; JSON where a program reads, text where a person does."""

import logging
import sys
from typing import Any

# What every record has; everything else on it is a field of the event.
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


def configure_logging(*, level: int = logging.INFO) -> None:
    """Send the log to standard error: text on a terminal, JSON otherwise."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level)
    handler.setFormatter(_TextFormatter() if sys.stderr.isatty() else make_json_formatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("alembic", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").addFilter(_drop_query)


def _drop_query(record: logging.LogRecord) -> bool:
    """Leave out of the log of requests what stands behind a `?`: it may name a person, or what was searched for."""
    if isinstance(record.args, tuple):
        record.args = tuple(each.partition("?")[0] if isinstance(each, str) else each for each in record.args)
    return True


class _TextFormatter(logging.Formatter):
    """`12:30:01 WARNING step.failed step=inspect attempt=2`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        below = [fields.pop("traceback", ""), self.formatException(record.exc_info) if record.exc_info else ""]
        shown = " ".join(f"{name}={value}" for name, value in fields.items())
        line = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname:<7} {record.getMessage()} {shown}".rstrip()
        return "\n".join([line, *(text.rstrip() for text in below if text)])


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}


def make_json_formatter() -> logging.Formatter:
    from pythonjsonlogger.core import RESERVED_ATTRS
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        "{asctime}{levelname}{name}{message}",
        style="{",
        rename_fields={"asctime": "at", "levelname": "level", "message": "event"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        reserved_attrs=[*RESERVED_ATTRS, "color_message"],
    )
