"""What the fleet tells operators' programs, from the resources of customers to the figures."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import pytest

from browsing import OPERATOR_COOKIE, visit
from pair import Pair, play_pair

SECRET = "planted-operator-secret-of-36-letters"
PATH = "/operators/insights.json"


@asynccontextmanager
async def play(database_url: str) -> AsyncIterator[tuple[Pair, str]]:
    """A service with operators, and the cookie of one who is in."""
    async with play_pair(database_url, HEADRACE_OPERATOR_SECRET=SECRET) as pair:
        page = await visit(pair, "/operators/login", form={"secret": SECRET}, name=OPERATOR_COOKIE)
        assert page.cookie is not None
        yield pair, page.cookie.value


async def ask(pair: Pair, cookie: str, path: str = PATH) -> tuple[int, Any]:
    page = await visit(pair, path, cookie=cookie, name=OPERATOR_COOKIE)
    return page.status, json.loads(page.text)


async def test_the_fleet_is_told_to_operators(database_url: str) -> None:
    """Pipeline `shop` has production and staging; `ada-notes` is in no pipeline, and one resource is gone again."""
    async with play(database_url) as (pair, cookie):
        for app, plan in (("shop", "free"), ("shop-staging", "basic"), ("ada-notes", "free")):
            await pair.heroku.create_addon(app, f"acme-search:{plan}")
        gone = await pair.heroku.create_addon("shop-dev", "acme-search:basic")
        await pair.settle()
        await pair.heroku.deprovision(gone)
        await pair.settle()
        await pair.parts.roll_up.count_all()
        status, told = await ask(pair, cookie)

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


async def test_before_anything_is_counted_there_is_nothing_and_no_error(sqlite_url: str) -> None:
    """Programs find the same members on the first day."""
    async with play(sqlite_url) as (pair, cookie):
        status, told = await ask(pair, cookie, f"{PATH}?days=7")

        assert (200, None, []) == (status, told["coverage"]["share"], told["days"])


@pytest.mark.parametrize("days", ["0", "732", "-1", "a", "٣", "", "9" * 5000])
async def test_days_are_a_number_within_two_years(days: str, sqlite_url: str) -> None:
    """Anything else is said to be wrong."""
    async with play(sqlite_url) as (pair, cookie):
        status, told = await ask(pair, cookie, f"{PATH}?days={quote(days)}")

        assert (400, {"message": "days is a number from 1 to 731."}) == (status, told)


async def test_nobody_else_is_told(sqlite_url: str) -> None:
    """Without a session, with a wrong one, and where there are no operators."""
    async with play(sqlite_url) as (pair, cookie):
        assert 401 == (await ask(pair, ""))[0]
        assert 401 == (await ask(pair, cookie[:-2]))[0]
    async with play_pair(sqlite_url) as pair:
        assert 404 == (await ask(pair, cookie))[0]
