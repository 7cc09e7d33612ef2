"""What is wrong with the service as a whole is told when it has lasted, and when it is over: once each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from emulator.partner import RawPartner, answer, serve_partner
from headrace.models import Secret
from headrace.settings.notices import NoticeForm
from headrace.store.sql.database import Database
from headrace.store.sql.tables.counted import pulse
from headrace.store.state.notices import (
    NoticeKind,
    count_open_notices,
    count_up_to,
    list_incidents,
    list_notices_of,
    list_open_notices,
    settle_notice,
    settle_notices,
)
from headrace.store.state.pulses import Pulse, save_pulse
from headrace.store.state.trouble_notices import list_open_troubles
from headrace.testing import eventually
from headrace.workflows.chores.sending import NoticeSender
from headrace.workflows.chores.troubles import LASTS, Look, Spells, TroubleWatch, follow, list_lasting, list_over
from lab.kit.processes import find_free_port
from outages import read_only
from pair import Pair, play_pair
from store.making import id_of
from workers import Site, prepare_site, serve_process, work_process

SECRET = "a-secret-of-thirty-two-characters"
NOW = datetime.now(UTC)
MISSING, LATE = NoticeKind.WORKER_MISSING, NoticeKind.SWEEP_LATE
# What a pulse lives, what a trouble has to last, and what the looks and the sending take, on a busy machine.
TOLD_WITHIN = timedelta(minutes=6)


def feel(*, is_worker: bool = False, ahead: float = 0.0) -> Pulse:
    """Build the pulse of a process that has just told that it lives."""
    return Pulse(
        process_id=id_of("process"),
        is_worker=is_worker,
        at=datetime.now(UTC) + timedelta(minutes=5),
        ahead_of_database=ahead,
        ahead_of_heroku=None,
        problem=None,
        heroku_answered_at=None,
        heroku_silent_since=None,
    )


async def send(pair: Pair, partner: RawPartner, *, now: datetime, form: NoticeForm = NoticeForm.JSON) -> None:
    """Send what is to be sent, as every process does."""
    core = replace(pair.parts, clock=lambda: now)
    await NoticeSender(core, url=Secret(f"{partner.url}/ops"), secret=Secret(SECRET), form=form).run_once()


class Moments:
    """Watches of some processes, which all go by one clock that a test moves."""

    def __init__(self, pair: Pair, *, processes: int = 1) -> None:
        every = timedelta(hours=1)
        self.at = NOW
        self.watches = [
            TroubleWatch(pair.parts, recheck_every=every, read_clock=lambda _: self.at) for _ in range(processes)
        ]

    async def look(self, *, after: timedelta) -> None:
        self.at += after
        await asyncio.gather(*(watch.run_once() for watch in self.watches))


def play(told: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return what one process tells, and when, of what is there each ten seconds: `x` is a trouble, `.` none."""
    said: list[tuple[int, str]] = []
    spells: Spells = {}
    is_open = False
    for number, sign in told:
        troubles = {LATE: "a look is late"} if sign == "x" else {}
        look = Look(at=NOW + timedelta(seconds=10 * number), troubles=troubles, told={LATE} if is_open else set())
        follow(spells, look)
        if list_lasting(spells):
            said.append((number, "raised"))
            is_open = True
        if list_over(spells, look):
            said.append((number, "settled"))
            is_open = False
    return said


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param("xxxxxx......", [], id="it lasts for less than a minute"),
        pytest.param("xxxxxxxxxxxx", [(6, "raised")], id="it lasts"),
        pytest.param("xxxxxxx......x", [(6, "raised"), (12, "settled")], id="it is over, and begins again"),
        pytest.param("x..x..x..x..x.", [(6, "raised")], id="it comes and goes within a minute"),
        pytest.param("xxxxxxx.....xxxxx.....x", [(6, "raised")], id="it is away for less than a minute"),
        pytest.param("x......x......x......x", [], id="each is another that is soon over"),
    ],
)
def test_a_trouble_is_told_once_however_it_flaps(seen: str, said: list[tuple[int, str]]) -> None:
    """It has to last for a minute to be raised, and to be away for a minute to be settled."""
    assert said == play(list(enumerate(seen)))


def test_what_was_told_before_this_process_began_is_settled_when_it_is_over() -> None:
    """A minute after it began: until then it may just not have looked."""
    spells: Spells = {}
    looks = [Look(at=NOW + after, troubles={}, told={MISSING}) for after in (LASTS * 0, LASTS / 2, LASTS)]
    over = []
    for look in looks:
        follow(spells, look)
        over.append(list_over(spells, look))

    assert [[], [], [MISSING]] == over


async def test_several_processes_tell_it_once_and_its_end_once(database_url: str) -> None:
    """On both databases, through a restart of all of them; by the sender of all notices, in the same form."""
    async with play_pair(database_url, has_worker=False) as pair, serve_partner() as partner:
        partner.reactions["POST"] = answer(200, {})
        await pair.heroku.create_addon("shop", "acme-search:basic")
        moments = Moments(pair, processes=3)
        for _ in range(7):
            await moments.look(after=LASTS / 6)
        await send(pair, partner, now=moments.at)
        restarted = Moments(pair, processes=3)
        restarted.at = moments.at
        for _ in range(9):
            await restarted.look(after=LASTS / 6)
        await send(pair, partner, now=restarted.at)
        sent = len(partner.received)
        await pair.parts.database.write(save_pulse, feel(is_worker=True))
        for _ in range(7):
            await restarted.look(after=LASTS / 6)
        await send(pair, partner, now=restarted.at)
    raised, settled = [received.body for received in partner.received]

    assert 1 == sent
    assert (None, "worker.missing", "raised") == (raised["resource"], raised["notice"]["kind"], raised["event"])
    assert raised["notice"]["detail"]["text"].startswith("no worker is alive, and a provision has waited")
    assert "Start a worker" in raised["notice"]["to_do"]
    assert ("settled", "headrace") == (settled["event"], settled["notice"]["settled_by"])
    assert raised["notice"]["id"] == settled["notice"]["id"]
    assert raised["notice"]["raised_at"] < settled["notice"]["settled_at"]


