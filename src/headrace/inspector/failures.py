"""How a look that failed is logged: Heroku's word in a line, and what nobody foresaw with where it came from."""

import logging

from headrace.errors import HeadraceError
from headrace.logs import LogName

log = logging.getLogger(__name__)


def log_failure(name: LogName, error: Exception, **subject: str) -> None:
    """Log it; a traceback tells apart an odd answer, which nobody has met yet, from a fault of ours."""
    unforeseen = None if isinstance(error, HeadraceError) else error
    log.warning(name, extra={**subject, "error": str(error)}, exc_info=unforeseen)


def log_unforeseen(name: LogName, error: Exception, **subject: str) -> None:
    """Log it only if nobody foresaw it: what Heroku refuses here costs no more than another request."""
    if not isinstance(error, HeadraceError):
        log_failure(name, error, **subject)
