"""Lines of an app's log reach its drains as Heroku's router of logs sends them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import ClientSession, web
from yarl import URL

from emulator.partner import RawPartner, answer, change_manifest
from headrace import LogBatch, LogLine, Secret, read_log_batch, write_log_input
from headrace.emulator import Addon, Emulator

APP = "storefront"


@dataclass
class Receiver:
    """A drain at `url`, which answers with these statuses and then with 204."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    batches: list[LogBatch] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.batches.append(read_log_batch(request.headers, await request.read()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)

    @property
    def messages(self) -> list[list[str]]:
        return [[line.message for line in batch.lines] for batch in self.batches]


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    receiver = Receiver(statuses=list(statuses))
    application = web.Application()
    application.router.add_post("/in", receiver.take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def drain(heroku: Emulator, acme: RawPartner, receiver: Receiver) -> Addon:
    """Create an add-on that has a drain there, and an address to write to."""
    change_manifest(heroku, requires=("syslog_drain", "log_input"))
    acme.reactions["POST"] = answer(200, {"id": "one", "log_drain_url": receiver.url})
    return await heroku.create_addon(APP, "acme-search:basic")


async def test_what_an_app_logs_goes_to_its_drain(heroku: Emulator, acme: RawPartner) -> None:
    async with receiving() as receiver:
        addon = await drain(heroku, acme, receiver)
        heroku.log(APP, "[info] started", process="web.3")
        await heroku.settle()
        [batch] = receiver.batches

        assert addon.log_drain_token is not None
        assert addon.log_drain_token.reveal() == batch.drain_token.reveal()
        assert [("app", "web.3", "[info] started")] == [
            (line.source, line.process, line.message) for line in batch.lines
        ]


async def test_what_is_not_taken_comes_again_with_the_same_id(heroku: Emulator, acme: RawPartner) -> None:
    """Three times in all; what comes meanwhile waits and goes together."""
    async with receiving(503, 429) as receiver:
        await drain(heroku, acme, receiver)
        heroku.log(APP, "one")
        heroku.log(APP, "two")
        await heroku.settle()

        assert [["one", "two"]] * 3 == receiver.messages
        assert 1 == len({batch.id for batch in receiver.batches})


async def test_what_is_refused_is_lost_and_the_next_one_says_so(heroku: Emulator, acme: RawPartner) -> None:
    """After a 4xx at once, after anything else when it was refused three times."""
    async with receiving(400, 500, 500, 500) as receiver:
        await drain(heroku, acme, receiver)
        for message in ("one", "two", "three"):
            heroku.log(APP, message)
            await heroku.settle()
        told = receiver.batches[-1].lines[0]

        assert [1, 2, 2, 2, 2] == [len(batch.lines) for batch in receiver.batches]
        assert [["one"], "two", "two", "two", "three"] == [
            receiver.messages[0],
            *(messages[-1] for messages in receiver.messages[1:]),
        ]
        assert ("heroku", "logplex", 172) == (told.source, told.process, told.priority)
        assert "2 messages dropped" in told.message


async def test_an_add_on_writes_to_the_log_of_its_app(heroku: Emulator, acme: RawPartner) -> None:
    """What it writes reaches the drains too; as many lines as it says have to be there."""
    line = LogLine(at=datetime.now(UTC), source="acme", process="index.1", message="[info] rebuilt")
    async with receiving() as receiver, ClientSession() as http:
        await drain(heroku, acme, receiver)
        url = URL(acme.received[0].body["log_input_url"])
        headers, body = write_log_input([line], Secret(url.password or ""))
        taken = await http.post(url, headers=headers, data=body)
        wrong = await http.post(url, headers={**headers, "Logplex-Msg-Count": "2"}, data=body)
        await heroku.settle()

        assert (204, 400) == (taken.status, wrong.status)
        assert [["[info] rebuilt"]] == receiver.messages
        assert [("app", "index.1")] == [(each.source, each.process) for each in receiver.batches[0].lines]


async def test_a_drain_on_another_machine_gets_nothing(heroku: Emulator, acme: RawPartner) -> None:
    """Unless the switch is on, nothing that somebody asks for here leaves this machine."""
    await drain(heroku, acme, Receiver(url="https://logs.acme.example/in"))
    heroku.log(APP, "one")
    await heroku.settle()

    assert 1 == len(heroku.state.apps[APP].log_drains)
    assert [] == [sent for sent in heroku.traffic if sent.path == "/in"]
