"""Logging: one event name a line and its fields after it; JSON where a program reads, text where a person does."""

import logging
import sys
from enum import StrEnum
from typing import Any, NamedTuple

from headrace.telemetry.context import ATTRIBUTE, name_event, read_fields, spell_fields, tell_records

# The logger of the line that each request has.
ACCESS = "headrace.access"


class LogName(StrEnum):
    """Every event that a service logs; `LOGGED` says of each how loud it is and what it tells."""

    PROVISION_EXPIRED = "provision.expired"
    WORKFLOW_REPAIRED = "workflow.repaired"
    WORKFLOW_FAILED = "workflow.failed"
    WORKFLOW_STRANDED = "workflow.stranded"
    WORKFLOWS_TAKEN_OVER = "workflows.taken_over"
    WORKFLOW_SUPERSEDED = "workflow.superseded"
    WORKFLOWS_ADOPTED = "workflows.adopted"
    STEP_FAILED = "step.failed"
    STEP_REFUSED = "step.refused"
    STEP_STOPPED = "step.stopped"
    CLIENT_SECRET_REFUSED = "client_secret.refused"
    WORKER_SUPERSEDED = "worker.superseded"
    WORKER_STUCK = "worker.stuck"
    SWEEP_FAILED = "sweep.failed"
    SUBSCRIPTIONS_FAILED = "subscriptions.failed"
    WATCH_FAILED = "watch.failed"
    FEEDING_FAILED = "feeding.failed"
    WAKING_FAILED = "waking.failed"
    NOTICE_UNSENT = "notice.unsent"
    NOTICE_GIVEN_UP = "notice.given_up"
    SENDING_FAILED = "sending.failed"
    TROUBLES_FAILED = "troubles.failed"
    UPKEEP_FAILED = "upkeep.failed"
    ROLL_UP_FAILED = "roll_up.failed"
    ROLL_UP_DRIFTED = "roll_up.drifted"
    LABELS_FILE_FAILED = "labels_file.failed"
    LABELS_FILE_CUT = "labels_file.cut"
    HEARTBEAT_FAILED = "heartbeat.failed"
    KEEPING_FAILED = "keeping.failed"
    INSPECTION_FAILED = "inspection.failed"
    ACCESS_FAILED = "access.failed"
    PANEL_FAILED = "panel.failed"
    PANEL_METRICS_FAILED = "panel_metrics.failed"
    ON_ERROR_FAILED = "on_error.failed"
    LIFESPAN_FAILED = "lifespan.failed"
    PROCESS_CRASHED = "process.crashed"
    HOOKS_LEFT_BEHIND = "hooks.left_behind"
    STOP_CUT_SHORT = "stop.cut_short"
    DATABASE_FAILED = "database.failed"
    DATABASE_NEWER = "database.newer"
    REQUEST_ANSWERED = "request.answered"
    REQUEST_UNANSWERED = "request.unanswered"
    SERVICE_NOT_SERVED = "service.not_served"
    CONNECTIONS_FULL = "connections.full"
    REQUEST_REJECTED = "request.rejected"
    DELIVERY_REJECTED = "delivery.rejected"
    SSO_REJECTED = "sso.rejected"
    OPERATOR_LOGGED_IN = "operator.logged_in"
    OPERATOR_REFUSED = "operator.refused"
    OPERATOR_HELD_OFF = "operator.held_off"
    OPERATOR_ORDERED = "operator.ordered"
    LINK_GIVEN = "link.given"
    LINK_REVOKED = "link.revoked"
    EXPORT_STALLED = "export.stalled"


class Logged(NamedTuple):
    """How loud an event is, and what it tells; names stand between backticks."""

    level: str
    tells: str


