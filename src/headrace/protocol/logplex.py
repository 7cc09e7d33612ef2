"""Logs as Heroku's router of logs sends them to a drain of HTTPS, and takes them from an add-on (contract §1.2).

Both ways lines are framed by their length in bytes, one after the other. What is sent to a drain of HTTPS is nearly
RFC 5424: it has no STRUCTURED-DATA, so that receivers of syslog take the first word in brackets for it. What is sent to
Heroku has to have it, or it reaches nobody. Source: the router's public source of 2022; the live one may differ.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from headrace.errors import Malformed
from headrace.models import Secret

CONTENT_TYPE = "application/logplex-1"
# A longer frame is not read as one by Heroku.
LONGEST_FRAME = 10_240
# local1.notice, as what an app's dynos print has.
PRIORITY = 190

_LENGTH = re.compile(rb"([1-9][0-9]{0,6}) ")
_LINE = re.compile(r"<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) \S+(?: (.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of an app's log.

    `source` is `app` for what the app's dynos print and `heroku` for what Heroku says, `process` such as `web.1` or
    `router`. `priority` is syslog's: eight times the facility and the severity. A line that says how many were lost is
    of `heroku` and `logplex`, with `Error L10` in its message.
    """

    at: datetime
    source: str
    process: str
    message: str
    hostname: str = "host"
    priority: int = PRIORITY


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBatch:
    """What one request to a drain brings. `id` tells repeats, whose lines may differ; `drain_token` tells the resource.

    Answer 2xx once the lines are safe, and 503 while you cannot take them: it comes again, three times in all. Whatever
    is answered with 4xx, but for 429, is lost.
    """

    id: str
    drain_token: Secret
    lines: tuple[LogLine, ...] = field(repr=False)


def read_log_batch(headers: Mapping[str, str], body: bytes) -> LogBatch:
    """Return what Heroku sent to a drain of HTTPS; `headers` by lower-case names, or without regard to case.

    Raises:
        Malformed: it is not what Heroku sends: a frame is cut off, a line is none, or there are not as many as it says.
    """
    found = {name.lower(): value for name, value in headers.items()}
    lines = tuple(_read_line(frame) for frame in _split(body))
    if found.get("logplex-msg-count") != str(len(lines)):
        raise Malformed(f"There are {len(lines)} lines, and another number is announced.", field="Logplex-Msg-Count")
    for name in ("logplex-frame-id", "logplex-drain-token"):
        if not found.get(name):
            raise Malformed("A batch of a log says which it is and whose.", field=name)
    return LogBatch(id=found["logplex-frame-id"], drain_token=Secret(found["logplex-drain-token"]), lines=lines)


def write_log_batch(batch: LogBatch) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body with which Heroku sends a batch to a drain: for tests of whoever receives it."""
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Logplex-Msg-Count": str(len(batch.lines)),
        "Logplex-Frame-Id": batch.id,
        "Logplex-Drain-Token": batch.drain_token.reveal(),
    }
    return headers, _frame(_write_line(each, each.source, "-") for each in batch.lines)


def write_log_input(lines: Iterable[LogLine], token: Secret) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body with which an add-on adds lines to an app's log, by POST to its `log_input_url`.

    `token` is the password of that URL. A line's source is the add-on's, whatever it says.

    Raises:
        Malformed: a line is longer than Heroku reads.
    """
    written = [_write_line(each, token.reveal(), "- -") for each in lines]
    if any(len(each) > LONGEST_FRAME for each in written):
        raise Malformed(f"A line of a log has {LONGEST_FRAME} bytes at the most, with all that stands before it.")
    headers = {"Content-Type": CONTENT_TYPE, "Logplex-Msg-Count": str(len(written))}
    return headers, _frame(written)


def read_log_input(headers: Mapping[str, str], body: bytes) -> list[LogLine]:
    """Return what of an add-on's lines reaches the app's log: of those without STRUCTURED-DATA nothing does.

    `headers` are by lower-case names.

    Raises:
        Malformed: a frame is cut off, or there are not as many lines as it says.
    """
    lines = [_read_line(frame) for frame in _split(body)]
    if headers.get("logplex-msg-count", str(len(lines))) != str(len(lines)):
        raise Malformed(f"There are {len(lines)} lines, and another number is announced.", field="Logplex-Msg-Count")
    return [each for line in lines if (each := _without_structured_data(line)) is not None]


def make_batch_id() -> str:
    return uuid4().hex


def _without_structured_data(line: LogLine) -> LogLine | None:
    data = re.match(r"(?:-|\[[^\]]*\])(?: |$)", line.message)
    if data is None:
        return None
    return LogLine(
        at=line.at,
        source=line.source,
        process=line.process,
        message=line.message[data.end() :],
        hostname=line.hostname,
        priority=line.priority,
    )


def _split(body: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(body):
        length = _LENGTH.match(body, at)
        end = length.end() + int(length[1]) if length else 0
        if length is None or end > len(body):
            raise Malformed(f"A frame begins at byte {at} that does not end, or has no length.", field="body")
        yield body[length.end() : end]
        at = end


def _read_line(frame: bytes) -> LogLine:
    line = _LINE.fullmatch(frame.decode(errors="replace"))
    if line is None:
        raise Malformed("A line of a log is no line of syslog.", field="body")
    priority, at, hostname, source, process, message = line.groups(default="")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise Malformed("A line of a log has no moment that can be read.", field="body") from None
    return LogLine(
        at=moment if moment.tzinfo else moment.replace(tzinfo=UTC),
        source=source,
        process=process,
        message=message.removesuffix("\n"),
        hostname=hostname,
        priority=int(priority),
    )


def _write_line(line: LogLine, source: str, after: str) -> bytes:
    head = f"<{line.priority}>1 {line.at.isoformat()} {line.hostname} {source} {line.process} {after}"
    return f"{head} {line.message}\n".encode()


def _frame(lines: Iterable[bytes]) -> bytes:
    return b"".join(b"%d %s" % (len(line), line) for line in lines)
