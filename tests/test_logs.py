"""The log: one JSON object a line for programs, one readable line for people."""

import json
import subprocess
import sys
from typing import Any

SCRIPT = """
import logging
from headrace.logs import configure_logging
configure_logging()
log = logging.getLogger("headrace.inspector")
{statement}
"""


def test_each_event_is_one_json_object_on_one_line() -> None:
    """The event's name, its fields, the level, the logger and the moment."""
    (event,) = log('log.warning("step.failed", extra={"step": "inspect", "attempt": 2, "resource": "a\\nb"})')

    at = event.pop("at")
    assert {
        "event": "step.failed",
        "level": "WARNING",
        "name": "headrace.inspector",
        "step": "inspect",
        "attempt": 2,
        "resource": "a\nb",
    } == event
    assert "T" in at


def test_the_moment_has_a_zone() -> None:
    """Lines of machines in two places can be put in order."""
    (event,) = log('log.info("service.started")')

    assert event["at"][-5] in "+-"


def test_a_traceback_stays_within_its_line() -> None:
    """A collector that reads lines never sees half an event."""
    (event,) = log('try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception("step.failed")')

    assert "ZeroDivisionError" in event["exc_info"]


def test_what_is_no_json_is_written_as_text() -> None:
    """A field can be anything; a Secret among them shows itself as dots."""
    (event,) = log('from headrace.models import Secret\nlog.info("token.saved", extra={"token": Secret("hush")})')

    assert "•••" == event["token"]


def test_requests_are_noted_without_their_query() -> None:
    """A query may name a person."""
    (event,) = log(
        'logging.getLogger("uvicorn.access").info(\'%s - "%s %s HTTP/%s" %d\', '
        '"127.0.0.1:5", "GET", "/api/resources/1/board?email=ada@lumen.example", "1.1", 200)'
    )

    assert '127.0.0.1:5 - "GET /api/resources/1/board HTTP/1.1" 200' == event["event"]


def test_debug_and_the_chatter_of_others_are_left_out() -> None:
    """Information and up of ours; of alembic and the access log only warnings."""
    assert [] == log(
        'log.debug("x")\nlogging.getLogger("alembic").info("x")\nlogging.getLogger("aiohttp.access").info("x")'
    )


def log(statement: str) -> list[dict[str, Any]]:
    """Run the statement in a process of its own, whose standard error is a pipe; return the events on it."""
    script = SCRIPT.format(statement=statement)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    return [json.loads(line) for line in done.stderr.splitlines()]
