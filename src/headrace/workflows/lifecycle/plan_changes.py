"""The workflow of a plan change: the hook, its config vars, and what becomes of the plan."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from headrace.client import HerokuClient
from headrace.hooks.answers import PlanChanged, read_plan_changed
from headrace.hooks.arguments import PlanChange
from headrace.hooks.registry import Hooks, blaming
from headrace.models import State, Token
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.platform import build_config_update
from headrace.store.state.notices import NoticeKind, raise_notice, settle_notices
from headrace.store.state.plan_changes import (
    PlanChangeOutcome,
    PlanChangeRow,
    find_plan_change,
    list_settled_plan_changes,
    settle_plan_change,
)
from headrace.store.state.resources import lock_resource, update_resource
from headrace.store.state.secrets import CONFIG, MESSAGE, TOKEN, Sealing
from headrace.store.state.sights import Sight
from headrace.store.state.timeline import TimelineName, add_event, list_events
from headrace.workflows.engine.run import Run, StepFailed
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.hook_arguments import describe_resource, load_resource
from headrace.workflows.lifecycle.hook_steps import build_steps
from headrace.workflows.lifecycle.siblings import build_company
from headrace.workflows.lifecycle.steps import (
    CONFIG_LINES,
    Step,
    Traced,
    Write,
    finish,
    is_config_set,
    note,
    record,
    run_while,
    write_alone,
)

REFUSED = {
    PlanChangeOutcome.REFUSED: TimelineName.PLAN_CHANGE_REFUSED,
    PlanChangeOutcome.FAILED: TimelineName.PLAN_CHANGE_FAILED,
}


class PlanChanges:
    """Changes the plans of resources."""

    def __init__(self, core: Core, hooks: Hooks, client: HerokuClient) -> None:
        self._core = core
        self._hooks = hooks
        self._client = client
        core.engine.register(WorkflowKind.PLAN_CHANGE, self.change_plan)

    async def change_plan(self, run: Run, uuid: str, number: Any) -> None:
        """Change a resource's plan; Heroku has changed it on its side once we answer with a 2xx."""
        steps: dict[str, Step | Traced] = {
            "run_hook": partial(self._run_hook, number=number),
            "set_config": Traced(
                look=partial(_find_unset, number=number),
                act=self._set_config,
                lines=CONFIG_LINES,
                kinds=(TOKEN, _changed_config(number)),
            ),
            "settle": Traced(look=_find_unsettled, act=self._settle, read=partial(_read_changes, number=number)),
        }
        try:
            await run_while(self._core, State.PROVISIONED, run, uuid, steps)
        except StepFailed as failure:
            await run.step("refuse", partial(self._core.database.write, self._refuse, uuid, number, failure))
        await finish(self._core, run, uuid)

    async def _run_hook(self, uuid: str, *, number: int) -> None:
        core = self._core
        row, placement = await core.database.read(load_resource, uuid)
        change = await core.database.read(find_plan_change, uuid, number)
        argument = PlanChange(
            **describe_resource(row, placement),
            new_plan=change.new_plan,
            id=f"{uuid}:{number}",
            _steps=build_steps(core, self._hooks, uuid, scope=_name_scope(number)),
            _company=build_company(core, uuid),
        )
        answer = await self._hooks.call("on_plan_change", argument)
        with blaming("on_plan_change"):
            returned = read_plan_changed(answer, manifest=core.manifest)
        await core.database.write(self._save_answer, uuid, number, returned)
        names = sorted(returned.config)
        await record(core, uuid, TimelineName.HOOK_RETURNED, hook="on_plan_change", config_vars=names)

    def _save_answer(self, connection: sa.Connection, uuid: str, number: int, returned: PlanChanged) -> None:
        if returned.config:
            self._core.secrets.save_config(connection, uuid, returned.config, kind=_changed_config(number))
        if returned.message is not None:
            self._core.secrets.save_all(connection, [Sealing(uuid, _name_message(number), returned.message)])

    async def _set_config(self, _run: Run, uuid: str, found: tuple[Mapping[str, str], Token]) -> Write:
        """Set what the hook returned, and nothing else: each PATCH restarts the customer's apps.

        Without a token the config goes out with the answer to the plan change instead.
        """
        changed, token = found
        await self._client.call(uuid, build_config_update(uuid, changed), token=token)
        return note(self._core, uuid, TimelineName.CONFIG_SET, config_vars=sorted(changed))

    async def _settle(self, _run: Run, uuid: str, change: PlanChangeRow) -> Write:
        return write_alone(partial(self._record_settled, uuid=uuid, number=change.number))

    def _record_settled(self, connection: sa.Connection, *, uuid: str, number: int) -> None:
        now = self._core.clock()
        change = find_plan_change(connection, uuid, number)
        if change.outcome is not None:
            return
        update_resource(connection, uuid, plan=change.new_plan)
        message = self._core.secrets.find(connection, uuid, _name_message(number))
        settle_plan_change(connection, uuid, number, outcome=PlanChangeOutcome.DONE, message=message, now=now)
        self._keep_config(connection, uuid, number)
        settle_notices(connection, uuid, by="plan change", now=now, kinds=[NoticeKind.PLAN_CHANGE_FAILED])
        add_event(connection, uuid, TimelineName.PLAN_CHANGE_DONE, now=now, plan=change.new_plan)

    def _keep_config(self, connection: sa.Connection, uuid: str, number: int) -> None:
        """What is stored is what Heroku was told, or is told now that the change is settled."""
        secrets, kind = self._core.secrets, _changed_config(number)
        if changed := secrets.find_config(connection, uuid, kind=kind):
            secrets.merge_config(connection, uuid, changed)
        self._forget(connection, uuid, number)

    def _forget(self, connection: sa.Connection, uuid: str, number: int) -> None:
        """Forget what the hook of a plan change returned, once that is settled."""
        for kind in (_changed_config(number), _name_message(number)):
            self._core.secrets.delete(connection, uuid, kind)
        self._core.secrets.delete_parts(connection, uuid, _name_scope(number))

    def _refuse(self, connection: sa.Connection, uuid: str, number: int, failure: StepFailed) -> None:
        """Refused is what Heroku is told. When it has been promised the plan already, an operator has to know."""
        now = self._core.clock()
        lock_resource(connection, uuid)
        change = find_plan_change(connection, uuid, number)
        if change.outcome is not None:
            return
        is_refused = failure.message is not None and not is_promised(connection, uuid, number)
        outcome = PlanChangeOutcome.REFUSED if is_refused else PlanChangeOutcome.FAILED
        settle_plan_change(connection, uuid, number, outcome=outcome, message=failure.message, now=now)
        self._forget(connection, uuid, number)
        detail = {"step": failure.step, "reason": failure.reason, "plan": change.new_plan}
        add_event(connection, uuid, REFUSED[outcome], now=now, **detail)
        if outcome is PlanChangeOutcome.FAILED:
            shown = find_shown_plan(connection, uuid) or change.old_plan
            # One of an earlier change would tell of another plan.
            kind = NoticeKind.PLAN_CHANGE_FAILED
            settle_notices(connection, uuid, by="plan change", now=now, kinds=[kind])
            raise_notice(connection, uuid, kind, now=now, **detail, heroku_shows=shown)


