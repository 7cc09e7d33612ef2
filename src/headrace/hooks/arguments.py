"""What hooks are called with."""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from headrace.hooks.company import Company
from headrace.hooks.steps import StepBook, find_place
from headrace.models import Actor, Outcome, Ref, Secret, Stage, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One provisioned instance of the add-on, as a hook sees it. `uuid` is the idempotency key.

    `plan` is the bare name of a plan, `options` the customer's `--key value` extras, as text. `app`, `pipeline` and
    `stage` are where an inspection last found it; None is what nobody could tell, or what there is not.
    """

    uuid: str
    name: str
    plan: str
    region: str
    options: Mapping[str, str]
    app: Ref | None = None
    pipeline: Ref | None = None
    stage: Stage | str | None = None
    _steps: StepBook = field(default_factory=StepBook, repr=False, compare=False)
    _company: Company = field(default_factory=Company, repr=False, compare=False)

    def step(self, name: str, function: Callable[..., Any], *args: Any) -> Coroutine[Any, Any, Any]:
        """Call a function once: `await resource.step("make index", make, arg)`, in any hook but a panel.

        When the hook runs again, after a crash or an error, the result is returned and the function is not called. It
        is plain or `async`; its result is JSON, stored sealed, and returned as JSON has it from the first time on: a
        tuple as a list, a moment as a text. What is kept belongs to one request: the next plan change has steps of
        its own. A step that fails is tried again with its hook.

        Raises:
            MisuseError: the name is used twice in the hook, or longer than 100 characters; the result is no JSON.
        """
        return self._steps.do(name, partial(function, *args), place=find_place(2))

    async def siblings(self) -> "list[KnownResource]":
        """Return your other resources whose apps stand in the same pipeline, the oldest first; none without a pipeline.

        They are as they are known now, without asking Heroku: each says in `checked_at` when Heroku last told where it
        is, and has its `state`. Those that have gone are not among them. A resource that has no grant's token is asked
        about by nobody, and knows no pipeline.
        """
        return list(await self._company.find_siblings())

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """Hold a lock for as long as a block lasts: `async with provision.lock("shared index"):`.

        One hook at a time holds a name, in all processes; the others wait for as long as a hook may take. Who dies with
        it loses it half a minute later. Names have 200 characters at the most.
        """
        return self._company.lock(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownResource(Resource):
    """A resource as it is stored, which may be handed to whatever takes a `Resource`.

    `placed_at` is since when its app is where it is, `checked_at` when Heroku last told of that; both are None where
    Heroku has not told. All moments are in UTC. Asked for `as_of` a moment, everything but the name is as it was then,
    and `left_at` is when the app went from there since.
    """

    state: State
    created_at: datetime
    provisioned_at: datetime | None = None
    deprovisioned_at: datetime | None = None
    placed_at: datetime | None = None
    left_at: datetime | None = None
    checked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision(Resource):
    """A resource to create. The hook may run again after a crash: create by `uuid`, so that twice is once.

    `stage` and `pipeline` are known before the hook runs. They are None when the app is in no pipeline or when
    Heroku did not tell: `outcome` says which. Without a grant from Heroku nobody could ask, and it is None.
    `log_input_url` and `log_drain_token` are there when the manifest requires `log_input` or `syslog_drain`.
    """

    outcome: Outcome | None = None
    log_input_url: Secret | None = None
    log_drain_token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange(Resource):
    """A change of plan from `plan` to `new_plan`, both bare names. Raise Refused to say no; the customer reads why.

    `id` is the idempotency key: each change has one of its own, however often its hook runs, and going from one plan
    to another and back are two changes.
    """

    new_plan: str
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation(Resource):
    """Credentials to renew: make new ones beside the old ones and return them; the old ones have to go on working.

    `id` is the idempotency key, `config` what Heroku was last told. The app restarts with the new values a moment
    after the hook has returned.
    """

    id: str = ""
    config: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement(Resource):
    """Credentials that a rotation has replaced: from now on they may cease to work.

    `old_config` has those config vars as they were before, `config` what Heroku has been told since. `id` is the
    idempotency key.
    """

    id: str = ""
    old_config: Mapping[str, Secret] = field(default_factory=dict)
    config: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOrder(Resource):
    """An action of yours that somebody has ordered of a resource: its name is `action`, and `ordered_by` says who.

    `id` is the idempotency key: each order has one of its own, however often its hook runs.
    """

    action: str
    id: str = ""
    ordered_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChange(Resource):
    """An app has moved: `pipeline` and `stage` are where it is now, `old_…` where it was; None is in no pipeline."""

    old_pipeline: Ref | None
    old_stage: Stage | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An attempt of a hook that failed, of resource `uuid`; `attempt` counts from 1.

    `hook` is its name as it is registered, such as `on_provision` or `on_event("api:app")`. `error` is what it raised,
    with its traceback; secrets of the resource and of the service are masked in the texts of it and of what caused it,
    and `traceback` is all of that as text. `will_retry` says whether another attempt follows.
    """

    uuid: str
    hook: str
    attempt: int
    error: Exception
    traceback: str
    will_retry: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Heroku tells that something about a resource has changed; `id` is the idempotency key.

    `entity` is what it is about, such as `api:app`, `action` a word such as create, update or destroy. `data` is the
    thing as the Platform API shows it, `previous_data` what changed members were before, `actor` who did it. Events may
    come late and in any order: the one with the later `updated_at` is the newer. `resource` is what we know of the
    resource now.
    """

    id: str
    entity: str
    action: str
    resource: Resource
    created_at: datetime
    updated_at: datetime
    data: Mapping[str, Any] = field(repr=False)
    previous_data: Mapping[str, Any] = field(repr=False)
    actor: Actor | None = field(repr=False)

    def step(self, name: str, function: Callable[..., Any], *args: Any) -> Coroutine[Any, Any, Any]:
        """Call a function once for this event, as `Resource.step` does."""
        return self.resource._steps.do(name, partial(function, *args), place=find_place(2))  # noqa: SLF001
