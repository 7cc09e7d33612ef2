"""`/metrics`: what is stored and what was asked of Heroku, as Prometheus reads it."""

import re
from collections.abc import Iterable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.testclient import TestClient

from headrace.clock import read_clock
from headrace.emulator import Clock, Switches
from headrace.models import Outcome, Secret, State
from headrace.store.reports.figures.counted_days import save_day
from headrace.store.reports.figures.roll_up import count_day
from headrace.store.sql.database import Database
from headrace.store.sql.tables.schema import placement_check
from headrace.store.state.placements import save_failed_inspection, save_inspection
from headrace.web.programs.metrics import Metrics
from headrace.web.programs.scraping import CONTENT_TYPE, metrics_route
from pair import Pair, play_pair
from store.making import add_resource, decline, id_of, place

TOKEN = "metrics-token-5d1e-of-36-characters-"
ANY_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Scrape = dict[str, dict[tuple[str, ...], float]]


async def scrape(pair: Pair, **headers: str) -> tuple[int, str]:
    async with pair.http.get(f"{pair.url}/metrics", headers=headers) as answer:
        return answer.status, await answer.text()


def parse(text: str) -> Scrape:
    """Return each sample's values by its labels' values, in the order of the labels' names."""
    found: Scrape = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def single(values: dict[tuple[str, ...], float]) -> dict[str, float]:
    """The values by their only label."""
    return {label: value for (label,), value in values.items()}


async def test_the_fleet_is_counted_by_stage_plan_and_state(database_url: str) -> None:
    """Provisioned resources by the stage of their app, the share that is in a pipeline, and how many pipelines."""
    async with play_pair(database_url) as pair:
        await _provision(pair, "shop:basic", "shop:free", "shop-staging:basic", "blog:free", "ada-notes:free")
        gone = await pair.heroku.create_addon("shop-dev", "acme-search:free")
        await pair.settle()
        await pair.heroku.deprovision(gone)
        pair.heroku.switches.pipelines_forbidden = True
        await _provision(pair, "shop-ci:free")
        status, text = await scrape(pair)

        found = parse(text)
        assert 200 == status
        assert {"production": 3, "staging": 1, "none": 1, "unknown": 1} == single(found["headrace_resources_by_stage"])
        assert {"basic": 2, "free": 4} == single(found["headrace_resources_by_plan"])
        assert {"provisioned": 6, "deprovisioned": 1} == single(found["headrace_resources_by_state"])
        assert pytest.approx(4 / 6) == found["headrace_pipelined_resources_ratio"][()]
        assert 2 == found["headrace_pipelines"][()]
        assert 7 == found["headrace_provisioning_seconds_count"][()]
        assert 7 == found["headrace_provisioning_seconds_bucket"]["+Inf",]
        assert 0 < found["headrace_provisioning_seconds_sum"][()] < 7 * 60