def _find_unset(sight: Sight, _told: object, *, number: int) -> tuple[Mapping[str, str], Token] | None:
    if is_config_set(sight) or (token := sight.token) is None:
        return None
    config = sight.find_config(_changed_config(number))
    return (config, token) if config else None


def _read_changes(connection: sa.Connection, uuids: Sequence[str], *, number: int) -> dict[str, PlanChangeRow]:
    return {uuid: find_plan_change(connection, uuid, number) for uuid in uuids}


def _find_unsettled(_sight: Sight, change: PlanChangeRow) -> PlanChangeRow | None:
    return change if change.outcome is None else None


def is_promised(connection: sa.Connection, uuid: str, number: int) -> bool:
    """Whether Heroku was told of this plan change that it will be."""
    promised = list_events(connection, uuid, names=[TimelineName.PLAN_CHANGE_PROMISED])
    return any(event.detail["number"] == number for event in promised)


def find_shown_plan(connection: sa.Connection, uuid: str) -> str | None:
    """Return the plan that Heroku shows by what it was answered last, or None where it is as it was first asked for.

    A change that it was promised it shows, whatever became of it here; one that it was answered to have failed, not.
    """
    for change in list_settled_plan_changes(connection, uuid):
        if change.overtaken_at is not None:
            return change.old_plan
        if change.outcome is PlanChangeOutcome.DONE or is_promised(connection, uuid, change.number):
            return change.new_plan
    return None


def _name_scope(number: int) -> str:
    """By what the steps of a plan change's hook are found again."""
    return f"{WorkflowKind.PLAN_CHANGE}/{number}"


def _name_message(number: int) -> str:
    """The kind of secret under which a plan change keeps its message for the customer until it is settled."""
    return f"{MESSAGE}/{number}"


def _changed_config(number: int) -> str:
    """The kind of secret under which a plan change keeps its config until it is settled."""
    return f"{CONFIG}/{number}"
