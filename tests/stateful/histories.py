"""Random histories: what customers, Heroku, the network, the partner's cloud and the operator may do, in any order."""

from dataclasses import dataclass
from uuid import UUID

from hypothesis import strategies as st

from headrace.emulator.kit.faults import Fault

SLOTS = ("shop-staging", "shop", "blog")
STATUSES = (500, 502, 503)


@dataclass(frozen=True, slots=True)
class Provision:
    slot: int
    plan: str


@dataclass(frozen=True, slots=True)
class ProvisionRefused:
    """The partner's hook refuses the customer."""

    slot: int


@dataclass(frozen=True, slots=True)
class Repeat:
    slot: int
    times: int


@dataclass(frozen=True, slots=True)
class ProvisionOther:
    slot: int


@dataclass(frozen=True, slots=True)
class ChangePlan:
    slot: int
    plan: str


@dataclass(frozen=True, slots=True)
class QueuePlans:
    """Heroku asks for several plans while the hook of the first runs, and for each of them twice."""

    slot: int
    plans: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """A provision whose hook runs while the app moves, or the customer removes it; then the hook may refuse."""

    slot: int
    stage: str | None
    is_removed: bool
    is_refused: bool


@dataclass(frozen=True, slots=True)
class Deprovision:
    slot: int


@dataclass(frozen=True, slots=True)
class LogIn:
    slot: int


@dataclass(frozen=True, slots=True)
class Move:
    """The app comes to a stage, or leaves its pipeline where there is none."""

    slot: int
    stage: str | None


@dataclass(frozen=True, slots=True)
class GoWrong:
    fault: Fault


@dataclass(frozen=True, slots=True)
class FailHooks:
    """The partner's next calls to its cloud have their effect, and then raise."""

    count: int


@dataclass(frozen=True, slots=True)
class ExpireTokens:
    slot: int


@dataclass(frozen=True, slots=True)
class RevokeTokens:
    """Heroku trusts the resource no longer; what was under way has ended by then."""

    slot: int


@dataclass(frozen=True, slots=True)
class PassHours:
    """Time goes on once nothing is under way: what was retried meanwhile would be given up."""

    hours: int


@dataclass(frozen=True, slots=True)
class Restart:
    pass


Action = (
    Provision
    | ProvisionRefused
    | Repeat
    | ProvisionOther
    | ChangePlan
    | QueuePlans
    | Meanwhile
    | Deprovision
    | LogIn
    | Move
    | GoWrong
    | FailHooks
    | ExpireTokens
    | RevokeTokens
    | PassHours
    | Restart
)

_SLOT = st.integers(0, len(SLOTS) - 1)
_COUNT = st.integers(1, 3)
# "tiny" is refused by the hook of a plan change.
_PLAN = st.sampled_from(["free", "basic", "tiny"])
_STAGE = st.sampled_from(["development", "staging", "production", None])
_TO_HEROKU = st.builds(
    Fault,
    kind=st.sampled_from(["status", "drop", "truncate", "malform", "expired_token"]),
    status=st.sampled_from(STATUSES),
    count=_COUNT,
    path=st.sampled_from(["*", "/oauth/token", "/addons/*", "/apps/*"]),
    after_effect=st.booleans(),
)
# Always with a Retry-After: without one we wait a minute, which a history has no time for.
_TOO_MANY = st.builds(
    Fault, kind=st.just("status"), status=st.just(429), count=_COUNT, retry_after=st.sampled_from([0, 1])
)
_LATE = st.builds(
    Fault, kind=st.just("latency"), seconds=st.sampled_from([0.05, 0.3]), count=_COUNT, after_effect=st.booleans()
)
_TO_PARTNER = st.builds(Fault, kind=st.just("duplicate"), direction=st.just("to partner"), count=_COUNT)
_ACTION: st.SearchStrategy[Action] = st.one_of(
    st.builds(Provision, _SLOT, _PLAN),
    st.builds(Provision, _SLOT, _PLAN),
    st.builds(ProvisionRefused, _SLOT),
    st.builds(Repeat, _SLOT, _COUNT),
    st.builds(ProvisionOther, _SLOT),
    st.builds(ChangePlan, _SLOT, _PLAN),
    st.builds(ChangePlan, _SLOT, _PLAN),
    st.builds(QueuePlans, _SLOT, st.lists(_PLAN, min_size=2, max_size=3).map(tuple)),
    st.builds(Meanwhile, _SLOT, _STAGE, st.booleans(), st.booleans()),
    st.builds(Deprovision, _SLOT),
    st.builds(LogIn, _SLOT),
    st.builds(Move, _SLOT, _STAGE),
    st.builds(GoWrong, _TO_HEROKU | _TOO_MANY | _LATE | _TO_PARTNER),
    st.builds(FailHooks, _COUNT),
    st.builds(ExpireTokens, _SLOT),
    st.builds(RevokeTokens, _SLOT),
    st.builds(PassHours, st.integers(1, 24)),
    st.builds(Restart),
)
# A history without a provision shows nothing.
HISTORIES = st.builds(
    lambda first, rest: [first, *rest], st.builds(Provision, _SLOT, _PLAN), st.lists(_ACTION, min_size=2, max_size=12)
)


def find_id(slot: int) -> str:
    return str(UUID(int=slot + 1))