async def test_the_histogram_is_cumulated(database_url: str) -> None:
    """Every bucket holds those below it, as Prometheus wants it."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        pair.acme.may_go_on.clear()
        slow = await pair.heroku.create_addon("shop", "acme-search:free")
        clock.advance(timedelta(minutes=2))
        pair.acme.may_go_on.set()
        await pair.settle()
        await _provision(pair, "blog:free")
        found = parse((await scrape(pair))[1])

        buckets = {float(bound): count for (bound,), count in found["headrace_provisioning_seconds_bucket"].items()}
        assert "provisioned" == slow.state
        assert (1, 2, 2) == (buckets[60.0], buckets[300.0], buckets[float("inf")])
        assert [buckets[bound] for bound in sorted(buckets)] == sorted(buckets.values())
        assert pytest.approx(120, abs=60) == found["headrace_provisioning_seconds_sum"][()]


async def test_requests_to_heroku_are_counted_by_endpoint_and_status(sqlite_url: str) -> None:
    """The endpoint has placeholders: no uuid stands in a label, or there would be a series for each resource."""
    async with play_pair(sqlite_url) as pair:
        await _provision(pair, "shop:basic", "blog:basic")
        pair.heroku.switches.pipelines_forbidden = True
        await pair.parts.inspector.inspect(next(iter(pair.heroku.state.addons)).id)
        text = (await scrape(pair))[1]

        requests = parse(text)["headrace_platform_requests_total"]
        by_endpoint = {(endpoint, method): status for endpoint, method, status in requests}
        assert None is ANY_UUID.search(text)
        assert 2 == requests["/oauth/token", "POST", "200"]
        assert {"200"} == {status for (endpoint, method), status in by_endpoint.items() if method == "PATCH"}
        assert 1 == sum(count for (_, _, status), count in requests.items() if status == "403")
        assert sum(requests.values()) >= 13
        assert set(by_endpoint) == set(parse(text)["headrace_platform_request_seconds_total"])


async def test_the_oldest_look_is_told_by_its_age(sqlite_url: str) -> None:
    """One number says how far behind the sweep is; a resource that nobody could look up is counted apart."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        await _provision(pair, "shop:basic")
        clock.advance(timedelta(seconds=100))
        await _provision(pair, "blog:basic")
        found = parse((await scrape(pair))[1])

        assert pytest.approx(100, abs=30) == found["headrace_oldest_placement_check_age_seconds"][()]
        assert 0 == found["headrace_unchecked_resources"][()]


