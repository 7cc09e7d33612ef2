"""Random histories of who may see what: people come to apps and go, apps and add-ons move, and Heroku is silent."""

from dataclasses import dataclass

from hypothesis import strategies as st

from headrace.emulator import Fault
from pair import ADA, EVE, GRACE, MIA

# Two apps of a team's in one pipeline, and two that belong to a person each.
APPS = ("shop-staging", "shop", "ada-notes", "eves-app")
TEAM = "lumen"
PEOPLE = (ADA, MIA, GRACE, EVE)
OWNERS = (TEAM, ADA, EVE)


@dataclass(frozen=True, slots=True)
class Join:
    """Somebody comes to work on an app."""

    person: str
    app: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Somebody works on an app no longer, and Heroku's webhooks tell of it, or nothing does."""

    person: str
    app: str
    is_told: bool


@dataclass(frozen=True, slots=True)
class JoinTeam:
    person: str


@dataclass(frozen=True, slots=True)
class LeaveTeam:
    person: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """An app gets another owner, a person or a team."""

    app: str
    owner: str


@dataclass(frozen=True, slots=True)
class MoveAddon:
    """An add-on comes to another app, and no webhook tells."""

    slot: int
    app: str


@dataclass(frozen=True, slots=True)
class MoveApp:
    """An app comes to a stage of the pipeline, or leaves it where there is none."""

    app: str
    stage: str | None


@dataclass(frozen=True, slots=True)
class LogIn:
    """Heroku lets somebody in to an add-on, if they may see its app."""

    person: str
    slot: int


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody looks at the board, and may have asked for a check before."""

    person: str
    is_checked: bool


@dataclass(frozen=True, slots=True)
class FallSilent:
    """Heroku answers none of these calls any more, or with an error."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Answer:
    """Heroku answers everything again."""


@dataclass(frozen=True, slots=True)
class Pass:
    minutes: int


Action = (
    Join | Leave | JoinTeam | LeaveTeam | Transfer | MoveAddon | MoveApp | LogIn | Look | FallSilent | Answer | Pass
)

_OF_ALL = st.builds(Fault, kind=st.sampled_from(["status", "drop", "malform"]), status=st.sampled_from([429, 500, 503]))
# Forbidden and not found are answers of their own: about people only, or an add-on would be taken for gone.
_OF_PEOPLE = st.builds(
    Fault,
    kind=st.just("status"),
    status=st.sampled_from([403, 404, 429, 503]),
    path=st.sampled_from(["/apps/*/collaborators", "/teams/*"]),
)
# Longer than an answer is good for, shorter, and longer than a session lasts.
_PASS = st.builds(Pass, st.sampled_from([6, 6, 7, 1, 4, 20, 70]))
_STAGE = st.sampled_from(["development", "staging", "production", None])


def _list_actions(person: str, slot: int) -> st.SearchStrategy[Action]:
    """What may happen, mostly to one person and one add-on: of what happens here and there nobody learns much."""
    people = st.sampled_from([person, person, person, *PEOPLE])
    # Ada runs the team: without her nobody would.
    members = people.filter(lambda each: each != ADA)
    apps = st.sampled_from([APPS[slot]] * 4 + list(APPS))
    slots = st.sampled_from([slot] * 4 + list(range(len(APPS))))
    look = st.builds(Look, people, st.booleans())
    return st.one_of(
        st.builds(Join, people, apps),
        st.builds(Leave, people, apps, st.booleans()),
        st.builds(Leave, people, apps, st.booleans()),
        st.builds(JoinTeam, members),
        st.builds(LeaveTeam, members),
        st.builds(Transfer, apps, st.sampled_from(OWNERS)),
        st.builds(MoveAddon, slots, st.sampled_from(APPS)),
        st.builds(MoveApp, apps, _STAGE),
        st.builds(LogIn, people, slots),
        look,
        look,
        look,
        look,
        st.builds(FallSilent, _OF_ALL | _OF_PEOPLE),
        st.builds(Answer),
        _PASS,
        _PASS,
        _PASS,
    )


@st.composite
def build_histories(draw: st.DrawFn) -> list[Action]:
    """Histories of somebody who works on an app, came for the add-on there, and looks."""
    person, slot = draw(st.sampled_from([GRACE, EVE, MIA, ADA])), draw(st.sampled_from(range(len(APPS))))
    rest = draw(st.lists(_list_actions(person, slot), min_size=6, max_size=20))
    return [Join(person, APPS[slot]), LogIn(person, slot), Look(person, is_checked=False), *rest]


HISTORIES = build_histories()
