"""The runs of a timeline: what was asked for, each step in one line with how long it took, and the whole."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from headrace.protocol.lifecycle import WorkflowKind
from headrace.store.state.timeline import TimelineName as Name
from headrace.web.operators.story.lines import Fold, Line, Source, fold_lines, spell_title

HOOK, HEROKU, WAITING = "hook", "heroku", "waiting"
# With these a run begins, and of what kind it is.
BEGINNINGS: Mapping[str, WorkflowKind | None] = {
    Name.PROVISION_REQUESTED: WorkflowKind.PROVISION,
    Name.PLAN_CHANGE_REQUESTED: WorkflowKind.PLAN_CHANGE,
    Name.PLAN_CHANGE_RECONCILED: WorkflowKind.PLAN_CHANGE,
    Name.DEPROVISION_REQUESTED: WorkflowKind.DEPROVISION,
    Name.DEPROVISION_RECONCILED: WorkflowKind.DEPROVISION,
    Name.CONFIG_REQUESTED: WorkflowKind.CONFIG_CHANGE,
    Name.LOG_DRAIN_REQUESTED: WorkflowKind.CONFIG_CHANGE,
    Name.ACTION_REQUESTED: WorkflowKind.CONFIG_CHANGE,
    # It goes on with what had failed, of whatever kind.
    Name.OPERATOR_RETRIED: None,
}
ENDS = frozenset(
    {
        *(Name.PROVISION_DONE, Name.PROVISION_FAILED, Name.PROVISION_EXPIRED),
        *(Name.PLAN_CHANGE_DONE, Name.PLAN_CHANGE_REFUSED, Name.PLAN_CHANGE_FAILED),
        *(Name.DEPROVISION_DONE, Name.DEPROVISION_FAILED, Name.CONFIG_FAILED, Name.ACTION_FAILED),
    }
)
# What goes on between them; an order about config vars has its end among these.
MEMBERS = frozenset(
    {
        *(Name.GRANT_EXCHANGED, Name.PLACEMENT_FOUND, Name.HOOK_RETURNED, Name.CONFIG_SET, Name.LOG_DRAIN_SET),
        *(Name.DEPROVISION_PROMISED, Name.DEPROVISION_TOLD),
        *(Name.PLAN_CHANGE_PROMISED, Name.HEROKU_ASKED, Name.HEROKU_REFUSED, Name.HEROKU_TOLD),
        *(Name.TELL_HEROKU_FAILED, Name.OPERATOR_HURRIED, Name.OPERATOR_GAVE_UP, Name.ACTION_BEGUN, Name.ACTION_DONE),
    }
)
ENDS_OF_ORDERS = frozenset({Name.CONFIG_SET, Name.LOG_DRAIN_SET, Name.ACTION_DONE})
# Which step has what effect: the two are one line.
EFFECTS: Mapping[str, tuple[str, ...]] = {
    "exchange_grant": (Name.GRANT_EXCHANGED,),
    "inspect": (Name.PLACEMENT_FOUND,),
    "run_hook": (Name.HOOK_RETURNED, Name.ACTION_DONE),
    "set_config": (Name.CONFIG_SET,),
    "set_log_drain": (Name.LOG_DRAIN_SET,),
    "mark_provisioned": (Name.PROVISION_DONE,),
    "settle": (Name.PLAN_CHANGE_DONE,),
    "mark_deprovisioned": (Name.DEPROVISION_TOLD,),
    "forget": (Name.DEPROVISION_DONE,),
    "tell_heroku": (Name.HEROKU_TOLD,),
}
STEP_OF = {name: step for step, names in EFFECTS.items() for name in names}
ORDER: Mapping[WorkflowKind, tuple[str, ...]] = {
    WorkflowKind.PROVISION: ("exchange_grant", "inspect", "run_hook", "set_config", "mark_provisioned"),
    WorkflowKind.PLAN_CHANGE: ("run_hook", "set_config", "settle"),
    WorkflowKind.DEPROVISION: ("run_hook", "forget"),
}
SPELLED = {
    "exchange_grant": "Exchange the grant",
    "inspect": "Read add-on and pipeline",
    "run_hook": "Run your hook",
    "set_config": "Set config vars",
    "set_log_drain": "Set the log drain",
    "mark_provisioned": "Tell Heroku that it is provisioned",
    "settle": "Settle the plan",
    "mark_deprovisioned": "Tell Heroku that it is gone",
    "forget": "Forget its secrets",
    "tell_heroku": "Tell Heroku that it failed",
    "clean_up": "Remove what the hook made",
}
# Moments of one thing, taken by two who write it down.
APART = timedelta(milliseconds=250)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a run: when it was over, and how long it took in seconds; `x` and `width` are hundredths of the run.

    `part` is who had the time; None where nobody did.
    """

    line: Line
    title: str
    seconds: float | None = None
    part: str | None = None
    x: float = 0.0
    width: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """What a run is doing now: `step` is what it is at, or None where that is not known."""

    step: str | None
    since: datetime
    is_waiting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What was asked for, and what became of it; `seconds` is the whole, None where its end or beginning is not here.

    `parts` has the seconds of each who had them, and where on a bar of a hundred they are.
    """

    kind: WorkflowKind | None
    title: str
    began_at: datetime
    ended_at: datetime | None
    is_failed: bool
    entries: Sequence[Entry]
    seconds: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    going: Going | None = None


@dataclass
class _Open:
    kind: WorkflowKind | None
    lines: list[Line]
    end: Line | None = None


def tell_story(lines: Iterable[Line]) -> list[Run | Fold]:
    """Return the runs that these lines make up, and between them what belongs to none, the oldest first."""
    told: list[_Open | list[Line]] = []
    run: _Open | None = None
    for line in sorted(lines, key=lambda each: each.key):
        if line.source is Source.EVENT and line.name in BEGINNINGS:
            kind = BEGINNINGS[line.name] or _read_order(line) or (run.kind if run else None)
            run = _Open(kind=kind, lines=[line])
            told.append(run)
        elif run is not None and _belongs(line, run):
            run.lines.append(line)
            run.end = line if run.end is None and _ends(line, run) else run.end
        elif told and isinstance(told[-1], list):
            told[-1].append(line)
        else:
            told.append([line])
    story: list[Run | Fold] = []
    for each in told:
        story += [_build_run(each)] if isinstance(each, _Open) else fold_lines(each)
    return story


def go_on(run: Run, *, is_waiting: bool, now: datetime) -> Run:
    """Return a run that is not over, with what it is doing now."""
    done = {STEP_OF.get(entry.line.name) for entry in run.entries if entry.line.source is Source.EVENT}
    step = next((step for step in ORDER.get(run.kind, ()) if step not in done), None) if run.kind else None
    last = run.entries[-1].line
    since = last.at + timedelta(seconds=last.detail.get("next_after_seconds", 0)) if run.entries else run.began_at
    going = Going(step=step, since=min(since, now), is_waiting=is_waiting or since > now)
    return replace(run, going=going, seconds=max(0.0, (now - run.began_at).total_seconds()))


def spell_step(step: str) -> str:
    """Return `Run your hook`, or a step's own name with spaces."""
    return SPELLED.get(step) or step.replace("_", " ").capitalize()


