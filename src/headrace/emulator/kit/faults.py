"""Faults: what goes wrong on demand, with which calls, and how often. Who makes or answers a call draws them here."""

import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import count
from typing import Annotated, Literal, get_args

import msgspec

Direction = Literal["to Heroku", "to partner"]
# Every kind stands once, with the calls that it can happen to.
AnyCall = Literal["status", "latency", "drop", "malform"]
CallToHeroku = Literal["truncate", "expired_token", "revoked_token"]
CallToPartner = Literal["duplicate"]
# Decided before there is a call: as a delivery is queued, as a grant is issued.
BeforeCallToPartner = Literal["reorder", "expired_grant"]
Kind = Literal[AnyCall, CallToHeroku, CallToPartner, BeforeCallToPartner]

# A call has one end at most; whatever else hits it comes on top.
ENDS: frozenset[Kind] = frozenset({"status", "drop", "truncate", "malform"})
ONLY: Mapping[Direction, frozenset[Kind]] = {
    "to Heroku": frozenset(get_args(CallToHeroku)),
    "to partner": frozenset(get_args(CallToPartner) + get_args(BeforeCallToPartner)),
}
WITH_A_CALL: Mapping[Direction, frozenset[Kind]] = {
    "to Heroku": frozenset(get_args(AnyCall) + get_args(CallToHeroku)),
    "to partner": frozenset(get_args(AnyCall) + get_args(CallToPartner)),
}


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule. `method` and `path` may be patterns with `*`; `count` is how many calls it hits, None all.

    - `status`: answered with `status` instead, in Heroku's shape and, for 429, with an empty pool; `retry_after`
      seconds, if given, stand in the header of that name, which Heroku does not document.
    - `latency`: held up for `seconds` of real time.
    - `drop`: the connection ends without an answer.
    - `truncate`: the connection ends in the middle of the answer.
    - `malform`: half of a JSON text, sent as if it were whole.
    - `duplicate`: sent to the partner twice at once.
    - `reorder`: a webhook delivery that later ones overtake.
    - `expired_grant`: the grant in a provision request is over when it arrives.
    - `expired_token`: the access token that comes with a call has just ended; a refresh helps.
    - `revoked_token`: every token of the add-on that calls has just ended; nothing helps.

    With `after_effect` the call is first carried out, so that only its answer is lost or late.
    """

    kind: Kind
    direction: Direction = "to Heroku"
    method: str = "*"
    path: str = "*"
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    probability: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 503
    retry_after: Annotated[int, msgspec.Meta(ge=0)] | None = None
    seconds: Annotated[float, msgspec.Meta(ge=0)] = 5.0
    after_effect: bool = False

    def __post_init__(self) -> None:
        for direction, kinds in ONLY.items():
            if self.kind in kinds and self.direction != direction:
                raise ValueError(f'{self.kind} happens to calls "{direction}" only')

    def concerns(self, direction: Direction, method: str, path: str) -> bool:
        """Tell whether a call is one that this rule is about."""
        return self.direction == direction and fnmatchcase(method, self.method) and fnmatchcase(path, self.path)

    def __str__(self) -> str:
        return {"status": str(self.status), "latency": f"{self.seconds:g} s late"}.get(self.kind, self.kind)


@dataclass(slots=True, kw_only=True)
class Rule:
    """A fault that is on, and how many calls it has `left` to hit."""

    id: str
    fault: Fault
    left: int | None


class FaultBook:
    """The faults that are on, in the order in which they were set. One `seed` makes runs repeat."""

    def __init__(self, faults: Collection[Fault] = (), *, seed: int = 0) -> None:
        self._seed = seed
        self.restore(())
        for fault in faults:
            self.add(fault)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules.values())

    def add(self, fault: Fault) -> str:
        """Set a fault and return the id by which it can be removed."""
        rule_id = str(next(self._numbers))
        self._rules[rule_id] = Rule(id=rule_id, fault=fault, left=fault.count)
        return rule_id

    def remove(self, rule_id: str) -> None:
        """Raise KeyError when there is no such fault."""
        del self._rules[rule_id]

    def clear(self) -> None:
        """Remove every fault."""
        self._rules.clear()

    def restore(self, rules: Iterable[Rule]) -> None:
        """Have these rules and no others; chance begins anew."""
        self._random = random.Random(self._seed)  # noqa: S311 - no secret depends on it
        self._rules = {rule.id: rule for rule in rules}
        self._numbers = count(max(map(int, self._rules), default=0) + 1)

    def draw(
        self, direction: Direction, method: str, path: str, kinds: Collection[Kind] | None = None
    ) -> tuple[Fault, ...]:
        """Return the faults that hit a call, of which one at most is its end; `kinds` are those decided before it."""
        if not self._rules:
            return ()
        drawn: list[Fault] = []
        kinds = WITH_A_CALL[direction] if kinds is None else kinds
        for rule in list(self._rules.values()):
            fault = rule.fault
            if fault.kind not in kinds or not fault.concerns(direction, method, path):
                continue
            if fault.kind in ENDS and any(other.kind in ENDS for other in drawn):
                continue
            if self._random.random() < fault.probability:
                self._count(rule)
                drawn.append(fault)
        return tuple(drawn)

    def _count(self, rule: Rule) -> None:
        if rule.left is not None:
            rule.left -= 1
            if not rule.left:
                del self._rules[rule.id]
