"""Finding resources by the API, by the same filters as in a partner's own code."""

from datetime import timedelta
from typing import Any

import pytest

from headrace.emulator import Clock
from ordering import provision
from pair import Pair, play_pair
from web.programs.calling import UUID, call, make_token


async def find(pair: Pair, token: str, **filters: Any) -> list[str]:
    params = [
        (name, text) for name, value in filters.items() for text in ([value] if isinstance(value, str) else value)
    ]
    status, page = await call(pair, "GET", "/resources", token, params=params)
    assert 200 == status, page
    return [resource["placement"]["app"] for resource in page["resources"]]


async def test_resources_are_found_by_what_they_are(database_url: str) -> None:
    """One value or several of a filter; several filters narrow each other."""
    async with play_pair(database_url) as pair:
        token = await make_token(pair)
        shop, staging = await provision(pair, "shop"), await provision(pair, "shop-staging", plan="free")
        await provision(pair, "ada-notes")

        assert ["shop", "shop-staging", "ada-notes"] == await find(pair, token)
        assert ["shop", "ada-notes"] == await find(pair, token, plan="basic")
        assert ["shop", "shop-staging"] == await find(pair, token, stage=["staging", "production"])
        assert ["ada-notes"] == await find(pair, token, stage="none")
        assert ["shop"] == await find(pair, token, pipeline="shop", plan=["basic"])
        assert ["shop-staging"] == await find(pair, token, uuid=staging.id)
        assert ["shop"] == await find(pair, token, name=shop.name, state="provisioned")
        assert [] == await find(pair, token, state="failed")


async def test_pages_follow_each_other_to_the_end(sqlite_url: str) -> None:
    """`next` is the `after` of the next one, and null at the end."""
    async with play_pair(sqlite_url) as pair:
        token = await make_token(pair)
        for app in ("shop", "shop-staging", "blog"):
            await provision(pair, app)
        seen: list[list[str]] = []
        after: dict[str, str] = {}
        while True:
            _, page = await call(pair, "GET", "/resources", token, params={"limit": "2", **after})
            seen.append([resource["placement"]["app"] for resource in page["resources"]])
            if page["next"] is None:
                break
            after = {"after": page["next"]}

        assert [["shop", "shop-staging"], ["blog"]] == seen


async def test_what_a_resource_was_at_a_moment(sqlite_url: str) -> None:
    """Its plan and place then, with when it left that; what was made later is left out."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock) as pair:
        token = await make_token(pair)
        addon = await provision(pair, "shop-staging")
        clock.advance(timedelta(days=1))
        between = clock.now()
        clock.advance(timedelta(days=1))
        pair.heroku.move("shop-staging", "production")
        await pair.parts.inspector.inspect(addon.id)
        await provision(pair, "shop")
        _, then = await call(pair, "GET", "/resources", token, params={"as_of": between.isoformat()})

        [resource] = then["resources"]
        assert ("staging", "shop") == (resource["placement"]["stage"], resource["placement"]["pipeline"])
        assert resource["placement"]["valid_to"] is not None


async def test_siblings_are_the_others_in_the_pipeline(sqlite_url: str) -> None:
    """With stage, app and plan, and when Heroku last told of them."""
    async with play_pair(sqlite_url) as pair:
        token = await make_token(pair)
        shop = await provision(pair, "shop")
        staging = await provision(pair, "shop-staging", plan="free")
        blog = await provision(pair, "blog")
        _, told = await call(pair, "GET", f"/resources/{shop.id}/siblings", token)
        _, alone = await call(pair, "GET", f"/resources/{blog.id}/siblings", token)

        [sibling] = told["siblings"]
        assert (staging.id, "free", "staging") == (sibling["uuid"], sibling["plan"], sibling["placement"]["stage"])
        assert sibling["checked_at"] is not None
        assert [] == alone["siblings"]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("plna=basic", 400, "plna: is no filter. There are uuid, name, state,"),
        ("state=sleeping", 422, "There is no state 'sleeping'"),
        ("uuid=x", 400, "uuid is not a UUID."),
        ("plan=%00", 400, "plan: holds a NUL character."),
        ("made_after=yesterday", 400, "made_after: is not a moment with a time zone"),
        ("limit=0", 400, "limit: is not a number from 1 to 1,000."),
        ("limit=99999999999999", 400, "limit: is not a number"),
        ("after=x", 422, "`after` takes the `next` of a page"),
    ],
)
async def test_a_filter_that_is_none_is_refused(sqlite_url: str, query: str, status: int, said: str) -> None:
    """By name: a slip of the pen would else be a list of everything."""
    async with play_pair(sqlite_url, has_worker=False) as pair:
        found, told = await call(pair, "GET", f"/resources?{query}", await make_token(pair))

        assert (status, True) == (found, said in told["message"]), told


async def test_siblings_of_nobody_are_404(sqlite_url: str) -> None:
    async with play_pair(sqlite_url, has_worker=False) as pair:
        token = await make_token(pair)

        assert 404 == (await call(pair, "GET", f"/resources/{UUID}/siblings", token))[0]
