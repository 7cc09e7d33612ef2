"""Other ways to ask Heroku where resources are, each a process: `python -m lab.bench.apart.askers WAY URL COUNT`.

None of them stores anything. Prints what it came to as JSON.
"""

import asyncio
import sys
import warnings
from collections.abc import Callable, Iterable
from time import perf_counter, process_time

import aiohttp
import msgspec

from lab.kit.heroku import PER_PIPELINE, name_id

# Two thirds of what headrace has under way, as in all figures so far.
IN_FLIGHT = 64
SET = b'{"config":[{"name":"ACME_SEARCH_URL","value":"https://search.acme.example/2"}]}'
ACCEPT = {"Accept": "application/vnd.heroku+json; version=3"}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What asking about so many resources took; `cpu` is of the process that asked."""

    resources: int
    requests: int
    seconds: float
    cpu: float


def ask_by_hand(url: str, count: int) -> int:
    """The article's three calls, one after another, on one session of requests."""
    import requests

    session = requests.Session()

    def get(path: str, number: int) -> requests.Response:
        answer = session.get(url + path, headers=_authorize(number))
        answer.raise_for_status()
        return answer

    for number in range(count):
        app_id = get(f"/addons/{name_id('resource', number)}", number).json()["app"]["id"]
        coupling = get(f"/apps/{app_id}/pipeline-couplings", number).json()[0]
        assert get(f"/pipelines/{coupling['pipeline']['id']}", number).json()["name"]
    return 3 * count


def ask_with_heroku3(url: str, count: int) -> int:
    """The same with heroku3, which knows no pipelines: a connection for each token, and its own way to GET."""
    with warnings.catch_warnings(action="ignore"):  # of its own code's escapes
        import heroku3  # type: ignore[import-untyped]

    heroku3.api.HEROKU_URL = url
    for number in range(count):
        # It reads the rate limits first.
        heroku = heroku3.from_key(_token(number))
        app_id = heroku._http_resource("GET", ("addons", name_id("resource", number))).json()["app"]["id"]  # noqa: SLF001
        coupling = heroku._http_resource("GET", ("apps", app_id, "pipeline-couplings")).json()[0]  # noqa: SLF001
        assert heroku._http_resource("GET", ("pipelines", coupling["pipeline"]["id"])).json()["name"]  # noqa: SLF001
    return 4 * count


def ask_bare_first(url: str, count: int) -> int:
    """The requests of headrace's first pass by bare aiohttp, of which nothing is read but the bytes."""
    paths = []
    for number in range(count):
        paths += [
            (number, f"/addons/{name_id('resource', number)}"),
            (number, f"/apps/{name_id('app', number)}/pipeline-couplings"),
        ]
        if number % PER_PIPELINE == 0:
            paths.append((number, f"/pipelines/{name_id('pipeline', number // PER_PIPELINE)}"))
    return asyncio.run(_ask_bare(url, paths, {}))


def ask_bare_again(url: str, count: int) -> int:
    """One conditional read for each resource by bare aiohttp, answered with a 304."""
    paths = ((number, f"/apps/{name_id('app', number)}/pipeline-couplings") for number in range(count))
    return asyncio.run(_ask_bare(url, paths, {"If-None-Match": 'W/"1"'}))


def set_bare(url: str, count: int) -> int:
    """A config var of each resource set by bare aiohttp: the request that headrace sends, and nothing kept."""
    return asyncio.run(_set_bare(url, count))


async def _set_bare(url: str, count: int) -> int:
    left = iter(range(count))
    kind = {"Content-Type": "application/json"}

    async def work(session: aiohttp.ClientSession) -> None:
        for number in left:
            path = f"{url}/addons/{name_id('resource', number)}/config"
            async with session.patch(path, data=SET, headers=_authorize(number) | kind) as answer:
                await answer.read()
                assert answer.status == 200

    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        await asyncio.gather(*(work(session) for _ in range(IN_FLIGHT)))
    return count


async def _ask_bare(url: str, paths: Iterable[tuple[int, str]], headers: dict[str, str]) -> int:
    left, asked = iter(paths), 0

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal asked
        for number, path in left:
            async with session.get(url + path, headers=_authorize(number) | headers) as answer:
                await answer.read()
                assert answer.status in (200, 304)
            asked += 1

    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        await asyncio.gather(*(work(session) for _ in range(IN_FLIGHT)))
    return asked


def _token(number: int) -> str:
    return f"HRKU-AA{number:058}"


def _authorize(number: int) -> dict[str, str]:
    return ACCEPT | {"Authorization": f"Bearer {_token(number)}"}


WAYS: dict[str, Callable[[str, int], int]] = {
    "hand": ask_by_hand,
    "heroku3": ask_with_heroku3,
    "bare-first": ask_bare_first,
    "bare-again": ask_bare_again,
    "bare-set": set_bare,
}


def main() -> None:
    way, url, count = sys.argv[1:]
    began, began_cpu = perf_counter(), process_time()
    requests = WAYS[way](url, int(count))
    asked = Asked(
        resources=int(count), requests=requests, seconds=perf_counter() - began, cpu=process_time() - began_cpu
    )
    print(msgspec.json.encode(asked).decode())


if __name__ == "__main__":
    main()
