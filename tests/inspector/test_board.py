from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headrace.inspector.board import Board, PlacedResource, build_board
from headrace.inspector.board_json import board_as_json
from headrace.inspector.board_text import board_as_text
from headrace.models import Outcome, Ref, Stage, State

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHOP = Ref(id="01234567-89ab-cdef-0123-456789abcdef", name="shop")


def place(app: str, stage: Stage | str | None = Stage.PRODUCTION, **changes: Any) -> PlacedResource:
    fields: dict[str, Any] = {
        "uuid": f"uuid-{app}",
        "name": f"acme-{app}",
        "plan": "basic",
        "region": "us-east-1",
        "state": State.PROVISIONED,
        "app": Ref(id=f"id-{app}", name=app),
        "pipeline": SHOP,
        "stage": stage,
        "since": NOON - timedelta(days=9),
        "checked_at": NOON - timedelta(minutes=2),
        "outcome": Outcome.PLACED,
    }
    return PlacedResource(**(fields | changes))


def build(*resources: PlacedResource, opened: str | None = None) -> Board:
    return build_board(resources, opened=opened, now=NOON, stale_after=timedelta(hours=1))


def stages(board: Board) -> list[str]:
    return [str(column.stage) for column in board.pipelines[0].columns]


def test_columns_follow_the_flow() -> None:
    """An empty stage keeps its place."""
    board = build(place("shop"))

    assert ["development", "review", "staging", "production"] == stages(board)
    assert [0, 0, 0, 1] == [len(column.cards) for column in board.pipelines[0].columns]


def test_test_and_new_stages_stand_only_where_an_app_does() -> None:
    """Test guards staging; what Heroku adds one day comes last, in its own word."""
    board = build(place("ci", Stage.TEST), place("bird", "canary"))

    assert ["development", "review", "test", "staging", "production", "canary"] == stages(board)


def test_review_apps_come_newest_first_and_others_by_name() -> None:
    """What comes and goes is looked for by age."""
    board = build(
        *(place(f"pr-{day}", Stage.REVIEW, since=NOON - timedelta(days=day)) for day in (2, 1, 3)),
        *(place(app) for app in ("web", "Api")),
    )

    assert ["pr-1", "pr-2", "pr-3", "Api", "web"] == [card.app for card in board.pipelines[0].cards]


def test_pipelines_of_one_name_stay_apart() -> None:
    """The id is what a pipeline is."""
    other = Ref(id="11234567-89ab-cdef-0123-456789abcdef", name="shop")
    board = build(place("a", pipeline=other), place("b"))

    assert [SHOP.id, other.id] == [pipeline.id for pipeline in board.pipelines]
    assert all(board.has_namesake(pipeline) for pipeline in board.pipelines)


def test_a_pipeline_without_a_name_shows_its_id() -> None:
    """It stands after those that have one."""
    board = build(place("a", pipeline=Ref(id="00000000-89ab-cdef-0123-456789abcdef")), place("b"))

    assert ["shop", "00000000…"] == [pipeline.title for pipeline in board.pipelines]


def test_the_latest_name_of_a_pipeline_is_shown() -> None:
    """A sibling checked before the pipeline was renamed does not bring the old name back."""
    old = Ref(id=SHOP.id, name="old-shop")
    board = build(place("a", pipeline=old, checked_at=NOON - timedelta(hours=3)), place("b"))

    assert ["shop"] == [pipeline.name for pipeline in board.pipelines]


@pytest.mark.parametrize("outcome", [None, Outcome.FORBIDDEN, Outcome.APP_HIDDEN])
def test_not_told_is_not_the_same_as_in_no_pipeline(outcome: Outcome | None) -> None:
    """Only Heroku's word makes an app uncoupled."""
    board = build(
        place("alone", None, pipeline=None, outcome=Outcome.UNCOUPLED),
        place("hidden", None, pipeline=None, outcome=outcome),
    )

    assert ["alone"] == [card.app for card in board.uncoupled]
    assert ["hidden"] == [card.app for card in board.unknown]
    assert () == board.pipelines


def test_a_deprovisioned_resource_never_appears() -> None:
    """One that is being removed still does."""
    board = build(place("gone", state=State.DEPROVISIONED), place("leaving", state=State.DEPROVISIONING))

    assert ["leaving"] == [card.app for card in board.cards]


@pytest.mark.parametrize(("age", "is_stale"), [(timedelta(hours=1), False), (timedelta(hours=1, seconds=1), True)])
def test_a_card_goes_stale(age: timedelta, is_stale: bool) -> None:  # noqa: FBT001
    """Its pipeline is as old as its oldest check."""
    board = build(place("old", checked_at=NOON - age), place("fresh"))

    assert {"old": is_stale, "fresh": False} == {card.app: card.is_stale for card in board.cards}
    assert (NOON - age, is_stale) == (board.pipelines[0].checked_at, board.pipelines[0].is_stale)


@pytest.mark.parametrize(("hours", "has_moved"), [(2, True), (24, False)])
def test_a_move_is_marked_for_a_day(hours: int, has_moved: bool) -> None:  # noqa: FBT001
    """The badge goes, the fact stays in the JSON."""
    board = build(place("a", moved_from=Stage.STAGING, moved_at=NOON - timedelta(hours=hours)))

    assert [has_moved] == [card.has_moved for card in board.cards]
    assert "staging" == board_as_json(board)["pipelines"][0]["stages"]["production"][0]["moved_from"]


def test_the_json_has_the_stages_with_a_resource() -> None:
    """In order of flow, each resource under its own name."""
    alone = place("alone", None, pipeline=None, outcome=Outcome.UNCOUPLED)
    told = board_as_json(build(place("web"), place("web-staging", Stage.STAGING), alone))

    assert ["staging", "production"] == list(told["pipelines"][0]["stages"])
    card = told["pipelines"][0]["stages"]["production"][0]
    assert {
        "digest": card["digest"],
        "resource": "acme-web",
        "app": "web",
        "plan": "basic",
        "state": "provisioned",
        "uuid": "uuid-web",
        "region": "us-east-1",
        "since": "2026-11-14T12:00:00Z",
        "checked_at": "2026-11-23T11:58:00Z",
        "stale": False,
        "opened": False,
        "moved": False,
        "outcome": "placed",
        "message": None,
        "panel": None,
    } == card
    assert (["acme-alone"], []) == ([card["resource"] for card in told["uncoupled"]], told["unknown"])


def test_the_text_has_a_line_for_each_stage() -> None:
    """A state is worth a word when it is not provisioned."""
    text = board_as_text(
        build(place("web", state=State.FAILED), place("web-staging", Stage.STAGING), opened="uuid-web")
    )

    assert "  review       -" in text.splitlines()
    assert "  staging      web-staging (basic)" in text.splitlines()
    assert "  production   web (basic, failed, opened from Heroku)" in text.splitlines()


def test_the_text_fits_a_terminal_and_cannot_drive_it() -> None:
    """Long names wrap; escape sequences and turned directions are gone."""
    text = board_as_text(build(place("x" * 200), place("\x1b[2J\u202eevil"), place("many")))

    assert 100 == max(len(line) for line in text.splitlines())
    assert all(character.isprintable() or character == "\n" for character in text)
