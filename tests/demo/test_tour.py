"""The tour of `headrace demo`, driven through its page: what a step says is what the board and the operators see."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html import unescape
from typing import Any

import aiohttp
import httpx2

from headrace.demo.acme import Cloud
from headrace.demo.hands import Hands, find_card, list_cards
from headrace.demo.page import TourPage
from headrace.demo.show import touring
from headrace.demo.steps import ADA, FAILING_APP, MOVING_APP, STEPS, Places, Scene, Step, Tell
from headrace.demo.tour import Tour
from headrace.testing import eventually
from headrace.web.ground.csrf import mask_csrf

PATIENCE = timedelta(seconds=200)
# Nobody looks, so nothing is left there to be looked at.
LASTS = timedelta(0)
# Of the weeks that are over the overview shows so many at least; each brought more than these.
WEEKS_SHOWN, FEW = 4, 5
SHOWN = "on the board SOME s later. It goes in 0 s."
PROMOTED = (
    "Promoted storefront-staging: storefront is at release v3, and Acme has rebuilt its index; "
    "on the board SOME s later."
)
GONE = "The app NEW is gone, and Acme has removed its index."
AWAY = "Heroku answers nobody, and the board says that it may not be complete. Back in 0 s."
MENDED = "Acme's support gave ada-notes one more index, an operator pressed Retry, and it is provisioned."
FAILED_AGAIN = "The resource acme-search-ada-notes was removed, added again, and has failed again."


@dataclass(kw_only=True)
class Watcher:
    """Somebody at the page of the tour, who sees Ada's board and the operators' pages as well."""

    page: TourPage
    session: aiohttp.ClientSession
    hands: Hands
    said: list[str] = field(default_factory=list)

    async def play(self, key: str) -> list[str]:
        """Press a button of the page, and return what the page says once the step is over."""
        csrf = re.search(r'name="csrf" value="([^"]+)"', await self.read())
        assert csrf is not None
        address = f"{self.page.places.tour}/steps/{key}"
        async with self.session.post(address, data={"csrf": unescape(csrf[1])}, allow_redirects=False) as answer:
            assert (303, f"/#step-{key}") == (answer.status, answer.headers["Location"])
        await eventually(lambda: self.page.tour.playing is None, within=PATIENCE)
        told = re.search(rf'aria-label="What step {key} has come to">(.*?)</ul>', await self.read(), re.DOTALL)
        assert told is not None
        return [unescape(line) for line in re.findall(r"<li>(.*?)</li>", told[1])]

    async def read(self, address: str = "") -> str:
        async with self.session.get(address or self.page.places.tour) as answer:
            return await answer.text()

    async def count_incidents(self) -> int:
        return len((await self.hands.read_operators("/operators/incidents.json"))["open"])

    async def read_figures(self) -> Any:
        return (await self.hands.read_operators("/operators.json"))["figures"]

    async def find_stage(self, app: str) -> str | None:
        found = find_card(await self.hands.look(), app)
        return found[0] if found else None


@asynccontextmanager
async def watching() -> AsyncIterator[Watcher]:
    said: list[str] = []
    async with touring(said.append, lasts=LASTS) as page, aiohttp.ClientSession() as session:
        places = page.places
        async with Hands(heroku=places.heroku, service=places.service, secret=page.secret) as hands:
            await hands.open_board(MOVING_APP, ADA)
            await hands.log_in_as_operator()
            yield Watcher(page=page, session=session, hands=hands, said=said)


def mask(lines: list[str]) -> list[str]:
    """Put words in place of seconds that differ, and of the name that Heroku makes up for a review app."""
    return [re.sub(r"storefront-[0-9a-f]{12}", "NEW", re.sub(r"\d+\.\d s", "SOME s", line)) for line in lines]


async def test_each_step_shows_where_it_says() -> None:
    """An app moves, a release comes, Heroku goes and returns, what failed is mended, a review app comes and goes."""
    async with watching() as watcher:
        before = await watcher.count_incidents()
        moved = mask(await watcher.play("1"))
        stage = await watcher.find_stage(MOVING_APP)
        promoted, away = mask(await watcher.play("2")), await watcher.play("3")
        mended = await watcher.play("4")
        after = await watcher.count_incidents()
        review = mask(await watcher.play("5"))
        again = [await watcher.play("4"), mask(await watcher.play("1"))]
        board = await watcher.hands.look()
        [notes] = [card for _, card in list_cards(board) if card["app"] == FAILING_APP]
        story = await watcher.hands.read_operators(f"/operators/resources/{notes['uuid']}.json")

    assert ["Moved ledger-api-staging to production; on the board SOME s later."] == moved
    assert ("production", ["Moved ledger-api-staging to staging; on the board SOME s later."]) == (stage, again[1])
    assert [PROMOTED] == promoted
    assert [AWAY, "Heroku answers again, and everything is back."] == away
    assert ((1, 0), [MENDED], [FAILED_AGAIN, MENDED]) == ((before, after), mended, again[0])
    assert ("provisioned", ["operator.retried"]) == (notes["state"], list_orders(story))
    assert [
        f"The app NEW has come with pull request 430; {SHOWN}",
        "The app NEW is gone, and Acme has removed its index.",
    ] == review


def list_orders(story: Any) -> list[str]:
    return [event["name"] for event in story["events"] if event["name"].startswith("operator.")]


async def test_the_weeks_before_are_there_to_be_looked_at() -> None:
    """Six weeks of what came and went, three moves, and one failure; and the page says that they are made up."""
    async with watching() as watcher:

        async def is_counted() -> bool:
            weeks = (await watcher.read_figures())["weeks"]
            return len(weeks) > WEEKS_SHOWN and all(week["gained"]["all"] > FEW for week in weeks if week["is_over"])

        await eventually(is_counted, within=PATIENCE)
        figures, page = await watcher.read_figures(), await watcher.read()

    moves = {(move["from_stage"], move["to_stage"]): move["count"] for move in figures["moves"]}
    assert {("staging", "production"): 2, ("development", "staging"): 1} == moves
    assert f"{watcher.page.gone} review apps that have come and gone were written" in page
    assert [True] * 5 == [f"{step.key}. {step.title}" in page for step in STEPS]


@dataclass
class Held:
    """A step that goes on until it is let go."""

    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, _scene: Scene, tell: Tell) -> None:
        tell("It has begun.")
        await self.may_go_on.wait()
        tell("It is over.")


async def fail(_scene: Scene, _tell: Tell) -> None:
    raise TimeoutError


def build_tour(said: list[str], *steps: Step) -> Tour:
    hands = Hands(heroku="http://127.0.0.1:1", service="http://127.0.0.1:1", secret="")
    return Tour(scene=Scene(hands=hands, cloud=Cloud()), say=said.append, steps=steps)


async def test_a_step_is_not_begun_while_one_is_playing() -> None:
    """Pressed twice, or while another plays, it does nothing but say so; afterwards it may be played again."""
    said: list[str] = []
    held, fails = Held(), replace(STEPS[1], play=fail)
    async with watching_nothing(build_tour(said, replace(STEPS[0], play=held.play), fails)) as tour:
        first = await tour.begin("1")
        refused = [await tour.begin("1"), await tour.begin("2")]
        held.may_go_on.set()
        await eventually(lambda: tour.playing is None)
        failed, again = await tour.begin("2"), await tour.begin("1")
        await eventually(lambda: tour.playing is None)

    assert (True, [False, False], True, True) == (first, refused, failed, again)
    assert {"1": ["It has begun.", "It is over."], "2": ["This did not work: TimeoutError"]} == tour.told
    assert ["Wait until “An app moves” is over."] * 2 == [line[5:] for line in said if "Wait" in line]


@asynccontextmanager
async def watching_nothing(tour: Tour) -> AsyncIterator[Tour]:
    async with tour.scene.hands:
        yield tour
    await tour.end()


async def test_no_other_page_plays_a_step() -> None:
    """A form without the page's own token is refused, and so is what another site sends, or asks under its name."""
    places = Places(tour="", service="", heroku="", console="", board="")
    async with watching_nothing(build_tour([], *STEPS)) as tour:
        page = TourPage(tour=tour, places=places, secret="", resources=0, gone=0, has_keys=True)
        good = {"csrf": mask_csrf(page.csrf)}
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(page.asgi()), base_url="http://127.0.0.1"
        ) as client:
            answers = [
                await client.post("/steps/1"),
                await client.post("/steps/1", data=good, headers={"Origin": "https://evil.example"}),
                await client.post("/steps/1", data=good, headers={"Host": "evil.example"}),
                await client.post("/steps/6", data=good),
            ]

    assert [403, 403, 400, 404] == [answer.status_code for answer in answers]
    assert {} == tour.told
