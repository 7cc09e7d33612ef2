"""Panels asked for numbers, once a day for each resource, by whichever worker."""

from datetime import date, timedelta

from browsing import provision
from headrace.emulator import Clock
from headrace.hooks.arguments import Resource
from headrace.hooks.panel import Panel
from headrace.models import Stage
from headrace.store.reports.figures.panel_metrics import StageSum, sum_panel_metrics
from headrace.workflows.lifecycle.panels import Panels
from pair import Acme, Pair, play_pair

KEPT_DAYS = "2"


class Indexes:
    """A partner whose panels count documents, and fail for the resources in `broken`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken: set[str] = set()
        self.documents = 10

    def show(self, resource: Resource) -> Panel | None:
        self.asked.append(resource.uuid)
        if resource.uuid in self.broken:
            raise RuntimeError("no such index")
        return Panel(metrics={"documents": self.documents})


def renew(pair: Pair) -> Panels:
    """Another worker, or the same one when it has rested: the pair's own had nobody to ask at its start, and rests."""
    parts = pair.parts
    return Panels(parts, parts.hooks, parts.redaction, parts.panels.failures, keep=parts.settings.panel_metrics_for)


async def list_sums(pair: Pair, *days: date) -> list[StageSum]:
    return await pair.parts.database.read(sum_panel_metrics, days)


async def test_numbers_are_kept_once_a_day_with_the_stage_of_that_moment(database_url: str) -> None:
    """What is kept of a day stands, wherever the app goes later."""
    clock, indexes = Clock(), Indexes()
    async with play_pair(
        database_url, acme=Acme(panel=indexes.show), clock=clock, HEADRACE_PANEL_METRICS_DAYS=KEPT_DAYS
    ) as pair:
        addon, other = await provision(pair, "shop-staging"), await provision(pair, "ada-notes")
        monday = clock.now().date()
        await renew(pair).run_once()
        asked = list(indexes.asked)
        await renew(pair).run_once()
        indexes.documents = 12
        clock.advance(timedelta(days=1))
        pair.heroku.move("shop-staging", Stage.PRODUCTION)
        await pair.parts.inspector.inspect(addon.id)
        await renew(pair).run_once()
        tuesday = monday + timedelta(days=1)

        assert {addon.id, other.id} == set(asked)
        assert 2 == len(indexes.asked) - len(asked)
        assert [
            StageSum(monday, "documents", "none", 10.0, 1),
            StageSum(monday, "documents", "staging", 10.0, 1),
            StageSum(tuesday, "documents", "none", 12.0, 1),
            StageSum(tuesday, "documents", "production", 12.0, 1),
        ] == await list_sums(pair, monday, tuesday)


async def test_what_failed_is_asked_again_and_costs_the_others_nothing(sqlite_url: str) -> None:
    """Nothing is kept of it until it answers, and what answered is left alone."""
    indexes = Indexes()
    async with play_pair(sqlite_url, acme=Acme(panel=indexes.show), HEADRACE_PANEL_METRICS_DAYS=KEPT_DAYS) as pair:
        addon, other = await provision(pair, "shop"), await provision(pair, "ada-notes")
        indexes.broken.add(addon.id)
        await renew(pair).run_once()
        today = pair.parts.clock().date()
        first = await list_sums(pair, today)
        indexes.broken.clear()
        await renew(pair).run_once()

        assert [("none", 1)] == [(each.stage, each.resources) for each in first]
        assert [("none", 1), ("production", 1)] == [(e.stage, e.resources) for e in await list_sums(pair, today)]
        assert indexes.asked.count(addon.id) > indexes.asked.count(other.id)


async def test_old_numbers_are_forgotten(sqlite_url: str) -> None:
    """After as many days as the setting says."""
    clock, indexes = Clock(), Indexes()
    async with play_pair(
        sqlite_url, acme=Acme(panel=indexes.show), clock=clock, HEADRACE_PANEL_METRICS_DAYS=KEPT_DAYS
    ) as pair:
        await provision(pair, "shop")
        days = [clock.now().date() + timedelta(days=number) for number in range(4)]
        for _ in days:
            await renew(pair).run_once()
            clock.advance(timedelta(days=1))

        assert days[1:] == [each.day for each in await list_sums(pair, *days)]


async def test_nobody_is_asked_where_nothing_is_to_be_kept(sqlite_url: str) -> None:
    """As it is by default."""
    indexes = Indexes()
    async with play_pair(sqlite_url, acme=Acme(panel=indexes.show)) as pair:
        await provision(pair, "shop")
        await pair.parts.panels.run_once()

        assert [] == indexes.asked
