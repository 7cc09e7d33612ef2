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
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=240)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_every_line_says_what_it_is_about() -> None:
    """Of whatever logger, and in whatever is called; what a line says itself counts."""
    ours, others = log(
        "from headrace.telemetry.context import about\n"
        'with about(resource="r-1", hook="panel"):\n'
        '    log.warning("panel.failed", extra={"resource": "r-2"})\n'
        '    logging.getLogger("acme").warning("made %s", "it")'
    )

    assert ("panel.failed", "r-2", "panel") == (ours["event"], ours["resource"], ours["hook"])
    assert ("made it", "r-1", "panel", "acme") == (others["event"], others["resource"], others["hook"], others["name"])


def test_lines_are_heard_where_nobody_set_logging_up() -> None:
    """As under uvicorn's own command: ours from INFO on, those of others as loud as they were."""
    lines = run(
        "from headrace.logs import speak_up\nspeak_up()\n"
        'logging.getLogger("headrace.x").info("step.refused", extra={"step": "run_hook"})\n'
        'logging.getLogger("acme").info("quiet")\nlogging.getLogger("acme").warning("loud")'
    )

    assert [("step.refused", "run_hook"), ("loud", None)] == [
        (event["event"], event.get("step")) for event in map(json.loads, lines)
    ]


def test_lines_are_whole_in_a_format_of_the_partners() -> None:
    """The message of an event has its fields, and of other lines the format may have what they are about."""
    lines = run(
        "from headrace.telemetry.context import about\nfrom headrace.logs import speak_up\n"
        'logging.basicConfig(format="%(levelname)s %(message)s [%(headrace)s]")\nspeak_up()\n'
        'with about(resource="r-1"):\n'
        '    logging.getLogger("headrace.x").warning("step.failed", extra={"step": "run", "traceback": "Oh: no"})\n'
        '    logging.getLogger("acme").warning("hm")'
    )

    ours, traceback, others = lines
    assert ["WARNING step.failed step=run resource=r-1", "Oh: no [resource=r-1]"] == [ours, traceback]
    assert "WARNING hm [resource=r-1]" == others


def run(statement: str) -> list[str]:
    """Run the statement in a process where nothing has set logging up; return the lines on its standard error."""
    script = f"import logging\n{statement}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=240)
    return done.stderr.splitlines()