# docs/reliability.md is made of this.
LOGGED = {
    LogName.PROVISION_EXPIRED: Logged("ERROR", "A provision has passed its limit; a notice tells an operator."),
    LogName.WORKFLOW_REPAIRED: Logged("ERROR", "A workflow had ended without handing over; what is due is started."),
    LogName.WORKFLOW_FAILED: Logged("ERROR", "A workflow ended with an error of its own; its traceback."),
    LogName.WORKFLOW_STRANDED: Logged("ERROR", "An unfinished workflow waits for a worker of another release."),
    LogName.WORKFLOWS_TAKEN_OVER: Logged("WARNING", "What a dead worker left, or this one lost, is run here."),
    LogName.WORKFLOW_SUPERSEDED: Logged("WARNING", "A run woke up after another worker took over; it ends, unwritten."),
    LogName.WORKFLOWS_ADOPTED: Logged("WARNING", "Workflows of an older release are gone on with."),
    LogName.STEP_FAILED: Logged("WARNING", "An attempt at a step failed; ERROR when no other follows."),
    LogName.STEP_REFUSED: Logged("INFO", "A hook said no, with Refused; `told` is why, as a customer reads it."),
    LogName.STEP_STOPPED: Logged("INFO", "An attempt failed, of a resource that is being removed: no other follows."),
    LogName.CLIENT_SECRET_REFUSED: Logged("ERROR", "Heroku does not take `HEADRACE_CLIENT_SECRET`; said once."),
    LogName.WORKER_SUPERSEDED: Logged("ERROR", "Another worker has this one's id; it begins anew."),
    LogName.WORKER_STUCK: Logged("ERROR", "The engine takes no work, or a hook blocks its event loop."),
    LogName.SWEEP_FAILED: Logged("ERROR", "A round of the sweep failed; the next one tries again."),
    LogName.SUBSCRIPTIONS_FAILED: Logged("ERROR", "A round of subscribing failed; the next one tries again."),
    LogName.WATCH_FAILED: Logged("ERROR", "Looking after workers failed; the next round tries again."),
    LogName.NOTICE_UNSENT: Logged("WARNING", "A notice could not be sent out; it is tried again, ever more rarely."),
    LogName.NOTICE_GIVEN_UP: Logged("ERROR", "A notice could not be sent out for a day, and is not tried again."),
    LogName.SENDING_FAILED: Logged("ERROR", "Sending notices out failed; the next round tries again."),
    LogName.TROUBLES_FAILED: Logged(
        "ERROR", "Looking for what is wrong with the service as a whole failed; the next round looks again."
    ),
    LogName.WAKING_FAILED: Logged("ERROR", "Looking for orders about attempts failed; the next round tries again."),
    LogName.FEEDING_FAILED: Logged("ERROR", "Beginning what was ordered failed; the next round tries again."),
    LogName.UPKEEP_FAILED: Logged("ERROR", "A round of upkeep failed; the next one tries again."),
    LogName.ROLL_UP_FAILED: Logged("ERROR", "Counting the fleet's days failed; the next round tries again."),
    LogName.ROLL_UP_DRIFTED: Logged(
        "ERROR",
        "The count that is kept was not that of all; which `figures`. The days since the last look are recounted.",
    ),
    LogName.LABELS_FILE_FAILED: Logged(
        "ERROR", "`HEADRACE_LABELS_FILE` could not be written; said once, and tried again."
    ),
    LogName.LABELS_FILE_CUT: Logged(
        "WARNING", "There are more resources than `HEADRACE_LABELS_FILE` may have; how many."
    ),
    LogName.HEARTBEAT_FAILED: Logged("ERROR", "This process could not write that it lives; `/ready` says so too."),
    LogName.KEEPING_FAILED: Logged("ERROR", "Requests with Heroku could not be kept; the next round tries again."),
    LogName.INSPECTION_FAILED: Logged("WARNING", "Heroku did not tell where an app is; it is asked again."),
    LogName.ACCESS_FAILED: Logged("WARNING", "Heroku did not tell who may see an app; it is asked again."),
    LogName.PANEL_FAILED: Logged("ERROR", "Your panel hook failed; the card is shown without it."),
    LogName.PANEL_METRICS_FAILED: Logged(
        "ERROR", "Panels could not be asked for the day's numbers; they are asked again within ten minutes."
    ),
    LogName.ON_ERROR_FAILED: Logged("ERROR", "Your on_error hook failed, and was not told of a failure."),
    LogName.LIFESPAN_FAILED: Logged("ERROR", "What your lifespan opened could not be closed."),
    LogName.PROCESS_CRASHED: Logged("ERROR", "The web process or the worker of `serve` ended; it is started again."),
    LogName.HOOKS_LEFT_BEHIND: Logged("WARNING", "The process ended although a hook was still running."),
    LogName.STOP_CUT_SHORT: Logged("WARNING", "The process ended although a database, say, did not answer."),
    LogName.DATABASE_FAILED: Logged("ERROR", "The database failed a request, answered 503; a line a second."),
    LogName.DATABASE_NEWER: Logged("ERROR", "A newer release has had the database; a worker takes no work."),
    LogName.REQUEST_ANSWERED: Logged("INFO", "A request, its status, and how many milliseconds it took."),
    LogName.REQUEST_UNANSWERED: Logged("ERROR", "A request was not answered in a minute; its connection was ended."),
    LogName.SERVICE_NOT_SERVED: Logged("ERROR", "Everything is answered 503: it is mounted and was not started."),
    LogName.CONNECTIONS_FULL: Logged("WARNING", "Too many connections: idle and slow ones are ended; a line a minute."),
    LogName.REQUEST_REJECTED: Logged("WARNING", "A call of the Partner API was refused; the reason."),
    LogName.DELIVERY_REJECTED: Logged("WARNING", "A webhook delivery was refused; the reason."),
    LogName.SSO_REJECTED: Logged("WARNING", "A login form was refused; the reason."),
    LogName.OPERATOR_LOGGED_IN: Logged("INFO", "Somebody who knew the operators' secret came in."),
    LogName.OPERATOR_REFUSED: Logged("WARNING", "The operators' secret was wrong."),
    LogName.OPERATOR_HELD_OFF: Logged("WARNING", "There were too many wrong secrets."),
    LogName.OPERATOR_ORDERED: Logged("INFO", "An operator ordered something; what, and about which resource."),
    LogName.LINK_GIVEN: Logged("INFO", "A customer made a link that shows their board; of which resource."),
    LogName.LINK_REVOKED: Logged("INFO", "A link that shows a board was revoked; of which resource, and by whom."),
    LogName.EXPORT_STALLED: Logged("WARNING", "Whoever asked for an export did not read on; it was ended."),
}


