"""Control API: the emulator itself: its clock, faults, switches, traffic, and what stands in it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec

from headrace.emulator.kit.clock import Clock
from headrace.emulator.kit.errors import Declined, invalid
from headrace.emulator.kit.faults import Direction, Fault, Rule
from headrace.emulator.kit.switches import Switches, read_explanations
from headrace.emulator.local.instruction import Control, Instruction

# Far enough from both ends of the calendar that every deadline has a date.
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Freeze(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without a moment the clock stops where it is."""

    at: Moment | None = None


class NewSpeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`speed` is emulated seconds per real second."""

    speed: Annotated[float, msgspec.Meta(ge=0, le=100_000)] = 1.0


class Advance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`by` is a number of seconds, or a duration such as `PT8H`."""

    by: timedelta


class NewTime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    at: Moment


class TrafficFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which exchanges are wanted: `since` leaves out those with that number or a lower one."""

    direction: Direction | None = None
    failed: bool | None = None
    since: int = 0


class ShownClock(msgspec.Struct, frozen=True, kw_only=True):
    now: datetime
    speed: float


class ShownRule(msgspec.Struct, frozen=True, kw_only=True):
    """`left` is how many calls it has yet to hit, null for all."""

    id: str
    left: int | None
    fault: Fault


class ShownSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """`about` is which uncertainty of Heroku's documents it settles."""

    value: Any
    default: Any
    about: str


class ShownExchange(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    direction: Direction
    method: str
    path: str
    status: int | None
    at: datetime
    ms: float
    fault: str
    request: str
    response: str


def show_state(instruction: Instruction) -> dict[str, Any]:
    emulator = instruction.emulator
    state = emulator.state
    return {
        "url": emulator.url,
        "clock": _show_clock(emulator.clock),
        "users": len(state.users),
        "teams": len(state.teams),
        "addon_services": len(state.addon_services),
        "pipelines": len(state.pipelines),
        "apps": len(state.apps),
        "addons": Counter(str(addon.state) for addon in state.addons),
        "faults": sum(1 for _ in emulator.faults),
        "exchanges": emulator.traffic.recorded_count,
    }


def show_clock(instruction: Instruction) -> ShownClock:
    return _show_clock(instruction.emulator.clock)


def freeze_clock(instruction: Instruction) -> ShownClock:
    clock, at = instruction.emulator.clock, instruction.read(Freeze).at
    clock.freeze(_check_moment(at) if at else None)
    return _show_clock(clock)


def run_clock(instruction: Instruction) -> ShownClock:
    clock = instruction.emulator.clock
    clock.run(instruction.read(NewSpeed).speed)
    return _show_clock(clock)


def advance_clock(instruction: Instruction) -> ShownClock:
    clock, by = instruction.emulator.clock, instruction.read(Advance).by
    if not timedelta(0) <= by <= LATEST - EARLIEST:
        raise invalid("`by` has to be a duration ahead; to go back, set the clock.")
    _check_moment(clock.now() + by)
    clock.advance(by)
    return _show_clock(clock)


def set_clock(instruction: Instruction) -> ShownClock:
    clock = instruction.emulator.clock
    clock.set(_check_moment(instruction.read(NewTime).at))
    return _show_clock(clock)


def list_faults(instruction: Instruction) -> list[ShownRule]:
    return [_show_rule(rule) for rule in instruction.emulator.faults]


def add_fault(instruction: Instruction) -> ShownRule:
    faults = instruction.emulator.faults
    rule_id = faults.add(instruction.read(Fault))
    return next(_show_rule(rule) for rule in faults if rule.id == rule_id)


def remove_fault(instruction: Instruction) -> None:
    try:
        instruction.emulator.faults.remove(instruction.parts["fault"])
    except KeyError as missing:
        raise Declined(404, "not_found", f"There is no fault {missing}; its count may have run out.") from None


def clear_faults(instruction: Instruction) -> None:
    instruction.emulator.faults.clear()


def show_switches(instruction: Instruction) -> dict[str, ShownSwitch]:
    about, defaults = read_explanations(), Switches().to_dict()
    return {
        name: ShownSwitch(value=value, default=defaults[name], about=about[name])
        for name, value in instruction.emulator.switches.to_dict().items()
    }


def change_switches(instruction: Instruction) -> dict[str, ShownSwitch]:
    try:
        instruction.emulator.switches.update(instruction.members)
    except msgspec.ValidationError as error:
        raise invalid(f"{error}.") from None
    return show_switches(instruction)


def list_traffic(instruction: Instruction) -> dict[str, Any]:
    """The exchanges that are wanted, oldest first, and the number of the latest one of all."""
    wanted, traffic = instruction.read(TrafficFilter), instruction.emulator.traffic
    shown = [
        ShownExchange(number=number, **{name: getattr(exchange, name) for name in ShownExchange.__struct_fields__[1:]})
        for number, exchange in traffic.numbered()
        if number > wanted.since
        and wanted.direction in {None, exchange.direction}
        and wanted.failed in {None, exchange.has_failed}
    ]
    return {"latest": traffic.recorded_count, "exchanges": shown}


def clear_traffic(instruction: Instruction) -> None:
    instruction.emulator.traffic.clear()


CONTROLS = (
    Control("GET", "/state", show_state),
    Control("GET", "/clock", show_clock),
    Control("POST", "/clock/freeze", freeze_clock),
    Control("POST", "/clock/run", run_clock),
    Control("POST", "/clock/advance", advance_clock),
    Control("POST", "/clock/set", set_clock),
    Control("GET", "/faults", list_faults),
    Control("POST", "/faults", add_fault),
    Control("DELETE", "/faults", clear_faults),
    Control("DELETE", "/faults/{fault}", remove_fault),
    Control("GET", "/switches", show_switches),
    Control("PATCH", "/switches", change_switches),
    Control("GET", "/traffic", list_traffic),
    Control("DELETE", "/traffic", clear_traffic),
)


def _check_moment(at: datetime) -> datetime:
    if not EARLIEST <= at <= LATEST:
        raise invalid(f"The clock goes from {EARLIEST:%Y} to {LATEST:%Y}.")
    return at


def _show_clock(clock: Clock) -> ShownClock:
    return ShownClock(now=clock.now(), speed=clock.speed)


def _show_rule(rule: Rule) -> ShownRule:
    return ShownRule(id=rule.id, left=rule.left, fault=rule.fault)
