"""The five steps of the tour: each has something happen at Heroku or at the partner's, and waits until it shows.

A step may be played again: it begins from whatever the one before it has left.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from time import perf_counter
from typing import Any

from headrace.demo.acme import REBUILT, Cloud
from headrace.demo.hands import LOOKS_EVERY_SECONDS, SHOWS_WITHIN_SECONDS, Board, Hands, NotDone, find_card
from headrace.inspector.inspector import ACCESS_GOOD_FOR, ACCESS_HELD_OFF
from headrace.models import Stage, State
from headrace.store.state.notices import NoticeKind

ADA = "ada@lumen.example"
MOVING_APP = "ledger-api-staging"
PROMOTED_APP, PRODUCTION_APP = "storefront-staging", "storefront"
FAILING_APP, FAILING_PLAN = "ada-notes", "acme-search:standard"
# So a resource is named that its customer gets only when Acme's support lets them.
FAILING_NAME = "acme-search-ada-notes"
REVIEWED = "storefront"
FIRST_PULL_REQUEST = 430
# Heroku is not told at once that a provision was given up: so there is something left to retry.
UNTOLD = {"kind": "status", "path": "/addons/*/actions/deprovision", "status": 422, "count": 1}
AWAY = {"kind": "status", "path": "/*", "status": 503}
# An answer about who may see an app is believed for so long; who was not answered is asked again after so long.
UNTIL_DOUBT = ACCESS_GOOD_FOR + timedelta(seconds=1)
UNTIL_ASKED = ACCESS_HELD_OFF + timedelta(seconds=1)
LASTS = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where to look."""

    words: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where everything is; `tour` is the demo's own page."""

    tour: str
    service: str
    heroku: str
    console: str
    board: str