def configure_logging(*, level: int = logging.INFO) -> None:
    """Send the log to standard error: text on a terminal, JSON otherwise."""
    handler = _make_handler()
    handler.setLevel(level)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    tell_records()
    for name in ("alembic", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").addFilter(_drop_query)


def speak_up() -> None:
    """Have lines say what they are about; and be heard where nobody set logging up, as under uvicorn's own command."""
    tell_records()
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(_make_handler())
        logging.getLogger("headrace").setLevel(logging.INFO)


def _make_handler() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_TextFormatter() if sys.stderr.isatty() else make_json_formatter())
    return handler


def _drop_query(record: logging.LogRecord) -> bool:
    """Leave out of the log of requests what stands behind a `?`: it may name a person, or what was searched for."""
    if isinstance(record.args, tuple):
        record.args = tuple(each.partition("?")[0] if isinstance(each, str) else each for each in record.args)
    return True


class _TextFormatter(logging.Formatter):
    """`12:30:01 WARNING step.failed step=inspect attempt=2`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = read_fields(record)
        below = [fields.pop("traceback", ""), self.formatException(record.exc_info) if record.exc_info else ""]
        at, shown = self.formatTime(record, "%H:%M:%S"), spell_fields(fields)
        line = f"{at} {record.levelname:<7} {name_event(record)} {shown}".rstrip()
        return "\n".join([line, *(text.rstrip() for text in below if text)])


def make_json_formatter() -> logging.Formatter:
    from pythonjsonlogger.core import RESERVED_ATTRS
    from pythonjsonlogger.json import JsonFormatter

    class TellingFormatter(JsonFormatter):
        def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
            super().add_fields(log_data, record, message_dict)
            log_data["event"] = name_event(record)
            log_data |= read_fields(record)

    return TellingFormatter(
        "{asctime}{levelname}{name}{message}",
        style="{",
        rename_fields={"asctime": "at", "levelname": "level", "message": "event"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        reserved_attrs=[*RESERVED_ATTRS, "color_message", ATTRIBUTE],
    )
