"""What Heroku has against what is stored here: how one resource differs, and what is right then.

A database that was restored from a backup knows nothing of what happened after it. Heroku does: it is what customers
see and pay. So Heroku is right about what there is and about plans. That an add-on is gone is the one thing for which
an answer is not enough: it has to be confirmed, because what belongs to it is going to be removed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from headrace.models import State
from headrace.protocol.heroku_lists import Listed

# Heroku shows a plan once our answer has reached it, which takes less: until then a difference is none.
SETTLING = timedelta(minutes=2)


class Word(StrEnum):
    """What Heroku says when it is asked about one add-on."""

    LIVES = "lives"
    # 403: it is there, and this token may not see it.
    HIDDEN = "hidden"
    # 404 or 410, in Heroku's own words.
    GONE = "gone"
    # 401, and one refresh did not help: the token has ended, with the add-on or without it.
    REFUSED = "refused"
    NO_TOKEN = "no token"
    # No answer, or one that says nothing: an outage, a rate limit, a key that is missing.
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A resource as it is stored here.

    `wanted_plan` is the plan once every waiting change is done, `changed_at` when one was last requested or settled.
    `is_unfinished`: its provision is under way without a token, or was given up before the hook was ever called.
    """

    uuid: str
    name: str
    state: State
    plan: str
    wanted_plan: str
    changed_at: datetime | None
    is_unfinished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What Heroku says of a resource.

    `listed` is its item in Heroku's list of the moment `listed_at`, None where there is no list; the list is whole if
    all of it could be read. `own` is the answer to its own token, asked twice where it is doubtful, and `plan` the plan
    in it. `witness` is the answer to another resource's token that can tell what is gone from what it may not see;
    SILENT where there is none. `has_neighbours`: Heroku knows others of ours. `is_sworn`: an operator says that it is
    gone.
    """

    listed_at: datetime | None = None
    listed: Listed | None = None
    is_list_whole: bool = True
    own: Word = Word.NO_TOKEN
    plan: str | None = None
    witness: Word = Word.SILENT
    has_neighbours: bool = False
    is_sworn: bool = False


class Difference(StrEnum):
    """How what is here differs from what Heroku has; `MEANINGS` says what each means and what comes of it."""

    NONE = "none"
    UNDER_WAY = "under way"
    UNKNOWN = "unknown here"
    FINISHED = "finished at heroku"
    PLAN = "other plan"
    GONE = "gone at heroku"
    UNSURE = "perhaps gone"
    UNFINISHED = "waits at heroku"
    REMOVED = "removed here"
    FAILED = "failed here"
    REFUSED = "token refused"
    NO_TOKEN = "no token"
    SILENT = "not answered"


# What is mended by itself, in the order in which it is.
MENDED = (Difference.UNKNOWN, Difference.FINISHED, Difference.PLAN, Difference.GONE)
# What neither needs mending nor an operator.
SETTLED = (Difference.NONE, Difference.UNDER_WAY)


class Meaning(NamedTuple):
    """What a difference means, and what comes of it or is for the operator to do; names stand between backticks."""

    means: str
    do: str


MEANINGS = {
    Difference.UNDER_WAY: Meaning(
        "It is being provisioned, or its plan was changed moments ago.", "Nothing: run it again in some minutes."
    ),
    Difference.UNKNOWN: Meaning("Heroku has it, and it is not here.", "It is imported, with Heroku's plan."),
    Difference.FINISHED: Meaning(
        "Heroku shows it as provisioned; here its provision had just begun, and its grant is spent.",
        "It counts as provisioned, with Heroku's plan; a notice `grant.lost` is settled. No hook is called.",
    ),
    Difference.PLAN: Meaning(
        "Heroku shows another plan, which is what the customer pays.",
        "`on_plan_change` is called with Heroku's plan. A hook that refuses raises `plan_change.failed`.",
    ),
    Difference.GONE: Meaning(
        "Heroku has it no more, and that is confirmed.",
        "It is deprovisioned, as if Heroku had asked: `on_deprovision` is called.",
    ),
    Difference.UNSURE: Meaning(
        "It is not in Heroku's list, or its token is refused and there is no list; nothing confirms that it is gone.",
        "Look at Heroku; if it is gone, name it with `--gone UUID`.",
    ),
    Difference.UNFINISHED: Meaning(
        "Heroku waits for its provision, which is not here; its grant is spent.",
        "Nothing: Heroku removes it after twelve hours, and the customer adds it again.",
    ),
    Difference.REMOVED: Meaning(
        "Heroku has it, and here it is deprovisioned: what belonged to it is gone.",
        "Have the customer remove it, and add it again; until then they pay for nothing.",
    ),
    Difference.FAILED: Meaning(
        "Heroku has it, and here its provision or its removal has failed.",
        "`headrace notices` and its timeline say why; `retry`, or have the customer remove it.",
    ),
    Difference.REFUSED: Meaning(
        "Heroku lists it and refuses its token.",
        "Look at `HEADRACE_CLIENT_SECRET`; otherwise have Heroku open the back-fill of grants and run this again.",
    ),
    Difference.NO_TOKEN: Meaning(
        "Heroku cannot be asked about it: no placement, no webhooks. Plan changes and removals work.",
        "Have Heroku open the back-fill of grants and run this again, or import its `refresh_token`.",
    ),
    Difference.SILENT: Meaning("Heroku did not answer about it.", "Run it again."),
}


def decide_difference(known: Known | None, evidence: Evidence, *, now: datetime) -> Difference:
    """Say how one resource differs. `known` is None for what Heroku lists and is not here."""
    if known is None:
        return _judge_unknown(evidence)
    is_listed_alive = _is_listed_alive(evidence)
    if known.is_unfinished and is_listed_alive and _state_of(evidence) is State.PROVISIONED:
        return Difference.FINISHED
    if known.state in _OVER and not (known.state is State.FAILED and is_gone(evidence)):
        return _OVER[known.state] if is_listed_alive else Difference.NONE
    if is_gone(evidence):
        return Difference.GONE
    if known.state is State.PROVISIONING:
        return Difference.UNDER_WAY
    return _judge_provisioned(known, evidence, now=now)


# What it means that Heroku lists what has come to its end here. It lists what it is just removing, too.
_OVER = {
    State.DEPROVISIONING: Difference.NONE,
    State.DEPROVISIONED: Difference.REMOVED,
    State.FAILED: Difference.FAILED,
}


def is_gone(evidence: Evidence) -> bool:
    """Whether it is confirmed that Heroku has an add-on no more.

    Its own token says so, no other contradicts, and Heroku knows others of ours: a host that is not Heroku's knows
    none. Or Heroku's list has it not, and another token that can tell says so too. A token that is refused, and an
    outage, says nothing.
    """
    if evidence.own in (Word.LIVES, Word.HIDDEN, Word.SILENT) or evidence.witness in (Word.LIVES, Word.HIDDEN):
        return False
    if evidence.is_sworn or (evidence.own is Word.GONE and evidence.has_neighbours):
        return True
    is_missing = evidence.listed_at is not None and evidence.is_list_whole and evidence.listed is None
    return is_missing and evidence.witness is Word.GONE


def find_plan(known: Known | None, evidence: Evidence) -> str | None:
    """The plan that Heroku shows: what it says now, or what it said in a list that is younger than our last change."""
    if evidence.plan is not None:
        return evidence.plan
    if evidence.listed is None or evidence.listed_at is None:
        return None
    is_outdated = known is not None and known.changed_at is not None and known.changed_at >= evidence.listed_at
    return None if is_outdated else evidence.listed.resource.plan


def _judge_unknown(evidence: Evidence) -> Difference:
    if evidence.witness is Word.GONE or evidence.listed is None:
        return Difference.NONE
    if evidence.listed.state in (State.PROVISIONED, None):
        return Difference.UNKNOWN
    return Difference.UNFINISHED if evidence.listed.state is State.PROVISIONING else Difference.NONE


def _judge_provisioned(known: Known, evidence: Evidence, *, now: datetime) -> Difference:
    if evidence.own in (Word.SILENT, Word.HIDDEN):
        return Difference.SILENT
    if evidence.own is not Word.LIVES and not _is_seen(evidence):
        # Without a list, that there is no token says nothing of the add-on.
        is_told_nothing = evidence.own is Word.NO_TOKEN and evidence.listed_at is None
        return Difference.NO_TOKEN if is_told_nothing else Difference.UNSURE
    if find_plan(known, evidence) not in (None, known.wanted_plan):
        is_settling = known.changed_at is not None and now - known.changed_at < SETTLING
        return Difference.UNDER_WAY if is_settling else Difference.PLAN
    return _OF_TOKEN[evidence.own]


def _is_seen(evidence: Evidence) -> bool:
    return evidence.listed is not None or evidence.witness in (Word.LIVES, Word.HIDDEN)


_OF_TOKEN = {
    Word.LIVES: Difference.NONE,
    Word.GONE: Difference.UNSURE,
    Word.REFUSED: Difference.REFUSED,
    Word.NO_TOKEN: Difference.NO_TOKEN,
}


def _is_listed_alive(evidence: Evidence) -> bool:
    is_listed = evidence.listed is not None and evidence.listed.state in (State.PROVISIONED, State.PROVISIONING, None)
    return is_listed and evidence.witness is not Word.GONE and evidence.own is not Word.GONE


def _state_of(evidence: Evidence) -> State | None:
    return evidence.listed.state if evidence.listed else None