@dataclass(slots=True, kw_only=True)
class Scene:
    """What a step plays with. `lasts` is for how long it leaves something there to be looked at."""

    hands: Hands
    cloud: Cloud
    lasts: timedelta = LASTS
    pull_requests: "count[int]" = field(default_factory=lambda: count(FIRST_PULL_REQUEST))

    async def open_board(self) -> Board:
        await self.hands.open_board(MOVING_APP, ADA)
        return await self.hands.look()


Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of the tour: `what` it does, what to `look` at, and where."""

    key: str
    title: str
    what: str
    look: str
    links: Callable[[Places], Sequence[Link]]
    play: Callable[[Scene, Tell], Awaitable[None]]


async def move(scene: Scene, tell: Tell) -> None:
    """Move an app to production, or back to staging."""
    found = find_card(await scene.open_board(), MOVING_APP)
    stage = Stage.STAGING if found and found[0] == Stage.PRODUCTION else Stage.PRODUCTION
    began = perf_counter()
    await scene.hands.ask("PATCH", f"/apps/{MOVING_APP}/coupling", {"stage": stage})
    await scene.hands.look_until(lambda board: _is_at(board, MOVING_APP, stage), why=f"{MOVING_APP} is in {stage}")
    tell(f"Moved {MOVING_APP} to {stage}; on the board {perf_counter() - began:.1f} s later.")


async def promote(scene: Scene, tell: Tell) -> None:
    """Promote what runs in staging to production, of which Acme hears and rebuilds the index."""
    before = _find_release(await scene.open_board(), PRODUCTION_APP)
    began = perf_counter()
    await scene.hands.ask("POST", f"/apps/{PROMOTED_APP}/promote")
    await scene.hands.look_until(
        lambda board: _find_release(board, PRODUCTION_APP) not in ("", before), why=f"{PRODUCTION_APP} has a release"
    )
    release = _find_release(await scene.hands.look(), PRODUCTION_APP)
    tell(
        f"Promoted {PROMOTED_APP}: {PRODUCTION_APP} is at release {release}, and Acme has rebuilt its index; "
        f"on the board {perf_counter() - began:.1f} s later."
    )


async def lose_heroku(scene: Scene, tell: Tell) -> None:
    """Have Heroku answer nobody for a while: the board says what it cannot confirm, and hides it."""
    await scene.open_board()
    away_for = 2 * scene.lasts.total_seconds()
    fault = await scene.hands.ask("POST", "/faults", AWAY)
    try:
        await scene.hands.ask("POST", "/clock/advance", {"by": UNTIL_DOUBT.total_seconds()})
        await scene.hands.look_until(lambda board: not board["complete"], why="not all is confirmed")
        tell(f"Heroku answers nobody, and the board says that it may not be complete. Back in {away_for:.0f} s.")
        await asyncio.sleep(away_for)
    finally:
        await scene.hands.ask("DELETE", f"/faults/{fault['id']}")
    # Who was not answered is asked again only after a while.
    await scene.hands.ask("POST", "/clock/advance", {"by": UNTIL_ASKED.total_seconds()})
    await scene.hands.look_until(
        lambda board: board["complete"] and board["heroku_silent_since"] is None, why="Heroku answers again"
    )
    tell("Heroku answers again, and everything is back.")


async def mend(scene: Scene, tell: Tell) -> None:
    """Retry the provision that failed, as an operator; one that was mended before fails anew first."""
    hands = scene.hands
    await scene.open_board()
    addon = await _find_failing(hands)
    if addon is None or addon["state"] != State.PROVISIONING:
        if addon is not None:
            await hands.ask("DELETE", f"/addons/{addon['id']}")
        addon = await break_provision(scene)
        tell(f"The resource {FAILING_NAME} was removed, added again, and has failed again.")
    uuid = addon["id"]
    await hands.log_in_as_operator()
    await wait_until_failed(hands, uuid)
    scene.cloud.used_up.discard(FAILING_NAME)
    await hands.retry(uuid)
    await hands.look_until(
        lambda board: _has_state(board, FAILING_APP, State.PROVISIONED), why=f"{FAILING_APP} has what it ordered"
    )
    tell(f"Acme's support gave {FAILING_APP} one more index, an operator pressed Retry, and it is provisioned.")


async def review(scene: Scene, tell: Tell) -> None:
    """Open a pull request, whose review app gets the add-on, and close it a while later."""
    await scene.open_board()
    number, began = next(scene.pull_requests), perf_counter()
    opened = await scene.hands.ask("POST", f"/pipelines/{REVIEWED}/pull-requests", {"number": number})
    app = opened["app"]
    if app is None:
        raise NotDone(opened["message"] or "There is no review app.")
    await scene.hands.look_until(
        lambda board: _is_at(board, app, Stage.REVIEW) and _has_state(board, app, State.PROVISIONED),
        why=f"{app} has come",
    )
    tell(
        f"The app {app} has come with pull request {number}; on the board {perf_counter() - began:.1f} s later. "
        f"It goes in {scene.lasts.total_seconds():.0f} s."
    )
    await asyncio.sleep(scene.lasts.total_seconds())
    await scene.hands.ask("DELETE", f"/pipelines/{REVIEWED}/pull-requests/{number}")
    await scene.hands.look_until(lambda board: find_card(board, app) is None, why=f"{app} is gone")
    tell(f"The app {app} is gone, and Acme has removed its index.")


STEPS = (
    Step(
        key="1",
        title="An app moves",
        what=f"Somebody moves {MOVING_APP} to production, or back. Heroku sends no event for that.",
        look="The card stands at its new stage within seconds, marked as moved, and no page was loaded again.",
        links=lambda at: [
            Link(words="Board", href=at.board),
            Link(words="Console", href=f"{at.console}?app={MOVING_APP}"),
        ],
        play=move,
    ),
    Step(
        key="2",
        title="A promotion",
        what=f"The code of {PROMOTED_APP} is promoted to {PRODUCTION_APP}. The add-ons stay where they are.",
        look=f"Acme hears of the release and rebuilds the index: the card of {PRODUCTION_APP} says for which one.",
        links=lambda at: [
            Link(words="Board", href=at.board),
            Link(words="Deliveries", href=f"{at.service}/operators/deliveries"),
        ],
        play=promote,
    ),
    Step(
        key="3",
        title="Heroku is away",
        what=(
            f"Heroku answers every call with 503 for {2 * LASTS.total_seconds():.0f} seconds. "
            "The demo's clock is put five minutes ahead, because its last answers are good for so long."
        ),
        look=(
            "The board hides what nobody confirms and says so; it counts and denies nothing. "
            "After half a minute the operators' pages say it too. Then everything is back."
        ),
        links=lambda at: [Link(words="Board", href=at.board), Link(words="Operators", href=f"{at.service}/operators")],
        play=lose_heroku,
    ),
    Step(
        key="4",
        title="A failure is mended",
        what=(
            f"The provision of {FAILING_NAME} was refused by Acme, and Heroku could not be told. Acme's support gives "
            "the customer room, and an operator presses Retry."
        ),
        look="The incident is settled, and the resource's page has the story. Played again, it fails anew first.",
        links=lambda at: [
            Link(words="Incidents", href=f"{at.service}/operators/incidents"),
            Link(words="Resources", href=f"{at.service}/operators/resources?q={FAILING_NAME}"),
        ],
        play=mend,
    ),
    Step(
        key="5",
        title="A review app comes and goes",
        what=f"A pull request is opened in {REVIEWED}: Heroku makes its app with the add-on, and removes both later.",
        look=f"The card comes at the stage review, and goes {LASTS.total_seconds():.0f} seconds later.",
        links=lambda at: [Link(words="Board", href=at.board), Link(words="Console", href=at.console)],
        play=review,
    ),
)


async def break_provision(scene: Scene) -> Any:
    """Have somebody order one index too many, while Heroku does not hear that it was given up; return the add-on."""
    scene.cloud.used_up.add(FAILING_NAME)
    await scene.hands.ask("POST", "/faults", UNTOLD)
    return await scene.hands.ask("POST", "/addons", {"app": FAILING_APP, "plan": FAILING_PLAN, "name": FAILING_NAME})


async def wait_until_failed(hands: Hands, uuid: str) -> None:
    """Wait until the operators are told that a provision was given up, and that Heroku was not told."""
    async with asyncio.timeout(SHOWS_WITHIN_SECONDS):
        while not await _is_untold(hands, uuid):
            await asyncio.sleep(LOOKS_EVERY_SECONDS)


async def _is_untold(hands: Hands, uuid: str) -> bool:
    shown = await hands.read_operators(f"/operators/resources/{uuid}.json")
    return NoticeKind.TELL_HEROKU_FAILED in {notice["kind"] for notice in shown["notices"]}


async def _find_failing(hands: Hands) -> Any:
    """Return the add-on that fails or has been mended, as Heroku has it; None where it is gone."""
    names = (await hands.ask("GET", f"/apps/{FAILING_APP}"))["addons"]
    return await hands.ask("GET", f"/addons/{FAILING_NAME}") if FAILING_NAME in names else None


def _is_at(board: Board, app: str, stage: Stage) -> bool:
    found = find_card(board, app)
    return found is not None and found[0] == stage


def _has_state(board: Board, app: str, state: State) -> bool:
    found = find_card(board, app)
    return found is not None and found[1]["state"] == state


def _find_release(board: Board, app: str) -> str:
    """Return what the card of an app says of the release that its index was rebuilt for; nothing is an empty text."""
    found = find_card(board, app)
    figures = (found[1]["panel"] or {}).get("figures", []) if found else []
    return next((figure["text"] for figure in figures if figure["label"] == REBUILT), "")
