"""The partner's side of the port: what hooks are called with, and which hooks there are."""

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from headrace.errors import MisuseError
from headrace.models import Outcome, Ref, Secret, Stage
from headrace.protocol.manifest import Manifest
from headrace.protocol.retries import PROVISION_LIMIT
from headrace.protocol.webhooks import ENTITIES, Actor

T = TypeVar("T")

# A hook that takes longer has failed; Heroku has given its add-on up by then (contract §3).
HOOK_LIMIT = PROVISION_LIMIT
# Plain functions run on threads of their own kind: a hundred hooks that hang cost no other thread, and a panel
# that hangs costs no hook one.
HOOK_THREADS = ThreadPoolExecutor(max_workers=1000, thread_name_prefix="headrace-hook")
PANEL_THREADS = ThreadPoolExecutor(max_workers=32, thread_name_prefix="headrace-panel")

Checkpoint = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One provisioned instance of the add-on, as a hook sees it. `uuid` is the idempotency key."""

    uuid: str
    name: str
    plan: str
    region: str
    options: Mapping[str, str]
    app: Ref | None = None
    pipeline: Ref | None = None
    stage: Stage | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision(Resource):
    """A resource to create. The hook may run again after a crash: create by `uuid`, so that twice is once.

    `stage` and `pipeline` are known before the hook runs. They are None when the app is in no pipeline or when
    Heroku did not tell: `outcome` says which. Without a grant from Heroku nobody could ask, and it is None.
    """

    outcome: Outcome | None = None
    log_input_url: Secret | None = None
    log_drain_token: Secret | None = None
    _checkpoint: Checkpoint = field(repr=False)

    async def step(self, name: str, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function once: after a crash its first result is returned and it is not called again.

        The result has to be JSON; it is stored sealed. Names are unique within a hook.
        """
        return await self._checkpoint(name, lambda: call(function, *args))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChange(Resource):
    """A change of plan; `plan` is the plan it has now. Raise Refused to say no; the customer reads why."""

    new_plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChange(Resource):
    """An app has moved: `pipeline` and `stage` are where it is now, `old_…` where it was."""

    old_pipeline: Ref | None
    old_stage: Stage | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Heroku tells that something about a resource has changed; `id` is the idempotency key.

    `data` is the thing as the Platform API shows it, `previous_data` what changed members were before, `actor` who
    did it. Events may come late and in any order: the one with the later `updated_at` is the newer. `resource` is
    what we know of the resource now.
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


class HookFailed(Exception):
    """A hook raised an error; the text is its traceback, as it may be logged."""


HOOKS = {
    "on_provision": "async def create(provision: Provision) -> dict[str, str]:",
    "on_plan_change": "async def resize(change: PlanChange) -> dict[str, str] | None:",
    "on_deprovision": "async def drop(resource: Resource) -> None:",
    "on_stage_change": "async def move(change: StageChange) -> None:",
    "on_event": "async def hear(event: Event) -> None:",
    "panel": "async def show(resource: Resource) -> Panel | None:",
}
REQUIRED = ("on_provision", "on_plan_change", "on_deprovision")


class Hooks:
    """The hooks a partner has registered, by name."""

    def __init__(self) -> None:
        self._functions: dict[str, Callable[..., Any]] = {}

    def register(self, name: str, function: Callable[..., T]) -> Callable[..., T]:
        """Register a hook and hand it back, so that it can be used as a decorator.

        Raises:
            MisuseError: there is one already, or it does not take one argument.
        """
        if name in self._functions:
            raise MisuseError(f"@service.{name} is registered twice: on {self._functions[name].__qualname__} and here.")
        try:
            inspect.signature(function).bind(None)
        except TypeError:
            raise MisuseError(f"{function.__qualname__} has to take one argument:\n\n{_example(name)}") from None
        self._functions[name] = function
        return function

    def register_for_events(self, entities: Collection[str], function: Callable[..., T]) -> None:
        """Register a hook for events about these entities."""
        for entity in entities:
            self.register(name_event_hook(entity), function)

    def list_entities(self) -> list[str]:
        """Return the entities for which there is a hook."""
        return [entity for entity in sorted(ENTITIES) if self.has(name_event_hook(entity))]

    def find_missing(self) -> list[str]:
        """Say for each required hook that is missing which lines to paste."""
        return [
            f"There is no @service.{name}. Add one:\n\n{_example(name)}"
            for name in REQUIRED
            if name not in self._functions
        ]

    def has(self, name: str) -> bool:
        return name in self._functions

    async def call(self, name: str, argument: object) -> Any:
        """Call a hook.

        Raises:
            TimeoutError: it takes longer than any hook may. One that blocks is left behind on its thread.
        """
        threads = PANEL_THREADS if name == "panel" else HOOK_THREADS
        async with asyncio.timeout(HOOK_LIMIT.total_seconds()):
            return await call(self._functions[name], argument, threads=threads)


async def call(function: Callable[..., Any], *args: Any, threads: ThreadPoolExecutor = HOOK_THREADS) -> Any:
    """Call a function of the partner's: a plain one on a thread, so that it may block."""
    if inspect.iscoroutinefunction(function):
        return await function(*args)
    run = partial(contextvars.copy_context().run, function, *args)
    result = await asyncio.get_running_loop().run_in_executor(threads, run)
    return await result if inspect.isawaitable(result) else result


def require_entities(names: Collection[object]) -> None:
    """Raise MisuseError unless these are names of entities, one at least; a hook put there itself is none."""
    known = sorted(ENTITIES)
    unknown = [str(name) for name in names if name not in known]
    if unknown or not names:
        raise MisuseError(
            f"@service.on_event takes names of entities, not {', '.join(unknown) or 'nothing'}. "
            f"There are {', '.join(known)}:\n\n{_example(name_event_hook('api:app'))}"
        )


def name_event_hook(entity: str) -> str:
    """Return the name under which the hook for an entity is registered: as it is written in the partner's code."""
    return f'on_event("{entity}")'


def read_config(returned: object, *, manifest: Manifest) -> dict[str, str]:
    """Return the config vars that a hook returned, checked as Heroku will check them (contract §1.2).

    Raises:
        MisuseError: something Heroku would refuse; the text says what to do.
    """
    try:
        config = msgspec.convert(returned or {}, dict[str, str])
    except msgspec.ValidationError:
        raise MisuseError("A hook returns a dict of config vars: names and values are both text.") from None
    if undeclared := manifest.find_undeclared(config):
        raise MisuseError(
            f"The hook returned {', '.join(undeclared)}, which the manifest does not declare. "
            "Add it to api.config_vars and push the manifest, or return another name."
        )
    for name, value in config.items():
        if name.endswith("_URL") and not read_scheme(value):
            raise MisuseError(f"The hook returned a {name} that is not an absolute URL.")
    return config


def read_scheme(url: str) -> str:
    """Return a URL's scheme, such as `https` or `postgres`; empty when it is no absolute URL."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _example(name: str) -> str:
    return f"    @service.{name}\n    {HOOKS[name.partition('(')[0]]}\n        ...\n"
