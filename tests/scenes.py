"""Boards that a page has to bear, from nothing at all to thousands of resources, as of one fixed moment."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from headrace.hooks.panel import Figure, Panel
from headrace.inspector.board import Board, PlacedResource, build_board
from headrace.inspector.board_parts import Known
from headrace.models import PASSING, Outcome, Ref, Stage, State
from headrace.web.ground.pages import BackLink, BoardContext, render

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONG = "the-storefront-of-the-winter-campaign-with-a-name-as-long-as-heroku-allows-and-then-some-more"
UNBROKEN = "x" * 120
ARABIC, HEBREW = "متجر-الكتب-العربية", "חנות-הספרים"
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
FIGURES = Panel(
    figures=(
        Figure(label="Documents", value=12_408),
        Figure(label="Queries, last day", value=222_222, trend=(3, 4, 2, 8, 7, 9, 9, 4)),
    ),
    href="https://acme.example/indexes/1",
)


def place(
    app: str, pipeline: str | None = "shop", stage: Stage | str | None = Stage.PRODUCTION, **more: Any
) -> PlacedResource:
    """A resource on an app; without a pipeline, in none."""
    fields: dict[str, Any] = {
        "uuid": make_id(f"{pipeline} {app}"),
        "name": f"acme-search-{app}"[:60],
        "plan": "basic",
        "region": "amazon-web-services::us-east-1",
        "state": State.PROVISIONED,
        "app": Ref(id=make_id(app), name=app),
        "pipeline": Ref(id=make_id(pipeline), name=pipeline) if pipeline else None,
        "stage": stage if pipeline else None,
        "since": NOON - timedelta(days=9),
        "checked_at": NOON - timedelta(minutes=2),
        "outcome": Outcome.PLACED if pipeline else Outcome.UNCOUPLED,
        "panel": FIGURES,
    }
    return PlacedResource(**(fields | more))


def make_id(text: str) -> str:
    return str(uuid5(NAMESPACE_URL, text))


def place_reviews(pipeline: str, count: int) -> list[PlacedResource]:
    """Review apps, the newest first; every fortieth failed."""
    return [
        place(
            f"{pipeline}-pr-{count - number}",
            pipeline,
            Stage.REVIEW,
            plan="free",
            since=NOON - timedelta(minutes=7 * number),
            state=State.PROVISIONED if number % 40 else State.FAILED,
            panel=Panel(figures=(Figure(label="Documents", value=100 * number),)),
        )
        for number in range(count)
    ]


def place_pipeline(name: str, *, each: int = 1, stages: tuple[Stage, ...] = tuple(Stage)) -> list[PlacedResource]:
    return [
        place(f"{name}-{stage}-{number}", name, stage, plan="free" if stage in PASSING else "basic")
        for stage in stages
        for number in range(each)
    ]


def build_errors() -> list[PlacedResource]:
    """Every state, every way in which something is not known, a card without a panel and one with a sentence."""
    old = NOON - timedelta(hours=3)
    states = [place(f"shop-{state}", state=state, panel=None) for state in State if state is not State.DEPROVISIONED]
    return [
        *states,
        place("shop-stale", stage=Stage.STAGING, checked_at=old, next_check_at=old, has_failed=True),
        place("shop-moved", stage=Stage.STAGING, moved_from=Stage.DEVELOPMENT, moved_at=NOON - timedelta(hours=1)),
        place("shop-sandbox", stage="sandbox", panel=Panel(sentence="The index is being built.")),
        place("never-asked", None, outcome=None, checked_at=None),
        place("hidden", None, outcome=Outcome.APP_HIDDEN),
        place("forbidden", None, outcome=Outcome.FORBIDDEN, panel=Panel(sentence="s" * 200)),
    ]


def build_names() -> list[PlacedResource]:
    """Long names, names without a place to break, names that run from right to left, and one that is hostile."""
    return [
        place(LONG, LONG, plan="a-plan-with-a-name-that-is-much-too-long-for-its-tag", name=LONG),
        place(UNBROKEN, LONG, Stage.STAGING, region="region-" + UNBROKEN),
        place("shop-pr-" + LONG, LONG, Stage.REVIEW, panel=Panel(sentence="w" * 200)),
        place("m" * 60, LONG, Stage.DEVELOPMENT, panel=Panel(figures=(Figure(label="W" * 40, value="W" * 24),) * 2)),
        place(ARABIC, ARABIC, moved_from=Stage.STAGING, moved_at=NOON - timedelta(minutes=4)),
        place(HEBREW, ARABIC, Stage.REVIEW),
        place(HOSTILE, HOSTILE, name=HOSTILE, plan=HOSTILE, region=HOSTILE),
        place(HEBREW + "-2", None),
    ]


SCENES: dict[str, Callable[[], list[PlacedResource]]] = {
    "nothing": list,
    "one": lambda: [place("shop")],
    "five-pipelines": lambda: [
        *(each for name in ("atlas", "billing", "help-centre", "ledger-api", "shop") for each in place_pipeline(name)),
        place("notes", None),
    ],
    "300-review-apps": lambda: [*place_pipeline("shop"), *place_reviews("shop", 300)],
    "2000-resources": lambda: [each for number in range(40) for each in place_pipeline(f"shop-{number:02}", each=10)],
    "names": build_names,
    "errors": build_errors,
}


def change_some(random: Random, resources: Sequence[PlacedResource]) -> list[PlacedResource]:
    """Resources as they are a while later: some of them changed, some gone, some new, in another order."""
    after = [_change(random, each) for each in resources if random.random() < 0.95]
    number = random.randrange(10**6)
    after += [
        place(f"new-{number + more}", random.choice(["atlas", "kiosk", None])) for more in range(random.randint(0, 3))
    ]
    random.shuffle(after)
    return after


def _change(random: Random, resource: PlacedResource) -> PlacedResource:
    """Mostly nothing; or what a customer would see."""
    changed = [
        replace(resource, plan="premium"),
        replace(resource, state=State.FAILED),
        replace(resource, stage=Stage.STAGING),
    ]
    return random.choice([*changed, *[resource] * 12])


def build_scene(name: str, *, opened: str | None = None) -> Board:
    return build_board(SCENES[name](), opened=opened, now=NOON, stale_after=timedelta(minutes=15))


def render_scene(name: str) -> str:
    """Return the page; the person came from its first card."""
    return render_resources(SCENES[name](), is_long=name == "names")


def render_resources(resources: list[PlacedResource], *, known: Known | None = None, is_long: bool = False) -> str:
    """Return the page of somebody who came from its first card, and whose browser has what is known."""
    board = build_board(resources, opened=None, now=NOON, stale_after=timedelta(minutes=15))
    first = next(iter(board.cards), None)
    context = BoardContext(
        board=build_board(
            resources, opened=first.resource.uuid if first else None, now=NOON, stale_after=timedelta(minutes=15)
        ),
        service_name="Acme Search",
        slug="acme-search",
        email=f"{LONG}@lumen.example" if is_long else "ada@lumen.example",
        back=BackLink(app=LONG if is_long else "shop", href="https://dashboard.heroku.com/apps/shop"),
        csrf="token",
        check_interval=timedelta(minutes=5),
        version="v1",
        known=known or Known(),
    )
    return render(context)
