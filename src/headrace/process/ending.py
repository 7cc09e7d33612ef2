"""The end of a process that was asked to stop."""

import logging
import os
from threading import Timer

from headrace.logs import LogName

log = logging.getLogger(__name__)

# Longer than Heroku waits for an answer, shorter than it waits for a dyno to stop.
STOP_WITHIN_SECONDS = 15
# All of a stop, whatever does not answer: a database that is cut off without a word keeps its threads for ever.
LEFT_AFTER_SECONDS = STOP_WITHIN_SECONDS + 5.0


def leave_in_time() -> None:
    """End the process after a while, however far its stop has come; what it was doing goes on at the next start."""

    def leave() -> None:
        log.warning(LogName.STOP_CUT_SHORT)
        logging.shutdown()
        os._exit(0)

    timer = Timer(LEFT_AFTER_SECONDS, leave)
    timer.daemon = True
    timer.start()
