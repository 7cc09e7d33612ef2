"""What Heroku answers is counted by the process that asked, and written down with its pulse."""

import pytest

from headrace.clock import read_clock
from headrace.emulator import Fault
from headrace.errors import HerokuBroken
from headrace.fleet.day import load_day
from headrace.protocol.wire import Request, Response
from headrace.workflows.chores.counting import HourTally, name_class
from headrace.workflows.chores.heartbeat import Heartbeat
from pair import play_pair

ASKED = Request(method="GET", path="/apps/1", endpoint="/apps/{id}")


def test_an_answer_has_a_class() -> None:
    """What means something of its own stands alone."""
    assert ["2xx", "304", "4xx", "429", "5xx", "none"] == [name_class(each) for each in (201, 304, 404, 429, 503, None)]


async def test_what_could_not_be_written_down_is_counted_the_next_time(database_url: str) -> None:
    """Heroku's failures too; nothing is counted twice."""
    async with play_pair(database_url, has_worker=False) as pair:
        tally = HourTally()
        tally.observe(ASKED, Response(status=503), 0.3)
        tally.put_back(tally.take())
        tally.observe(ASKED, None, 0.3)
        await Heartbeat(pair.parts, heroku=pair.parts.client, tally=tally).beat()
        day = await pair.parts.database.read(load_day, now=read_clock())

        assert ({"5xx": 1, "none": 1}, 0.5) == (day.answers, day.answered_within)
        assert {} == tally.take()


async def test_a_check_that_fails_is_counted(database_url: str) -> None:
    """By the kind of the error, each time that one fails."""
    async with play_pair(database_url, HEADRACE_RECHECK_SECONDS="3600") as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        pair.heroku.faults.add(Fault(kind="status", status=503, path="/addons/*"))
        for _ in range(2):
            with pytest.raises(HerokuBroken):
                await pair.parts.inspector.inspect(addon.id)
        day = await pair.parts.database.read(load_day, now=pair.parts.clock())

        assert {"HerokuBroken": 2} == day.failed_checks
