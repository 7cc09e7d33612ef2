"""What Heroku has against what is here: one table of what is right when."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from headrace.models import State
from headrace.protocol.heroku_lists import Listed
from headrace.protocol.import_lines import Imported
from headrace.protocol.reconciliation import MEANINGS, Difference, Evidence, Known, Word, decide_difference, is_gone
from house.rooms import ROOT

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
UUID = "01234567-89ab-cdef-0123-456789abcdef"
HERE = Known(
    uuid=UUID,
    name="acme-search-1",
    state=State.PROVISIONED,
    plan="basic",
    wanted_plan="basic",
    changed_at=None,
    is_unfinished=False,
)
FAILED, REMOVED = replace(HERE, state=State.FAILED), replace(HERE, state=State.DEPROVISIONED)
BEGUN = replace(HERE, state=State.PROVISIONING, is_unfinished=True)
NO_LIST = Evidence(has_neighbours=True)
ABSENT = replace(NO_LIST, listed_at=NOON)


def listed(plan: str = "basic", state: State | None = State.PROVISIONED) -> Evidence:
    resource = Imported(
        uuid=UUID,
        name="acme-search-1",
        plan=plan,
        region="",
        state=State.PROVISIONED,
        created_at=None,
        app=None,
        token=None,
    )
    return replace(ABSENT, listed=Listed(resource=resource, state=state))


def lives(plan: str = "basic", *, evidence: Evidence = NO_LIST) -> Evidence:
    return replace(evidence, own=Word.LIVES, plan=plan)


@pytest.mark.parametrize(
    ("known", "evidence", "difference"),
    [
        (HERE, lives(), Difference.NONE),
        (HERE, lives("premium"), Difference.PLAN),
        (HERE, lives(evidence=listed("premium")), Difference.NONE),
        (HERE, listed("premium"), Difference.PLAN),
        (HERE, listed(), Difference.NO_TOKEN),
        (HERE, NO_LIST, Difference.NO_TOKEN),
        (HERE, replace(listed(), own=Word.REFUSED), Difference.REFUSED),
        (HERE, replace(listed("premium"), own=Word.REFUSED), Difference.PLAN),
        (HERE, replace(listed(), own=Word.SILENT), Difference.SILENT),
        (HERE, replace(ABSENT, witness=Word.HIDDEN), Difference.NO_TOKEN),
        (HERE, lives(evidence=ABSENT), Difference.NONE),
        (None, listed(), Difference.UNKNOWN),
        (None, listed(state=None), Difference.UNKNOWN),
        (None, listed(state=State.PROVISIONING), Difference.UNFINISHED),
        (None, listed(state=State.DEPROVISIONING), Difference.NONE),
        (None, replace(listed(), witness=Word.GONE), Difference.NONE),
        (REMOVED, listed(), Difference.REMOVED),
        (REMOVED, replace(listed(), witness=Word.GONE), Difference.NONE),
        (REMOVED, ABSENT, Difference.NONE),
        (FAILED, listed(), Difference.FAILED),
        (FAILED, ABSENT, Difference.NONE),
        (FAILED, replace(ABSENT, witness=Word.GONE), Difference.GONE),
        (replace(FAILED, is_unfinished=True), listed(), Difference.FINISHED),
        (replace(FAILED, is_unfinished=True), listed(state=State.PROVISIONING), Difference.FAILED),
        (replace(FAILED, is_unfinished=True), listed(state=None), Difference.FAILED),
        (BEGUN, listed(), Difference.FINISHED),
        (BEGUN, listed(state=State.PROVISIONING), Difference.UNDER_WAY),
        (BEGUN, ABSENT, Difference.UNDER_WAY),
        (replace(BEGUN, is_unfinished=False), listed(), Difference.UNDER_WAY),
        (replace(HERE, state=State.DEPROVISIONING), listed(), Difference.NONE),
    ],
)
def test_what_differs_is_told(known: Known | None, evidence: Evidence, difference: Difference) -> None:
    """Heroku's word of now counts before its list, which may be old."""
    assert difference is decide_difference(known, evidence, now=NOON)


@pytest.mark.parametrize(
    ("evidence", "is_confirmed"),
    [
        (replace(NO_LIST, own=Word.GONE), True),
        (replace(NO_LIST, own=Word.GONE, has_neighbours=False), False),
        (replace(ABSENT, own=Word.REFUSED), False),
        (replace(ABSENT, own=Word.REFUSED, witness=Word.GONE), True),
        (replace(ABSENT, witness=Word.GONE), True),
        (replace(ABSENT, witness=Word.GONE, is_list_whole=False), False),
        (replace(ABSENT, own=Word.REFUSED, witness=Word.HIDDEN), False),
        (replace(ABSENT, own=Word.SILENT, witness=Word.GONE), False),
        (replace(NO_LIST, own=Word.REFUSED, witness=Word.GONE), False),
        (replace(listed(), own=Word.REFUSED, witness=Word.GONE), False),
        (replace(NO_LIST, own=Word.REFUSED, is_sworn=True), True),
        (replace(NO_LIST, own=Word.SILENT, is_sworn=True), False),
        (lives(evidence=replace(ABSENT, witness=Word.GONE, is_sworn=True)), False),
    ],
)
def test_that_an_add_on_is_gone_takes_more_than_one_answer(evidence: Evidence, is_confirmed: bool) -> None:  # noqa: FBT001
    """A refused token, a 403, a 5xx, an outage and a list alone remove nothing; nor does an operator what lives."""
    found = decide_difference(HERE, evidence, now=NOON)

    assert is_confirmed is is_gone(evidence)
    assert is_confirmed is (found is Difference.GONE)


def test_a_plan_that_is_just_being_changed_is_let_settle() -> None:
    """Heroku shows it only once our answer has arrived."""
    just_now = replace(HERE, changed_at=NOON - timedelta(minutes=1))

    assert Difference.UNDER_WAY is decide_difference(just_now, lives("premium"), now=NOON)
    assert Difference.PLAN is decide_difference(just_now, lives("premium"), now=NOON + timedelta(minutes=1))


def test_a_list_that_is_older_than_a_plan_change_does_not_undo_it() -> None:
    """What Heroku answers now would."""
    changed = replace(HERE, changed_at=NOON + timedelta(seconds=1))
    later = NOON + timedelta(hours=1)

    assert Difference.NO_TOKEN is decide_difference(changed, listed("premium"), now=later)
    assert Difference.PLAN is decide_difference(changed, lives("premium", evidence=listed()), now=later)


def test_every_difference_says_what_to_do() -> None:
    """But for there being none."""
    assert set(Difference) - {Difference.NONE} == set(MEANINGS)


def test_the_page_on_backups_tells_of_every_difference() -> None:
    """In its order."""
    page = (ROOT / "docs" / "backup.md").read_text(encoding="utf-8")

    assert [str(each) for each in MEANINGS] == re.findall(r"^\| `([a-z ]+)` \|", page, re.MULTILINE)