async def test_the_figures_of_the_day_are_gauges_too(database_url: str) -> None:
    """Stage by plan, the opportunities, every move since the first day, and how old these counts are."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        await _provision(pair, "shop:free", "shop-staging:basic")
        await pair.parts.roll_up.count_all()
        found = parse((await scrape(pair))[1])

        assert {("free", "production"): 1, ("basic", "staging"): 1} == found["headrace_resources"]
        assert {
            "production_on_small_plan": 1,
            "staging_without_production": 0,
            "production_without_staging": 0,
        } == single(found["headrace_opportunities"])
        assert found["headrace_figures_age_seconds"][()] < 60


async def test_the_sync_lag_is_of_the_look_that_waits_longest(sqlite_url: str) -> None:
    """Looks by what they found out, and how long the longest has been due; a look to come is no lag."""
    now = read_clock()
    database = Database(sqlite_url)
    with database.transaction() as connection:
        for name, due in (("a", now - timedelta(seconds=90)), ("b", now - timedelta(seconds=30)), ("c", now)):
            add_resource(connection, name, at=now, state=State.PROVISIONED, provisioned_at=now)
            save_inspection(connection, place(name, at=now), next_check_at=due)
        save_failed_inspection(connection, id_of("b"), error="Unreachable", now=now, next_check_at=now)
        save_inspection(connection, decline(Outcome.FORBIDDEN, "c", at=now), next_check_at=now)
        add_resource(connection, "gone", state=State.DEPROVISIONED)
    found = parse((await Metrics(database, clock=lambda: now, small_plans=()).render()).decode())
    with database.transaction() as connection:
        later = now + timedelta(hours=1)
        connection.execute(sa.update(placement_check).values(next_check_at=later))
    # Anew: what took long to count is not counted again at once.
    none_due = parse((await Metrics(database, clock=lambda: now, small_plans=()).render()).decode())
    database.close()

    assert {"placed": 1, "failed": 1, "forbidden": 1} == single(found["headrace_placement_checks"])
    assert (90, 0) == (found["headrace_sync_lag_seconds"][()], none_due["headrace_sync_lag_seconds"][()])


async def test_moves_are_counted_from_the_first_day_on(sqlite_url: str) -> None:
    """To production and back are two moves, whatever the day."""
    now = read_clock()
    database = Database(sqlite_url)
    with database.transaction() as connection:
        add_resource(connection, "a", at=now - timedelta(days=2), state=State.PROVISIONED, provisioned_at=now)
        for days, stage in ((2, "staging"), (1, "production"), (0, "staging")):
            at = now - timedelta(days=days)
            save_inspection(connection, place("a", stage=stage, at=at), next_check_at=at)
            save_day(connection, at.date(), count_day(connection, at.date()), now=now)
    found = parse((await Metrics(database, clock=lambda: now, small_plans=()).render()).decode())
    database.close()

    assert {("staging", "production"): 1, ("production", "staging"): 1} == found["headrace_moves_total"]


@pytest.mark.parametrize(
    ("took", "until", "resources"), [(1.0, 19.9, 0), (1.0, 20.0, 1), (0.05, 0.05, 1)], ids=["rests", "rested", "quick"]
)
async def test_a_store_that_is_slow_to_count_is_counted_less_often(
    sqlite_url: str, *, took: float, until: float, resources: int
) -> None:
    """What took a second is good for nineteen more; what took a twentieth of one is counted at each scrape."""
    now = read_clock()
    database = Database(sqlite_url)
    # Resources are counted first, and then looks at placements.
    times = iter([0.0, took, took, took, until, until, until, until])
    metrics = Metrics(database, clock=lambda: now, small_plans=(), stopwatch=lambda: next(times))
    await metrics.render()
    with database.transaction() as connection:
        add_resource(connection, "a", at=now)
    found = parse((await metrics.render()).decode())
    database.close()

    assert resources == sum(found.get("headrace_resources_by_state", {}).values())


async def test_an_empty_store_has_metrics_too(database_url: str) -> None:
    """Zeroes, not errors, on the first day."""
    async with play_pair(database_url) as pair:
        status, text = await scrape(pair)

        found = parse(text)
        assert 200 == status
        assert (0, 0, 0) == (
            found["headrace_pipelines"][()],
            found["headrace_pipelined_resources_ratio"][()],
            found["headrace_provisioning_seconds_count"][()],
        )


async def test_a_resource_without_a_grant_is_of_unknown_stage_and_never_overdue(sqlite_url: str) -> None:
    """Nobody may ask Heroku about it, so it makes no look late."""
    async with play_pair(sqlite_url, switches=Switches(legacy_body=True)) as pair:
        await _provision(pair, "shop:basic")
        found = parse((await scrape(pair))[1])

        assert {"unknown": 1} == single(found["headrace_resources_by_stage"])
        assert (0, 0) == (
            found["headrace_oldest_placement_check_age_seconds"][()],
            found["headrace_unchecked_resources"][()],
        )


async def test_a_metrics_token_closes_the_door(sqlite_url: str) -> None:
    """With HEADRACE_METRICS_TOKEN only its bearer reads, on a laptop too."""
    async with play_pair(sqlite_url, HEADRACE_METRICS_TOKEN=TOKEN) as pair:
        answers = [
            await scrape(pair, Authorization=value) if value else await scrape(pair)
            for value in ("", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN} ", f"Bearer {TOKEN}")
        ]

        assert [401, 401, 401, 401] == [status for status, _ in answers[:4]]
        assert {"Send HEADRACE_METRICS_TOKEN as a bearer token.\n"} == {text for _, text in answers[:4]}
        assert 200 == answers[5][0]
        assert TOKEN not in "".join(text for _, text in answers)


@pytest.mark.parametrize(
    ("token", "is_local", "status"),
    [(None, True, 200), (None, False, 401), (Secret(TOKEN), True, 401), (Secret(TOKEN), False, 401)],
)
def test_without_a_token_metrics_are_open_on_a_laptop_only(
    sqlite_url: str, *, token: Secret | None, is_local: bool, status: int
) -> None:
    """Who runs against Heroku itself has to choose a token first."""
    database = Database(sqlite_url)
    route = metrics_route(Metrics(database, clock=read_clock, small_plans=("free",)), token=token, is_local=is_local)
    answer = TestClient(Starlette(routes=[route])).get("/metrics")
    database.close()

    assert status == answer.status_code
    assert (CONTENT_TYPE if status == 200 else "text/plain; charset=utf-8") == answer.headers["content-type"]


async def _provision(pair: Pair, *wanted: str) -> None:
    """Provision add-ons named `app:plan`, and wait."""
    for app, plan in _split(wanted):
        await pair.heroku.create_addon(app, f"acme-search:{plan}")
    await pair.settle()


def _split(wanted: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in wanted:
        app, _, plan = text.partition(":")
        yield app, plan
