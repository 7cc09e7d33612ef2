"""What the fleet tells operators and their programs, from the resources of customers to the figures."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import timedelta
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from headrace.clock import read_clock
from headrace.fleet.definitions import DEFINITIONS
from headrace.fleet.insights import DAY
from headrace.fleet.overview import Overview
from headrace.models import Stage, State
from headrace.store.state.notices import NoticeKind, raise_notice
from headrace.store.state.panel_metrics import save_panel_metrics
from headrace.store.state.placements import save_inspection
from headrace.web.ground.compression import LEVEL
from pair import Pair, play_pair
from store.making import HOUR, NOON, add_resource, place
from web.operators.small_fleet import look, make_fleet, play

PATH = "/operators.json"
MINUS = "\u2212"
DEFINITION = re.compile(r'href="/operators/definitions#([^"]+)"')


async def ask(pair: Pair, cookie: str, path: str = PATH) -> tuple[int, Any]:
    page = await look(pair, cookie, path)
    return page.status, json.loads(page.text)


async def test_the_fleet_is_told_to_operators(database_url: str) -> None:
    """Two in one pipeline, one in none, one gone; and what the service is about at the moment."""
    async with play(database_url) as (pair, cookie):
        await make_fleet(pair)
        status, overview = await ask(pair, cookie)
        told = overview["figures"]

        assert 200 == status
        assert {
            "resources": 3,
            "in_pipeline": 2,
            "uncoupled": 1,
            "unknown": 0,
            "pipelines": 1,
            "pipelines_at_several_stages": 1,
            "share": pytest.approx(2 / 3),
        } == told["coverage"]
        assert {"production": {"free": 1}, "staging": {"basic": 1}, "none": {"free": 1}} == told["by_stage_and_plan"]
        assert {"all": 2.0, "lasting": 2.0} == told["days"][-1]["per_pipeline"]
        assert (4, 1) == (told["weeks"][-1]["gained"]["all"], told["weeks"][-1]["lost"]["all"])
        assert {
            "production_on_small_plan": 1,
            "staging_without_production": 0,
            "production_without_staging": 0,
        } == told["opportunities"]
        assert ["shop"] == [pipeline["name"] for pipeline in told["largest_pipelines"]]
        assert ([], 4, 0) == (overview["latest_moves"], overview["provisions"]["count"], overview["open_notices"])
        assert 0 < overview["provisions"]["p95_seconds"] < 60


async def test_the_page_shows_what_its_json_tells(database_url: str) -> None:
    """Headline figures, the stages of the chart, the cell that matters, and where an opportunity leads."""
    async with play(database_url) as (pair, cookie):
        await make_fleet(pair)
        page = await look(pair, cookie, "/operators?days=7")

        assert 200 == page.status
        assert all(
            text in page.text
            for text in (
                '<dd><a href="/operators/pipelines">66.7<small> %</small></a></dd>',
                '<dd><a href="/operators/resources?stage=production">1</a></dd>',
                'href="/operators/resources?stage=production&amp;region=amazon-web-services%3A%3Aus-east-1">1</a>',
                '<polygon class="band" data-stage="production"',
                'href="/operators/resources?stage=production&amp;plan=free">1<span class="sr"> on a small plan',
                'href="/operators/resources?stage=production&amp;small_plan=1"',
                'href="/operators/pipelines?has=staging&amp;without=production"',
                'href="/operators?days=7" aria-current="true"',
                'href="/operators.json?days=7"',
            )
        )
        assert not re.search(r"<[^>]+ style=", page.text)


async def test_a_partners_own_numbers_stand_by_stage(sqlite_url: str) -> None:
    """Of the latest day that is over, with the change in a week; without any there is no such table."""
    async with play(sqlite_url) as (pair, cookie):
        await make_fleet(pair)
        before = await look(pair, cookie, "/operators")
        with pair.parts.database.transaction() as connection:
            uuid = add_resource(connection, "kept", state=State.PROVISIONED, provisioned_at=NOON)
            save_inspection(connection, place("kept", "shop", "production"), next_check_at=NOON)
            for days, value in ((1, 12_408), (8, 13_000)):
                day = pair.parts.clock().date() - days * DAY
                save_panel_metrics(connection, uuid, day, {"kept_documents": value})
        await pair.parts.roll_up.count_all()
        page = await look(pair, cookie, "/operators")
        _, told = await ask(pair, cookie)

        assert "Your own metrics by stage" not in before.text
        assert '<th scope="row">Kept documents</th><td class="num">12,408</td>' in page.text
        assert f'<td class="num">{MINUS}592</td>' in page.text
        assert [({"production": 12_408.0}, 13_000.0)] == [
            (each["by_stage"], each["week_earlier"]) for each in told["own_metrics"]
        ]


async def test_every_figure_leads_to_its_definition(sqlite_url: str) -> None:
    """The overview names every figure, and all that it links to is there."""
    async with play(sqlite_url) as (pair, cookie):
        await make_fleet(pair)
        with pair.parts.database.transaction() as connection:
            move = place("mover", "shop", "production", at=NOON + HOUR)
            uuid = add_resource(connection, "mover", state=State.PROVISIONED, provisioned_at=NOON)
            for inspection in (place("mover", "shop", "staging"), move):
                save_inspection(connection, inspection, next_check_at=NOON)
            raise_notice(connection, uuid, NoticeKind.EVENT_FAILED, now=NOON)
            save_panel_metrics(connection, uuid, NOON.date(), {"documents": 12})
        await pair.parts.roll_up.count_all()
        await pair.parts.roll_up.count(pair.parts.clock().date() - DAY)
        page = await look(pair, cookie, "/operators?days=731")
        definitions = (await look(pair, cookie, "/operators/definitions")).text
        told = json.loads((await look(pair, cookie, "/operators/definitions.json")).text)

        assert set(DEFINITIONS) == set(DEFINITION.findall(page.text))
        anchors = {*DEFINITIONS, *NoticeKind}
        assert anchors <= set(re.findall(r'<div id="([^"]+)"', definitions))
        assert anchors == {each["id"] for each in told["figures"]} | {each["kind"] for each in told["notices"]}


def test_every_member_of_the_json_is_defined() -> None:
    """But for the window that was asked for, and when it was counted."""
    paths = {path for definition in DEFINITIONS.values() for path in definition.paths}
    windows = {f"figures.{name}" for name in ("since", "until", "counted_at")} | {
        "figures.days[].day",
        "figures.weeks[].begins_on",
        "figures.weeks[].is_over",
    }

    undefined = {path for path in list_paths(Overview) if not any(path.startswith(known) for known in paths)}
    assert windows == undefined


def list_paths(kind: Any, path: str = "") -> Iterator[str]:
    """The members of a dataclass and of those in it, as far down as a definition may go."""
    for name, member in get_type_hints(kind).items():
        here = f"{path}.{name}" if path else name
        inner = [each for each in (member, *get_args(member)) if is_dataclass(each)]
        if not inner or here.count(".") == 2:
            yield here
        for each in inner:
            if here.count(".") < 2:
                yield from list_paths(each, f"{here}[]" if get_args(member) and get_origin(member) is tuple else here)


async def test_the_first_page_says_what_will_be_there(sqlite_url: str) -> None:
    """Not counted yet, and counted without a resource: a command that changes it, and no chart."""
    async with play(sqlite_url) as (pair, cookie):
        await pair.parts.roll_up.count_all()
        page = await look(pair, cookie, "/operators")

        assert (200, True, False) == (page.status, "heroku addons:create acme-search" in page.text, "<svg" in page.text)


async def test_before_anything_is_counted_there_is_nothing_and_no_error(sqlite_url: str) -> None:
    """Programs find the same members on the first day."""
    async with play(sqlite_url) as (pair, cookie):
        status, told = await ask(pair, cookie, f"{PATH}?days=7")

        figures = told["figures"]
        assert (200, None, []) == (status, figures["coverage"]["share"], figures["days"])


@pytest.mark.parametrize("days", ["0", "732", "-1", "a", "٣", "", "9" * 5000])
async def test_days_are_a_number_within_two_years(days: str, sqlite_url: str) -> None:
    """Anything else is said to be wrong."""
    async with play(sqlite_url) as (pair, cookie):
        status, told = await ask(pair, cookie, f"{PATH}?days={quote(days)}")

        page = await look(pair, cookie, f"/operators?days={quote(days)}")
        assert (400, {"message": "days is a number from 1 to 731."}) == (status, told)
        assert (400, True) == (page.status, told["message"] in page.text)


async def test_nobody_else_is_told(sqlite_url: str) -> None:
    """Without a session, with a wrong one, and where there are no operators."""
    async with play(sqlite_url) as (pair, cookie):
        assert 401 == (await ask(pair, ""))[0]
        assert 401 == (await ask(pair, cookie[:-2]))[0]
    async with play_pair(sqlite_url) as pair:
        assert 404 == (await ask(pair, cookie))[0]


@pytest.mark.long
async def test_an_overview_with_weeks_of_history_is_light(sqlite_url: str) -> None:
    """At most 30 KB on the wire, compressed as the service does it; also with figures of many digits, for a year."""
    async with play(sqlite_url) as (pair, cookie):
        await pair.parts.database.write(live_for_weeks)
        await pair.parts.roll_up.count_all()
        pages = [(await look(pair, cookie, f"/operators{days}")).text for days in ("", "?days=365")]

    assert all("a-partner-with-a-long-name" in page for page in pages)
    assert [] == [size for page in pages if (size := len(gzip.compress(page.encode(), LEVEL))) > 30_000]


def live_for_weeks(connection: sa.Connection) -> None:
    """Sixty weeks of apps that come to pipelines at every stage, move on, and go; some provisions failed."""
    now = read_clock()
    for number in range(840):
        at = now - timedelta(hours=12 * number)
        name, stage = f"acme-{number}", (*Stage, "a-stage-of-tomorrow")[number % 6]
        pipeline = f"a-partner-with-a-long-name-{number % 40}" if number % 7 else None
        failed = {"state": State.FAILED} if number % 50 == 0 else {"state": State.PROVISIONED, "provisioned_at": at}
        uuid = add_resource(connection, name, at=at, plan=f"plan-{number % 9}", **failed)
        save_inspection(connection, place(name, pipeline, stage, app=f"app-{number}", at=at), next_check_at=now)
        later = at + timedelta(hours=11)
        if number % 3 == 0 and later < now:
            found = place(name, pipeline, "production", app=f"app-{number}", at=later)
            save_inspection(connection, found, next_check_at=now)
        if number % 50 == 0:
            raise_notice(connection, uuid, NoticeKind.PROVISION_FAILED, now=at, step="run_hook", reason="RuntimeError")
