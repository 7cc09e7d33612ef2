"""Lines of an app's log on their way to its drains of HTTPS, as Heroku's router of logs sends them (contract §1.2).

What a drain has no time for waits and goes together. A batch is sent three times in all, unless the answer says that it
is not wanted; how many lines were lost is told by the next one. Drains of syslog are sent nothing here.
"""

from datetime import timedelta

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.deliveries import may_deliver
from headrace.emulator.heroku.partner import PartnerAnswer
from headrace.emulator.world.belongings import DrainBuffer
from headrace.emulator.world.records import App, LogDrain
from headrace.protocol.logplex import LogBatch, LogLine, make_batch_id, write_log_batch

TRIES = 3
CUT_OFF = timedelta(seconds=5)
# local5.warning.
LOST_PRIORITY = 172


def write_log(heroku: Heroku, app: App, lines: list[LogLine]) -> None:
    """Send lines to every drain of an app, each for itself."""
    for drain in app.log_drains.values():
        if drain.url.startswith(("http://", "https://")) and may_deliver(heroku, drain.url):
            buffer = heroku.drain_buffers.setdefault(drain.id, DrainBuffer())
            buffer.waiting += lines
            if not buffer.is_sending:
                buffer.is_sending = True
                heroku.agenda.start(_empty(heroku, drain, buffer))


async def _empty(heroku: Heroku, drain: LogDrain, buffer: DrainBuffer) -> None:
    try:
        while buffer.waiting and drain.id in drain.app.log_drains:
            lines, buffer.waiting = buffer.waiting, []
            if await _deliver(heroku, drain, buffer, lines):
                buffer.lost, buffer.lost_since = 0, None
            else:
                buffer.lost += len(lines)
                buffer.lost_since = buffer.lost_since or heroku.clock.now()
    finally:
        buffer.is_sending = False


async def _deliver(heroku: Heroku, drain: LogDrain, buffer: DrainBuffer, lines: list[LogLine]) -> bool:
    """Return whether the drain has taken it. A repeat has the id of the first try, and not always its bytes."""
    batch_id = make_batch_id()
    for _ in range(TRIES):
        said = (_tell_lost(heroku, buffer), *lines) if buffer.lost else tuple(lines)
        headers, body = write_log_batch(LogBatch(id=batch_id, drain_token=drain.token, lines=said))
        answer = await heroku.partner.send("POST", drain.url, headers, body, cut_off=CUT_OFF)
        if answer.is_success or _is_final(answer):
            return answer.is_success
    return False


def _tell_lost(heroku: Heroku, buffer: DrainBuffer) -> LogLine:
    since = buffer.lost_since or heroku.clock.now()
    told = f"Error L10 (output buffer overflow): {buffer.lost} messages dropped since {since.isoformat()}."
    now = heroku.clock.now()
    return LogLine(at=now, source="heroku", process="logplex", message=told, priority=LOST_PRIORITY)


def _is_final(answer: PartnerAnswer) -> bool:
    """Whether what was refused is not sent again."""
    return answer.status is not None and 400 <= answer.status < 500 and answer.status != 429
