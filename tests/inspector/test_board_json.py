"""What a program is sent of a board that it has some of, and what it makes of that by the code of docs/embedding.md."""

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import msgspec

from headrace.inspector.board import Board, PlacedResource, build_board
from headrace.inspector.board_json import changes_as_json
from headrace.inspector.board_parts import Known
from headrace.models import Stage, State
from house.blocks import list_code
from scenes import NOON, SCENES, change_some, place, place_pipeline, place_reviews

NOTHING = Known()


def build(resources: Sequence[PlacedResource], *, is_confirmed: bool = True) -> Board:
    board = build_board(resources, opened=None, now=NOON, stale_after=timedelta(minutes=15))
    return replace(board, is_confirmed=is_confirmed)


def send(board: Board, known: Known = NOTHING, *, period: int = 0) -> Any:
    """What a program reads."""
    return msgspec.json.decode(msgspec.json.encode(changes_as_json(board, known, period=period)))


def read_code() -> dict[str, Any]:
    """The functions that docs/embedding.md shows to programs."""
    code: dict[str, Any] = {}
    for block in list_code():
        if block.page == "embedding.md" and block.language == "python":
            exec(block.text, code)
    return code


def list_cards(told: Any) -> Iterator[Any]:
    for lane in list_lanes(told):
        yield from lane


def list_lanes(told: Any) -> list[Any]:
    """The cards of each pipeline, and of what is in none."""
    pipelines = [[card for cards in each["stages"].values() for card in cards] for each in told["pipelines"]]
    return [*pipelines, told["uncoupled"], told["unknown"]]


def list_checks(told: Any) -> list[str | None]:
    """The moment at which the oldest card of each lane was checked."""
    return [min((card["checked_at"] for card in lane if card["checked_at"]), default=None) for lane in list_lanes(told)]


def forget_checks(told: Any) -> Any:
    """The board, but for when cards were checked that are not stale: lanes tell that, and renew it with a period."""
    told = copy.deepcopy(told)
    for card in list_cards(told):
        card["checked_at"] = card["checked_at"] and (card["checked_at"] if card["stale"] else "checked")
    return told


def test_whatever_happens_a_program_ends_with_what_a_fresh_read_has() -> None:
    """Random histories, at some points of which Heroku does not confirm all, by the code that the docs show."""
    code, random = read_code(), Random(20261201)
    for _ in range(20):
        resources = [*place_pipeline("atlas", each=random.randint(1, 9)), *place_reviews("shop", random.randint(0, 12))]
        board = send(build(resources))
        for period in range(1, 13):
            resources = [_check(random, each) for each in change_some(random, resources)]
            shown = build(resources, is_confirmed=random.random() < 0.9)
            known = msgspec.convert(code["list_digests"](board), Known)
            board = code["put_back"](send(shown, known, period=period), board)
            whole = send(shown, period=period)

            # A period renews each lane, with how long ago it was checked.
            assert list_checks(whole) == list_checks(board)
            assert forget_checks(whole) == forget_checks(board)


def _check(random: Random, resource: PlacedResource) -> PlacedResource:
    """Mostly not; or it was checked since, or has gone without an answer for long."""
    seen = resource.checked_at or NOON
    checked = replace(resource, checked_at=min(NOON, seen + timedelta(seconds=random.randint(0, 50))))
    stale = replace(resource, checked_at=NOON - timedelta(hours=3), has_failed=True)
    return random.choice([checked, *[resource] * 4, random.choice([stale, resource, resource])])


def test_of_one_move_on_a_board_of_2000_little_is_sent() -> None:
    """At most 10 KB, before it is compressed; the whole has over a megabyte."""
    resources = SCENES["2000-resources"]()
    whole = send(build(resources))
    known = msgspec.convert(read_code()["list_digests"](whole), Known)
    last = resources[-5]
    resources[-5] = replace(last, stage=Stage.STAGING, moved_from=last.stage, moved_at=NOON)
    sent = changes_as_json(build(resources), known)

    assert len(msgspec.json.encode(whole)) > 1_000_000
    assert len(msgspec.json.encode(sent)) <= 10_000
    assert [f'"uuid":"{last.uuid}"'] == re.findall(r'"uuid":"[^"]+"', msgspec.json.encode(sent).decode())


def test_a_run_says_when_the_oldest_of_its_cards_was_checked() -> None:
    """And nothing of that where none of them ever was."""
    checked = [place(f"app-{n}", None, checked_at=NOON - timedelta(minutes=n)) for n in (1, 3, 2)]
    never = [place(f"new-{n}", None, outcome=None, checked_at=None) for n in range(2)]
    board = build([*checked, *never])
    known = msgspec.convert(read_code()["list_digests"](send(board)), Known)
    told = send(board, known)

    assert [[0, 2, "2026-11-23T11:57:00Z"]] == told["uncoupled"]
    assert [[3, 4, None]] == told["unknown"]


def test_a_card_that_failed_is_sent_and_its_neighbours_are_not() -> None:
    """Whatever the order, each run is of neighbours."""
    resources = place_pipeline("shop", each=3, stages=(Stage.PRODUCTION,))
    known = msgspec.convert(read_code()["list_digests"](send(build(resources))), Known)
    resources[1] = replace(resources[1], state=State.FAILED)
    (told,) = send(build(resources), known)["pipelines"]

    first, failed, last = told["stages"]["production"]
    assert ([0, 0], "failed", [2, 2]) == (first[:2], failed["state"], last[:2])


def test_of_what_is_not_complete_a_program_is_sent_all() -> None:
    """It keeps what is not confirmed beside it, and so has to know what is."""
    resources = place_pipeline("shop")
    known = msgspec.convert(read_code()["list_digests"](send(build(resources))), Known)
    board = build(resources, is_confirmed=False)

    assert send(board) == send(board, known)