def drop_seconds(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line's detail without how long it took, which stands beside it."""
    return {name: value for name, value in detail.items() if name != "seconds"}


def _belongs(line: Line, run: _Open) -> bool:
    if line.source is Source.STEP:
        return line.detail["workflow"] == run.kind and (run.end is None or _begin_of(line) <= run.end.at + APART)
    return line.source is Source.EVENT and run.end is None and (line.name in ENDS or line.name in MEMBERS)


def _ends(line: Line, run: _Open) -> bool:
    is_order = run.kind is WorkflowKind.CONFIG_CHANGE
    return line.source is Source.EVENT and (line.name in ENDS or (is_order and line.name in ENDS_OF_ORDERS))


def _read_order(line: Line) -> WorkflowKind | None:
    """What an operator had tried again."""
    what = str(line.detail.get("what", "")).replace(" ", "-").replace("_", "-")
    return next((kind for kind in WorkflowKind if kind == what), None)


def _begin_of(line: Line) -> datetime:
    return line.at - timedelta(seconds=line.detail.get("seconds", 0))


def _build_run(run: _Open) -> Run:
    first, end = run.lines[0], run.end
    entries = _measure(_merge(run.lines))
    seconds = (end.at - first.at).total_seconds() if end is not None else None
    return Run(
        kind=run.kind,
        title=_name(first),
        began_at=first.at,
        ended_at=end.at if end is not None else None,
        is_failed=end is not None and end.is_failure,
        entries=_draw(entries, first.at, seconds) if seconds else entries,
        seconds=seconds,
        parts=_split(entries, seconds) if seconds else {},
    )


def _merge(lines: Sequence[Line]) -> list[Line]:
    """Give each effect the seconds of the step that had it, and leave that step's own line out."""
    seconds: dict[int, float] = {}
    left_out: set[int] = set()
    for number, step in enumerate(lines):
        if step.source is not Source.STEP or "reason" in step.detail:
            continue
        for at, event in enumerate(lines):
            is_effect = event.source is Source.EVENT and event.name in EFFECTS.get(step.name, ())
            if is_effect and at not in seconds and _begin_of(step) - APART <= event.at <= step.at + APART:
                seconds[at] = step.detail.get("seconds", 0.0)
                left_out.add(number)
                break
    merged = []
    for at, line in enumerate(lines):
        if at not in left_out:
            detail = {**line.detail, "seconds": seconds[at]} if at in seconds else line.detail
            merged.append(replace(line, detail=detail))
    return merged


def _measure(lines: Sequence[Line]) -> list[Entry]:
    """Say how long each line took: as it tells itself, or since the one before it, as steps follow each other."""
    entries: list[Entry] = []
    for line in lines:
        step = line.name if line.source is Source.STEP else STEP_OF.get(line.name)
        seconds = line.detail.get("seconds")
        if seconds is None and step is not None and entries:
            seconds = max(0.0, (line.at - entries[-1].line.at).total_seconds())
        part = None if step is None or seconds is None else HOOK if step in ("run_hook", "clean_up") else HEROKU
        if step is None:
            seconds = None
        title = spell_step(line.name) if line.source is Source.STEP else spell_title(line)
        entries.append(Entry(line=line, title=title, seconds=seconds, part=part))
    return entries


def _draw(entries: Iterable[Entry], began_at: datetime, whole: float) -> list[Entry]:
    """Say where on the run's bar each line is."""
    drawn = []
    for entry in entries:
        if entry.seconds is None:
            drawn.append(entry)
            continue
        end = min(100.0, max(0.0, 100 * (entry.line.at - began_at).total_seconds() / whole))
        width = max(0.6, min(end, 100 * entry.seconds / whole))
        drawn.append(replace(entry, x=round(min(100 - width, end - min(end, width)), 2), width=round(width, 2)))
    return drawn


def _split(entries: Iterable[Entry], whole: float) -> dict[str, float]:
    spent = {WAITING: 0.0, HEROKU: 0.0, HOOK: 0.0}
    for entry in entries:
        if entry.part is not None and entry.seconds is not None:
            spent[entry.part] += entry.seconds
    spent[WAITING] = max(0.0, whole - spent[HEROKU] - spent[HOOK])
    return spent


def _name(line: Line) -> str:
    detail = line.detail
    if line.name == Name.PROVISION_REQUESTED:
        return f"Provision on {detail['plan']}" if "plan" in detail else "Provision"
    if line.name in (Name.PLAN_CHANGE_REQUESTED, Name.PLAN_CHANGE_RECONCILED):
        new = detail.get("new_plan") or detail.get("plan")
        return f"Plan change {detail.get('old_plan')} → {new}"
    if line.name in (Name.DEPROVISION_REQUESTED, Name.DEPROVISION_RECONCILED):
        return "Deprovision"
    if line.name == Name.OPERATOR_RETRIED:
        return "Tried again by an operator"
    if line.name == Name.ACTION_REQUESTED:
        return str(detail.get("action"))
    return "Log drain" if line.name == Name.LOG_DRAIN_REQUESTED else "Config vars"
