"""The stages of a pipeline beside each other: what differs, as of a moment, and how it came to that."""

from datetime import timedelta

import pytest

from headrace.hooks.panel import Figure, Panel
from headrace.inspector.comparing import Comparison, compare, spell_change
from headrace.models import Stage
from headrace.store.reports.pipeline_history import Past, PlanStep, Stretch
from inspector.test_board import NOON, SHOP, place

DAY = timedelta(days=1)


def stay(stage: str | None, began: int, ended: int | None = None, *, pipeline: str | None = SHOP.id) -> Stretch:
    """A stretch from so many days before noon."""
    ended_at = None if ended is None else NOON - ended * DAY
    return Stretch(pipeline_id=pipeline, stage=stage, began_at=NOON - began * DAY, ended_at=ended_at)


def show(documents: float) -> Panel:
    return Panel(figures=(Figure(label="Documents", value=documents),))


STAGING = place("shop-staging", Stage.STAGING, plan="basic", panel=show(100), since=NOON - 9 * DAY)
PRODUCTION = place("shop", plan="premium", panel=show(990), since=NOON - 9 * DAY)
PASTS = {
    STAGING.uuid: Past(stretches=[stay("staging", 9)]),
    PRODUCTION.uuid: Past(
        stretches=[stay("development", 9, 6), stay("production", 6)],
        plans=[PlanStep(old="basic", new="premium", at=NOON - 3 * DAY)],
    ),
}


def compare_at(days: int) -> Comparison:
    return compare(SHOP.id, [STAGING, PRODUCTION], PASTS, as_of=NOON - days * DAY)


def test_what_differs_between_staging_and_production_is_said() -> None:
    """Plans and regions as they are, figures by how many times; how long somebody has been there is no difference."""
    comparison = compare_at(0)

    assert {"Plan": "basic → premium", "Documents": "\u00d79.9"} == {
        row.label: row.difference for row in comparison.rows if row.differs
    }
    assert (2, True) == (comparison.differing, comparison.can_differ)
    assert [10.1, 100.0] == [cell[0].share for cell in comparison.rows[-1].cells.values()]


def test_the_past_is_as_it_was() -> None:
    """With the plan of that day; who had not come to production stood elsewhere, and before that nowhere."""
    assert ["staging", "production"] == list(compare_at(4).stages)
    assert (0, "basic") == (len([r for r in compare_at(4).rows if r.label == "Plan" and r.differs]), "basic")
    assert ["development", "staging"] == list(compare_at(7).stages)
    assert not compare_at(7).can_differ
    assert {} == compare_at(10).stages


def test_changes_are_told_newest_first() -> None:
    """Coming, moving, plans, and leaving for another pipeline; what comes and goes is left out."""
    review = place("pr-1", Stage.REVIEW)
    gone = place("old", pipeline=None, stage=None)
    pasts = {
        **PASTS,
        review.uuid: Past(stretches=[stay("review", 2)]),
        gone.uuid: Past(stretches=[stay("staging", 8, 1), stay("staging", 1, pipeline="other")]),
    }
    comparison = compare(SHOP.id, [STAGING, PRODUCTION, review, gone], pasts, as_of=NOON)

    assert [
        ("old", "left"),
        ("shop", "plan"),
        ("shop", "moved"),
        ("old", "added"),
        ("shop-staging", "added"),
        ("shop", "added"),
    ] == [(change.app, change.kind) for change in comparison.changes]
    assert ["review", "staging", "production"] == list(comparison.stages)


def test_values_that_are_the_same_are_said_once() -> None:
    """Of many apps at a stage; where they differ each has its name."""
    apps = [place(f"pr-{number}", Stage.REVIEW, plan="free") for number in range(3)]
    odd = [*apps, place("pr-9", Stage.REVIEW, plan="basic")]
    alike, unlike = (
        compare(SHOP.id, each, {a.uuid: Past(stretches=[stay("review", 1)]) for a in each}, as_of=NOON).rows[0]
        for each in (apps, odd)
    )

    assert [("", "free")] == [(value.app, value.text) for value in alike.list_shown("review")]
    assert ["pr-0", "pr-1", "pr-2", "pr-9"] == [value.app for value in unlike.list_shown("review")]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [(100, 100.05, "same"), (100, 319, "×3.2"), (100, 119, "+19"), (119, 100, "−19"), (0, 5, "+5"), ("a", 5, "")],  # noqa: RUF001
)
def test_a_change_of_a_figure_is_spelled(before: float | str, after: float, said: str) -> None:
    """From twice on by how many times; what is no number has none."""
    assert said == spell_change(Figure(label="F", value=before), Figure(label="F", value=after))
