"""A fleet that lives: a week of pull requests at an emulated Heroku, and what a service on the same clock has of it."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import aiohttp
import pytest
import sqlalchemy as sa

from emulator.partner import RawPartner
from emulator.wire import Wire
from headrace.emulator import Books, Clock, Declined, Emulator, Fault, Size, play_week
from headrace.emulator.local.scenario import PULL_REQUESTS
from headrace.emulator.local.scenario_plan import DAYS, SLOTS_A_DAY, plan_week
from headrace.fleet.counting import load_insights
from headrace.models import Stage
from headrace.store.sql.tables.schema import placement, resource
from pair import Pair, play_pair

# A Monday.
BEGINNING = datetime(2026, 11, 23, tzinfo=UTC)
SMALL = Size(teams=2, pipelines=3, pull_requests=12)
# Nobody waits for a partner to use these.
DEAD_GRANTS = Fault(kind="expired_grant", direction="to partner")


@pytest.fixture
async def wire(heroku: Emulator) -> AsyncIterator[Wire]:
    async with aiohttp.ClientSession() as session:
        yield Wire(heroku.url, session)


def read_placements(connection: sa.Connection) -> dict[str, tuple[str | None, str | None]]:
    query = (
        sa.select(resource.c.uuid, placement.c.pipeline_id, placement.c.stage)
        .join(placement, placement.c.resource_uuid == resource.c.uuid)
        .where(resource.c.state == "provisioned", placement.c.valid_to.is_(None))
    )
    return {row.uuid: (row.pipeline_id, row.stage) for row in connection.execute(query)}


async def look_at_everything(pair: Pair, clock: Clock) -> None:
    """Let the time pass after which the service looks again, and wait until it has."""
    clock.advance(timedelta(hours=13))
    await pair.sweep()
    await pair.settle()


async def test_a_services_figures_are_those_of_the_generators_books(sqlite_url: str) -> None:
    """Placements, every provision and deprovision, what came and went in the week, and the moves.

    The service looks at what is due on each day, and so sees each move before the next one.
    """
    clock = Clock()
    clock.freeze(BEGINNING)
    async with play_pair(sqlite_url, clock=clock) as pair:

        async def settle(_books: Books) -> None:
            await pair.settle()
            if clock.now().date() not in days:
                days.add(clock.now().date())
                await pair.sweep()

        days: set[date] = set()
        books = await play_week(pair.heroku, size=SMALL, seed=7, after_slot=settle)
        await look_at_everything(pair, clock)
        database = pair.parts.database
        placements = await database.read(read_placements)
        states = dict(await database.read(lambda c: c.execute(sa.select(resource.c.uuid, resource.c.state)).all()))
        await pair.parts.roll_up.count_all()
        figures = await database.read(load_insights, days=14, small_plans=(), now=clock.now())

    gone = {uuid for uuid in books.entries if uuid not in books.placements}
    [week] = [week for week in figures.weeks if week.begins_on == BEGINNING.date()]
    sunday = BEGINNING.date() + timedelta(days=6)
    assert [] == books.refused
    assert (12, 12) == (books.done["open"], books.done["close"])
    assert books.placements == placements
    assert {uuid: "deprovisioned" if uuid in gone else "provisioned" for uuid in books.entries} == states
    assert dict(books.by_stage) == {Stage(stage): count for stage, count in figures.days[-1].by_stage.items() if count}
    assert books.count_gained(BEGINNING.date(), sunday) == week.gained.all
    assert books.count_lost(BEGINNING.date(), sunday) == week.lost.all
    assert 9 == week.gained.lasting
    assert 0 == week.lost.lasting
    moves = {(move.from_stage, move.to_stage): move.count for move in figures.moves}
    assert {(str(before), str(after)): count for (before, after), count in books.moves.items()} == moves
    assert 9 == figures.coverage.in_pipeline


async def test_the_same_seed_is_the_same_week() -> None:
    week = plan_week(SMALL, 7)
    opened = {step.number: step.slot for step in week if step.kind == "open"}
    closed = {step.number: step.slot for step in week if step.kind == "close"}

    assert week == plan_week(SMALL, 7)
    assert week != plan_week(SMALL, 8)
    assert set(range(1, 13)) == opened.keys() == closed.keys()
    assert all(opened[number] < closed[number] < DAYS * SLOTS_A_DAY for number in opened)


async def test_what_a_partner_refuses_is_told(heroku: Emulator, acme: RawPartner) -> None:
    """One that leaves its grants unused is waited for once; the week goes on without what it refused."""
    heroku.clock.freeze(BEGINNING)
    books = await play_week(heroku, size=SMALL, seed=7, patience=timedelta(0))

    posts = [received for received in acme.received if received.method == "POST"]
    deletes = [received for received in acme.received if received.method == "DELETE"]
    assert (len(books.entries), len(books.entries) - len(books.live)) == (len(posts), len(deletes))
    assert [line for line in books.refused if "The partner was at work" not in line] == []
    assert 1 == len(books.refused)
    assert "provisioned" in str(books)


async def test_one_week_is_played_at_a_time(heroku: Emulator) -> None:
    """It has the clock to itself; when it is over, or came to nothing, there can be another."""
    heroku.faults.add(DEAD_GRANTS)
    size, refused = Size(teams=1, pipelines=1, pull_requests=0), []

    async def play_another(_books: Books) -> None:
        with pytest.raises(Declined, match="is being played here already") as caught:
            await play_week(heroku, size=size)
        refused.append(caught.value)

    first = await play_week(heroku, size=size, after_slot=play_another)
    second = await play_week(heroku, size=size)

    assert refused
    assert ([], []) == (first.refused, second.refused)
    assert first.placements.keys().isdisjoint(second.placements)


async def test_the_control_api_plays_a_week(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Its answer is the books; without pull requests there are the lasting apps of each pipeline."""
    wanted = {"pull_requests": 0, "pipelines": 2, "teams": 1, "patience": 0}
    reply = await wire.send("POST", f"/__emulator__/scenarios/{PULL_REQUESTS}", token=None, json=wanted)
    unknown = await wire.send("POST", f"/__emulator__/scenarios/{PULL_REQUESTS}", token=None, json={"service": "none"})

    assert (200, 6, 4) == (reply.status, reply.body["provisioned"], reply.body["moves"])
    assert {"staging": 4, "production": 2} == reply.body["live"]
    assert {"promote": 14, "move": 4, "transfer": 2} == reply.body["done"]
    assert 6 == len(acme.received)
    assert (422, "invalid_params") == unknown.error
