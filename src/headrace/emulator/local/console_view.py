"""What the console shows: the state of an emulator arranged for one page."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from headrace.emulator.heroku.sso import may_log_in
from headrace.emulator.kit.faults import Fault, FaultBook
from headrace.emulator.kit.switches import Switches, read_explanations
from headrace.emulator.local.control_flow import ShownWeek
from headrace.emulator.local.emulated import EmulatedHeroku
from headrace.emulator.world.records import App, Pipeline, Team, User
from headrace.emulator.world.state import Registry
from headrace.emulator.world.traffic import Exchange, Traffic
from headrace.models import Stage

SHOWN_APPS = 100
SHOWN_EXCHANGES = 50
# As many as a list to choose from may have; whatever else there is can be typed.
SHOWN_CHOICES = 50
SHOWN_CHARACTERS = 20_000
SHOWN_REFUSALS = 3
UUID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
STAGES = list(Stage)
Calls = Literal["all", "to partner", "to Heroku", "failed"]


class Look(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What of the emulator somebody looks at, as the query of the console's address.

    `q` is searched for, `after` the app that the page before ended with, `app` the one that is open, `pipeline`
    where another is to be added; `before` is the number of an exchange, `refresh` a number of seconds.
    """

    q: str = ""
    after: str = ""
    app: str = ""
    pipeline: str = ""
    calls: Calls = "all"
    before: Annotated[int, msgspec.Meta(ge=0)] = 0
    refresh: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 0


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Apps of one pipeline, or of none, as far as they are on the page."""

    pipeline: Pipeline | None
    apps: Sequence[App]


class AppPage(msgspec.Struct, frozen=True, kw_only=True):
    """`found` apps match the search; `following` names the app that the next page comes after."""

    groups: Sequence[Group]
    found: int
    following: str


class QuickFault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that is one click away; `rule_id` is set while it is on."""

    label: str
    note: str
    fault: Fault
    rule_id: str | None


class SwitchField(msgspec.Struct, frozen=True, kw_only=True):
    """A switch as a field: `choices` to select from, or a text, be it a number of seconds."""

    name: str
    about: str
    value: str
    default: str
    choices: Sequence[str]
    is_seconds: bool

    @property
    def is_default(self) -> bool:
        return self.value == self.default


class ExchangeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange with its bodies laid out."""

    exchange: Exchange
    short_path: str
    request: str
    response: str


class TrafficPage(msgspec.Struct, frozen=True, kw_only=True):
    """`counts` tells how many exchanges each filter finds; `older` is the number that the next page is before."""

    counts: dict[Calls, int]
    shown: Sequence[ExchangeEntry]
    older: int


QUICK_FAULTS = (
    ("Answer 429", "Heroku to service, rate pool empty", Fault(kind="status", status=429)),
    ("Answer 503", "Heroku to service", Fault(kind="status", status=503)),
    ("Slow by 5 s", "Heroku to service", Fault(kind="latency", seconds=5)),
    ("Drop the connection", "after the service's request is read", Fault(kind="drop")),
    (
        "Deliver twice",
        "provisions and webhooks to the service",
        Fault(kind="duplicate", direction="to partner", method="POST"),
    ),
    ("Expired grant", "next provision only", Fault(kind="expired_grant", direction="to partner", count=1)),
)


def list_apps(state: Registry, look: Look) -> AppPage:
    """Return a page of the apps that match, by pipeline, in the order of the stages."""
    apps = sorted((app for app in state.apps if _matches(app, look.q.lower())), key=_place)
    after = state.apps.find(look.after)
    rest = [app for app in apps if _place(app) > _place(after)] if after else apps
    shown = rest[:SHOWN_APPS]
    selected = state.apps.find(look.app)
    if selected is not None and selected not in shown:
        shown = [selected, *shown]
    return AppPage(
        groups=[
            Group(pipeline=pipeline, apps=list(members))
            for pipeline, members in groupby(shown, lambda app: app.coupling.pipeline if app.coupling else None)
        ],
        found=len(apps),
        following=rest[SHOWN_APPS - 1].id if len(rest) > SHOWN_APPS else "",
    )


def list_people(state: Registry, app: App) -> list[User]:
    """Return who may open the add-ons of an app: its owner or the members of its team, and its collaborators."""
    owners = [state.users[user_id] for user_id in app.owner.roles] if isinstance(app.owner, Team) else [app.owner]
    people = {user.id: user for user in [*owners, *(found.user for found in app.collaborators.values())]}
    return [user for user in people.values() if may_log_in(app, user)][:SHOWN_CHOICES]


def list_quick_faults(faults: FaultBook) -> list[QuickFault]:
    on = {rule.fault: rule.id for rule in faults}
    return [
        QuickFault(label=label, note=note, fault=fault, rule_id=on.get(fault)) for label, note, fault in QUICK_FAULTS
    ]


def list_switches(switches: Switches) -> list[SwitchField]:
    about, defaults, kinds = read_explanations(), Switches().to_dict(), get_type_hints(Switches)
    return [
        SwitchField(
            name=name,
            about=about[name],
            value=_spell(value),
            default=_spell(defaults[name]),
            choices=_list_choices(kinds[name]),
            is_seconds=kinds[name] is timedelta,
        )
        for name, value in switches.to_dict().items()
    ]


def list_traffic(traffic: Traffic, look: Look) -> TrafficPage:
    """Return a page of the exchanges that the filter finds, newest first."""
    found = [
        (number, exchange)
        for number, exchange in traffic.numbered()
        if FILTERS[look.calls](exchange) and (not look.before or number < look.before)
    ][::-1]
    shown = found[:SHOWN_EXCHANGES]
    return TrafficPage(
        counts={calls: sum(map(finds, traffic)) for calls, finds in FILTERS.items()},
        shown=[_lay_out_exchange(exchange) for _, exchange in shown],
        older=shown[-1][0] if len(found) > len(shown) else 0,
    )


FILTERS: dict[Calls, Callable[[Exchange], bool]] = {
    "all": lambda _: True,
    "to partner": lambda exchange: exchange.direction == "to partner",
    "to Heroku": lambda exchange: exchange.direction == "to Heroku",
    "failed": lambda exchange: exchange.has_failed,
}


def list_owners(emulator: EmulatedHeroku) -> list[str]:
    state = emulator.state
    return [*(team.name for team in state.teams), *state.users_by_email][:SHOWN_CHOICES]


def list_plans(state: Registry) -> list[str]:
    """Return every plan with its service, the default ones first."""
    plans = sorted(state.plans.values(), key=lambda plan: not plan.is_default)
    return [plan.full_name for plan in plans]


def tell_week(week: ShownWeek) -> str:
    """Say what became of a week of pull requests: its books in a few sentences."""
    done = ", ".join(f"{what} {count}" for what, count in sorted(week.done.items()))
    live = ", ".join(f"{count} in {stage}" for stage, count in sorted(week.live.items()))
    refused = "; ".join(week.refused[:SHOWN_REFUSALS])
    return (
        f"The week is over: {week.provisioned} add-ons provisioned, of which there are {live or 'none'}. Done: {done}. "
        + (f"Refused: {len(week.refused)}, among them {refused}" if refused else "Nothing was refused.")
    )


def lay_out(body: str) -> str:
    """Return JSON with a line for each member, anything else as it is, and of either not too much."""
    try:
        text = msgspec.json.format(body, indent=2) if body else ""
    except msgspec.MsgspecError:
        text = body
    if len(text) <= SHOWN_CHARACTERS:
        return text
    return f"{text[:SHOWN_CHARACTERS]}\n({len(text) - SHOWN_CHARACTERS} more characters)"


def _lay_out_exchange(exchange: Exchange) -> ExchangeEntry:
    return ExchangeEntry(
        exchange=exchange,
        short_path=UUID.sub(r"\1…", exchange.path),
        request=lay_out(exchange.request),
        response=lay_out(exchange.response),
    )


def _matches(app: App, wanted: str) -> bool:
    """Search the names of app, pipeline, owner and add-ons."""
    pipeline = app.coupling.pipeline.name if app.coupling else ""
    names = (app.name, pipeline, app.owner.name, *(addon.name for addon in app.addons.values()))
    return any(wanted in name.lower() for name in names)


def _place(app: App) -> tuple[bool, str, str, int, str, str]:
    """The order of the page; what is in no pipeline comes last."""
    coupling = app.coupling
    if coupling is None:
        return True, "", "", 0, app.name, app.id
    return False, coupling.pipeline.name, coupling.pipeline.id, STAGES.index(coupling.stage), app.name, app.id


def _list_choices(kind: Any) -> tuple[str, ...]:
    if kind is bool:
        return "true", "false"
    return get_args(kind) if get_origin(kind) is Literal else ()


def _spell(value: Any) -> str:
    """Return a switch's value as a field has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
