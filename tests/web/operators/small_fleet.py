"""A small fleet, and an operator who looks at it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from browsing import OPERATOR_COOKIE, Page, visit
from pair import Pair, play_pair

SECRET = "planted-operator-secret-of-36-letters"


@asynccontextmanager
async def play(database_url: str) -> AsyncIterator[tuple[Pair, str]]:
    """A service with operators, and the cookie of one who is in."""
    async with play_pair(database_url, HEADRACE_OPERATOR_SECRET=SECRET, HEADRACE_SMALL_PLANS="free") as pair:
        page = await visit(pair, "/operators/login", form={"secret": SECRET}, name=OPERATOR_COOKIE)
        assert page.cookie is not None
        yield pair, page.cookie.value


async def look(pair: Pair, cookie: str, path: str) -> Page:
    return await visit(pair, path, cookie=cookie, name=OPERATOR_COOKIE)


async def make_fleet(pair: Pair) -> None:
    """Pipeline `shop` has production and staging; `ada-notes` is in no pipeline, and one resource is gone again."""
    for app, plan in (("shop", "free"), ("shop-staging", "basic"), ("ada-notes", "free")):
        await pair.heroku.create_addon(app, f"acme-search:{plan}")
    gone = await pair.heroku.create_addon("shop-dev", "acme-search:basic")
    await pair.settle()
    await pair.heroku.deprovision(gone)
    await pair.settle()
    await pair.parts.roll_up.count_all()
