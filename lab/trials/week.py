"""`./dev week`: a week of pull requests on one clock, and whether a service has of it what the generator has.

Service and emulator share this process and the emulator's clock; the database is an SQLite file of its own. Exit status
1 when a provision, a deprovision, a placement or a figure differs, or when Heroku or the partner refused something.
"""

import argparse
import asyncio
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from uvicorn.loops.auto import auto_loop_factory

from headrace.assembly import Parts
from headrace.emulator import Books, Clock, Size, describe, load_world, play_week, run
from headrace.fleet.counting import load_insights
from headrace.fleet.insights import Insights
from headrace.logs import configure_logging
from headrace.models import Stage
from headrace.process.collector import spare_collector
from headrace.process.ports import bind
from headrace.service import AddonService, find_assembly
from headrace.serving import serving
from headrace.settings import read_settings
from headrace.store.sql.tables.schema import placement, resource
from headrace.store.state.due import count_batches
from headrace.store.state.resources import list_running
from headrace.testing import eventually
from lab.kit.processes import read_mebibytes
from lab.kit.worlds import build_world

# A Monday: figures are of weeks that begin on one.
BEGINNING = datetime(2026, 11, 23, tzinfo=UTC)
SUNDAY = BEGINNING.date() + timedelta(days=6)

# Longer than a service waits before it looks at a place again.
LOOKED_AT_AGAIN = timedelta(hours=13)
PATIENCE = timedelta(minutes=5)
Rows = dict[str, tuple[str, str | None, str | None]]


def make_service(settings: dict[str, str], clock: Clock) -> AddonService:
    service = AddonService(read_settings(settings))
    find_assembly(service).clock = clock.now

    @service.on_provision
    def create(provision: Any) -> dict[str, str]:
        return {"ACME_SEARCH_URL": f"https://search.acme.example/{provision.uuid}"}

    @service.on_plan_change
    def resize(_change: Any) -> None: ...

    @service.on_deprovision
    def drop(_resource: Any) -> None: ...

    return service


@dataclass(slots=True)
class Look:
    """What a service does after each slot: its work, and once a day its sweep; what is seen of it is printed."""

    parts: Parts
    clock: Clock
    every: int
    shown: int = 0
    days: set[date] = field(default_factory=set)

    async def after_slot(self, books: Books) -> None:
        await until_settled(self.parts)
        today = self.clock.now().date()
        if today not in self.days:
            self.days.add(today)
            await self.sweep()
        if len(books.entries) - self.shown >= self.every:
            self.shown = len(books.entries)
            print(f"  {self.clock.now():%a %H:%M}  {self.shown:>5} add-ons  {read_memory():>4.0f} MiB", flush=True)

    async def sweep(self) -> None:
        """Look at every place that is due, and wait until that has been told."""
        await self.parts.sweep.run_once()
        await until_settled(self.parts)
        await eventually(lambda: is_swept(self.parts), within=PATIENCE)


async def run_week(size: Size, seed: int) -> int:
    """Play the week, print what came of it, and return the exit status."""
    clock = Clock()
    clock.freeze(BEGINNING)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headrace-week-")))
        bound = stack.enter_context(bind("127.0.0.1", 0))
        partner = f"http://127.0.0.1:{bound.getsockname()[1]}"
        heroku = await stack.enter_async_context(run(load_world(build_world(25, partner=partner)), clock=clock))
        settings = {**describe(heroku).addon_services[0].settings, "DATABASE_URL": f"sqlite:///{folder}/headrace.db"}
        service = make_service(settings, clock)
        await stack.enter_async_context(serving(service.asgi(), bound))
        parts = find_assembly(service).assemble()
        # As every process of a service and of an emulator does when it has started.
        spare_collector()
        look, began = Look(parts, clock, every=size.pull_requests // 10), time.perf_counter()
        books = await play_week(heroku, size=size, seed=seed, after_slot=look.after_slot, patience=PATIENCE)
        seconds = time.perf_counter() - began
        # Every place is looked at again: the last moves were seen by nobody yet.
        clock.advance(LOOKED_AT_AGAIN)
        await look.sweep()
        await parts.roll_up.count_all()
        figures = await parts.database.read(load_insights, days=14, small_plans=(), now=clock.now())
        rows = await parts.database.read(read_rows)
    problems = [*books.refused, *compare(books, rows), *compare_figures(books, figures)]
    print(f"{books}\n{seconds:.0f} s, {read_memory():.0f} MiB in the end")
    print("\n".join(problems) or "Every provision, deprovision, placement and figure is that of the books.")
    return 1 if problems else 0


async def is_swept(parts: Parts) -> bool:
    return not await parts.database.read(count_batches, now=parts.clock())


async def until_settled(parts: Parts) -> None:
    """Wait until no resource has a workflow that runs."""

    async def is_settled() -> bool:
        return not await parts.database.read(list_running, after="", limit=1)

    await eventually(is_settled, within=PATIENCE)


def read_rows(connection: sa.Connection) -> Rows:
    """Return state, pipeline and stage of every resource; those that are gone have no place."""
    is_current = (placement.c.resource_uuid == resource.c.uuid) & placement.c.valid_to.is_(None)
    query = sa.select(resource.c.uuid, resource.c.state, placement.c.pipeline_id, placement.c.stage).select_from(
        resource.outerjoin(placement, is_current)
    )
    return {row.uuid: (row.state, row.pipeline_id, row.stage) for row in connection.execute(query)}


def compare(books: Books, rows: Rows) -> list[str]:
    """Return what differs."""
    found = [f"{uuid} is not in the books" for uuid in rows.keys() - books.entries.keys()]
    for uuid, entry in books.entries.items():
        state, pipeline_id, stage = rows.get(uuid, ("missing", None, None))
        if state != ("provisioned" if uuid in books.live else "deprovisioned"):
            found.append(f"{uuid}: {state}, and until {entry.until} in the books")
        elif uuid in books.live and (pipeline_id, stage) != books.placements[uuid]:
            found.append(f"{uuid}: in {pipeline_id} {stage}, and {books.placements[uuid]} in the books")
    return found


def compare_figures(books: Books, figures: Insights) -> Iterator[str]:
    """Say which figures of the fleet are not those of the books: who came and went, moves, and who stands where."""
    [week] = [week for week in figures.weeks if week.begins_on == BEGINNING.date()]
    stages = {Stage(stage): count for stage, count in figures.days[-1].by_stage.items() if count}
    for what, wanted, shown in (
        ("gained in the week", books.count_gained(BEGINNING.date(), SUNDAY), week.gained.all),
        ("lost in the week", books.count_lost(BEGINNING.date(), SUNDAY), week.lost.all),
        ("by stage", dict(books.by_stage), stages),
        ("moves", dict(books.moves), {(Stage(m.from_stage), Stage(m.to_stage)): m.count for m in figures.moves}),
    ):
        print(f"{what}: {shown}")
        if wanted != shown:
            yield f"{what}: {shown}, and {wanted} in the books"


def read_memory() -> float:
    return read_mebibytes(os.getpid())


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev week", description=__doc__)
    parser.add_argument("--pull-requests", type=int, default=5_000)
    parser.add_argument("--pipelines", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    configure_logging(level=logging.WARNING)
    size = Size(teams=8, pipelines=options.pipelines, pull_requests=options.pull_requests)
    # The loop that `headrace serve` and `headrace emulate` have.
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        return runner.run(run_week(size, options.seed))


if __name__ == "__main__":
    sys.exit(main())
