"""The API for a partner's own programs."""

from datetime import timedelta
from typing import Any

import pytest

from headrace.emulator import Clock
from pair import Pair, play_pair

TOKEN = "api-token-of-36-letters-0a1b2c3d4e5f"
UUID = "01234567-89ab-cdef-0123-456789abcdef"
BODY = {"uuid": UUID, "plan": "basic", "refresh_token": "planted-refresh-token"}


async def ask(pair: Pair, method: str, path: str = "", *, token: str = TOKEN, **options: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with pair.http.request(method, f"{pair.url}/api/resources{path}", headers=headers, **options) as answer:
        return answer.status, await answer.json()


async def test_without_a_token_there_is_no_api(sqlite_url: str) -> None:
    """Its addresses are like any that nothing is at."""
    async with play_pair(sqlite_url) as pair:
        assert 404 == (await ask(pair, "POST", json=BODY))[0]


@pytest.mark.parametrize("token", ["", TOKEN[:-1], TOKEN + "x", "é" * 36])
async def test_who_does_not_know_the_token_learns_nothing(sqlite_url: str, token: str) -> None:
    """Not even whether a resource is there, or whether the body could be read."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=TOKEN) as pair:
        asked = [
            await ask(pair, method, path, token=token, data=b"{")
            for method, path in (("POST", ""), ("GET", f"/{UUID}"), ("GET", f"/{UUID}/placements"))
        ]

        assert [401] * 3 == [status for status, _ in asked]


async def test_a_resource_is_imported_once(sqlite_url: str) -> None:
    """201, then 200; what cannot be read is 400 and says what; nothing is answered that was a secret."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=TOKEN) as pair:
        bodies: list[Any] = [BODY, BODY, BODY | {"uuid": "x"}, []]
        answers = [await ask(pair, "POST", json=body) for body in bodies]
        status, shown = await ask(pair, "GET", f"/{UUID}")

        assert [201, 200, 400, 400] == [status for status, _ in answers]
        assert ["new", "same"] == [answer["change"] for _, answer in answers[:2]]
        assert "uuid" in answers[2][1]["message"]
        assert (200, "basic", None) == (status, shown["plan"], shown["placement"])
        assert "planted" not in str((answers, shown))


async def test_where_a_resource_is_and_was(sqlite_url: str) -> None:
    """Its whole history, and its place at a moment: before the first, in the middle, now."""
    clock = Clock()
    async with play_pair(sqlite_url, clock=clock, HEADRACE_API_TOKEN=TOKEN) as pair:
        addon = await pair.heroku.create_addon("shop-staging", "acme-search:basic")
        await pair.settle()
        clock.advance(timedelta(days=1))
        between = clock.now()
        clock.advance(timedelta(days=1))
        pair.heroku.move("shop-staging", "production")
        await pair.parts.inspector.inspect(addon.id)
        _, history = await ask(pair, "GET", f"/{addon.id}/placements")
        early = between - timedelta(days=9)
        places = [
            (await ask(pair, "GET", f"/{addon.id}", params=params))[1]["placement"]
            for params in ({"as_of": early.isoformat()}, {"as_of": between.isoformat()}, {})
        ]

        assert ["staging", "production"] == [place["stage"] for place in history["placements"]]
        assert [None, "staging", "production"] == [place and place["stage"] for place in places]
        assert ["shop", None] == [places[2]["pipeline"], places[2]["valid_to"]]


@pytest.mark.parametrize("as_of", ["yesterday", "2026-11-24T12:00:00", "0001-01-01T00:00:00+14:00"])
async def test_a_moment_that_is_none_is_refused(sqlite_url: str, as_of: str) -> None:
    """A moment without a time zone is not one either."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=TOKEN) as pair:
        await ask(pair, "POST", json=BODY)
        status, answer = await ask(pair, "GET", f"/{UUID}", params={"as_of": as_of})

        assert (400, True) == (status, "as_of" in answer["message"])


async def test_an_unknown_resource_is_404(sqlite_url: str) -> None:
    """A uuid that is none is 400."""
    async with play_pair(sqlite_url, HEADRACE_API_TOKEN=TOKEN) as pair:
        asked = [await ask(pair, "GET", path) for path in (f"/{UUID}", f"/{UUID}/placements", "/x", "/x/placements")]

        assert [404, 404, 400, 400] == [status for status, _ in asked]