async def test_the_notice_of_a_trouble_is_nobodys_to_settle_and_on_no_list(database_url: str) -> None:
    """What lists show of the service is what is wrong now; the row is there for what is sent."""
    async with play_pair(database_url, has_worker=False) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        moments = Moments(pair)
        for _ in range(7):
            await moments.look(after=LASTS / 6)
        database = pair.parts.database
        is_settled = [await database.write(partial(settle_notice, by="grace", now=NOW), id_) for id_ in range(1, 4)]
        await database.write(partial(settle_notices, by="grace", now=NOW), addon.id)
        listed = [
            await database.read(list_open_notices),
            await database.read(list_incidents),
            await database.read(list_notices_of, addon.id),
        ]
        counted = (await database.read(count_open_notices), await database.read(count_up_to, 9))
        left = await database.read(list_open_troubles)

    assert (False, {MISSING}) == (any(is_settled), left)
    assert ([[], [], []], ({}, 0)) == (listed, counted)


async def test_without_any_resource_nobody_is_told(sqlite_url: str) -> None:
    """Nothing was sold yet, and so nobody misses anything."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        moments = Moments(pair)
        await pair.parts.database.write(save_pulse, feel(ahead=600.0))
        for _ in range(7):
            await moments.look(after=LASTS / 6)

        assert set() == await pair.parts.database.read(list_open_troubles)


async def test_a_database_that_took_no_writes_is_told_of_afterwards(database_url: str) -> None:
    """While it lasts nothing can be written down, so whoever has seen it keeps it in mind."""
    async with play_pair(database_url, has_worker=False) as pair:
        await pair.heroku.create_addon("shop", "acme-search:basic")
    database = Database(database_url)
    with database.transaction() as connection:
        connection.execute(sa.update(pulse).values(at=NOW - timedelta(minutes=10)))
    moments = Moments(replace(pair, parts=replace(pair.parts, database=database)))
    with read_only(database):
        for _ in range(6):
            await moments.look(after=LASTS / 6)
        with pytest.raises(sa.exc.SQLAlchemyError):
            await moments.look(after=LASTS / 6)
    await database.write(save_pulse, feel())
    told = []
    for _ in range(7):
        await moments.look(after=LASTS / 6)
        told.append(NoticeKind.DATABASE_UNWRITTEN in await database.read(list_open_troubles))
    database.close()

    assert [*[True] * 5, False] == told[:6]


async def test_a_chat_tool_is_told_in_a_line(sqlite_url: str) -> None:
    async with play_pair(sqlite_url, has_worker=False) as pair, serve_partner() as partner:
        partner.reactions["POST"] = answer(200, {})
        await pair.heroku.create_addon("shop", "acme-search:basic")
        moments = Moments(pair)
        for _ in range(7):
            await moments.look(after=LASTS / 6)
        await send(pair, partner, now=moments.at, form=NoticeForm.CHAT)
    [text] = [received.body["text"] for received in partner.received]

    assert text.startswith("acme-search: worker.missing, no worker is alive, and a provision has waited")


@pytest.mark.long
async def test_a_worker_that_is_killed_is_told_and_told_again_when_it_is_back(
    sqlite_url: str, postgres_url: str, tmp_path: Path
) -> None:
    """Real processes on both databases, side by side: of two web processes that see it one tells."""
    urls = {"sqlite": sqlite_url, "postgresql": postgres_url}
    for kind in urls:
        (tmp_path / kind).mkdir()
    told = await asyncio.gather(*(kill_a_worker(url, tmp_path / kind) for kind, url in urls.items()))

    for bodies in told:
        assert ["raised", "settled"] == [body["event"] for body in bodies]
        assert {"worker.missing"} == {body["notice"]["kind"] for body in bodies}
        assert 1 == len({body["notice"]["id"] for body in bodies})


async def kill_a_worker(database_url: str, folder: Path) -> list[dict[str, Any]]:
    """Return what a receiver is told while a worker is killed, a provision waits, and another worker takes it up."""
    async with serve_partner() as partner, prepare_site(database_url, folder) as site:
        partner.reactions["POST"] = answer(200, {})
        site.let_hooks_go_on()
        notices = {"HEADRACE_NOTICE_URL": f"{partner.url}/ops", "HEADRACE_NOTICE_SECRET": SECRET}
        environment = {**site.environment, **notices}
        async with serve_webs(site, environment, count=2):
            async with work_process(folder, environment) as worker:
                worker.kill()
                worker.wait()
            addon = await site.heroku.create_addon("shop", "acme-search:basic")
            await eventually(lambda: len(partner.received) == 1, within=TOLD_WITHIN)
            async with work_process(folder, environment):
                await eventually(lambda: len(partner.received) == 2, within=TOLD_WITHIN)
                assert "provisioned" == addon.state
    return [received.body for received in partner.received]


@asynccontextmanager
async def serve_webs(site: Site, environment: dict[str, str], *, count: int) -> AsyncIterator[None]:
    """Run so many web processes; Heroku calls the first."""
    async with AsyncExitStack() as stack:
        for number in range(count):
            port = site.port if number == 0 else find_free_port()
            await stack.enter_async_context(serve_process(site.folder, environment, port, "--web-only"))
        yield
