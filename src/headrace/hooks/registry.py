"""The hooks that a partner has registered, and how they are called."""

import asyncio
import contextvars
import inspect
import re
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from headrace.errors import MisuseError
from headrace.hooks.lifespan import Lifespan
from headrace.hooks.loop import HookLoop
from headrace.hooks.threads import HookThreads
from headrace.protocol.retries import PROVISION_LIMIT
from headrace.protocol.webhooks import ENTITIES
from headrace.telemetry.context import about
from headrace.telemetry.tracing import span

# A hook that takes longer has failed; Heroku has given its add-on up by then (contract §3).
HOOK_LIMIT = PROVISION_LIMIT

# Is told a hook's name and its argument.
LeftBehind = Callable[[str, Any], None]

HOOKS = {
    "on_provision": "async def create(provision: Provision) -> dict[str, str]:",
    "on_plan_change": "async def resize(change: PlanChange) -> dict[str, str] | None:",
    "on_deprovision": "async def drop(resource: Resource) -> None:",
    "on_rotate": "async def rotate(rotation: Rotation) -> dict[str, str]:",
    "on_retire": "async def retire(retirement: Retirement) -> None:",
    "on_stage_change": "async def move(change: StageChange) -> None:",
    "on_event": "async def hear(event: Event) -> None:",
    "action": "async def rebuild(order: ActionOrder) -> str | None:",
    "on_error": "def tell(failure: Failure) -> None:",
    "panel": "async def show(resource: Resource) -> Panel | None:",
}
LONGEST_ACTION = 60
ACTION_NAME = re.compile(r"[^\W_](?:[^\W_]|[ -]){0,58}[^\W_]|[^\W_]")
# What an error has that is a hook's fault.
BLAMED = "headrace_hook"
REQUIRED = ("on_provision", "on_plan_change", "on_deprovision")


class Hooks:
    """The hooks a partner has registered, by name."""

    def __init__(self) -> None:
        self._functions: dict[str, Callable[..., Any]] = {}
        self._actions: list[str] = []
        self._threads = HookThreads()
        self.loop = HookLoop()
        self._lifespan: Lifespan[Any] | None = None
        self._when_left_behind: LeftBehind | None = None
        # Of resources that another provider provisions: none is needed.
        self.is_of_fleet = False

    def register(self, name: str, function: Callable[..., Any]) -> None:
        """Register a hook.

        Raises:
            MisuseError: there is one already, or it does not take one argument.
        """
        if name in self._functions:
            raise MisuseError(f"@service.{name} is registered twice: on {_name(self._functions[name])} and here.")
        try:
            inspect.signature(function).bind(None)
        except TypeError:
            raise MisuseError(f"{_name(function)} has to take one argument:\n\n{_example(name)}") from None
        self._functions[name] = function

    def register_for_events(self, entities: Collection[str], function: Callable[..., Any]) -> None:
        """Register a hook for events about these entities."""
        for entity in entities:
            self.register(name_event_hook(entity), function)

    def list_entities(self) -> list[str]:
        """Return the entities for which there is a hook."""
        return [entity for entity in sorted(ENTITIES) if self.has(name_event_hook(entity))]

    def list_actions(self) -> list[str]:
        """Return the names of the partner's own actions, in the order in which they stand in the code."""
        return list(self._actions)

    def register_action(self, name: str, function: Callable[..., Any]) -> None:
        """Register the hook of an action.

        Raises:
            MisuseError: there is one of this name, or its function does not take one argument.
        """
        self.register(name_action_hook(name), function)
        self._actions.append(name)

    def require_action(self, name: str) -> None:
        """See to it that there is an action of this name.

        Raises:
            MisuseError: there is none; the text has those that there are, or the lines to paste.
        """
        if name in self._actions:
            return
        there = ", ".join(f'"{each}"' for each in self._actions)
        hint = f"There is {there}." if there else f"Add one:\n\n{_example(name_action_hook('Rebuild index'))}"
        raise MisuseError(f"There is no action {name[:LONGEST_ACTION]!r}. {hint}")

    def find_missing(self) -> list[str]:
        """Say for each required hook that is missing which lines to paste."""
        return [
            f"There is no @service.{name}. Add one:\n\n{_example(name)}"
            for name in REQUIRED
            if name not in self._functions and not self.is_of_fleet
        ]

    def has(self, name: str) -> bool:
        return name in self._functions

    def require(self, name: str) -> None:
        """See to it that there is a hook.

        Raises:
            MisuseError: there is none; the text has the lines to paste.
        """
        if name not in self._functions:
            raise MisuseError(f"There is no @service.{name}. Add one:\n\n{_example(name)}")

    def when_left_behind(self, tell: LeftBehind) -> None:
        """Say who is told when a plain hook returns, or fails, that nobody waits for any more."""
        self._when_left_behind = tell

    async def call(self, name: str, argument: object) -> Any:
        """Call a hook.

        Raises:
            TimeoutError: it takes longer than any hook may. One that blocks is left behind on its thread.
        """
        threads = self._threads.for_panels if name == "panel" else self._threads.for_hooks
        named = {"hook": name, **_name_resource(argument)}
        with blaming(name), about(**named), span(f"hook {name}") as traced:
            traced.tell(_describe(argument))
            async with asyncio.timeout(HOOK_LIMIT.total_seconds()):
                tell = self._when_left_behind and partial(self._when_left_behind, name, argument)
                return await self._call(partial(self._functions[name], argument), threads, tell)

    async def call_part(self, function: Callable[[], Any]) -> Any:
        """Call a function that a hook hands over, plain or `async`, and return what it returns."""
        return await self._call(function, self._threads.for_hooks)

    def live_for(self, lifespan: Lifespan[Any]) -> None:
        """Register what hooks share.

        Raises:
            MisuseError: there is something already.
        """
        if self._lifespan is not None:
            raise MisuseError("@service.lifespan is registered twice. Open both in one function, and yield both.")
        self._lifespan = lifespan

    async def begin(self) -> None:
        """Open what hooks share, before any is called; what the partner's function raises comes out of this."""
        if self._lifespan is not None:
            await self.loop.run(self._lifespan.begin())

    async def finish(self) -> None:
        """Close what hooks share, after the last was called."""
        if self._lifespan is not None and self.loop.running is not None:
            await self.loop.run(self._lifespan.finish())

    def end_threads(self) -> None:
        """Let go of the threads that hooks run on; a plain hook that still runs keeps its own until it returns."""
        self._threads.end()
        self.loop.end()

    async def _call(
        self,
        function: Callable[[], Any],
        threads: ThreadPoolExecutor,
        when_left_behind: Callable[[], None] | None = None,
    ) -> Any:
        """Call a function of the partner's: a plain one on a thread, so that it may block, others on their loop."""
        if inspect.iscoroutinefunction(function):
            return await self.loop.run(function())
        called = threads.submit(contextvars.copy_context().run, function)
        try:
            result = await asyncio.wrap_future(called)
        except asyncio.CancelledError:
            if when_left_behind is not None:
                called.add_done_callback(lambda ended: None if ended.cancelled() else when_left_behind())
            raise
        return await self.loop.wait_for(result) if inspect.isawaitable(result) else result


def _name_resource(argument: object) -> dict[str, str]:
    """Say which resource a hook is called about; an event has it a step further."""
    uuid = getattr(getattr(argument, "resource", argument), "uuid", None)
    return {} if uuid is None else {"resource": uuid}


def _describe(argument: object) -> dict[str, object]:
    """Say for a trace which resource a hook is called about, and where it stands."""
    resource = getattr(argument, "resource", argument)
    pipeline, app = getattr(resource, "pipeline", None), getattr(resource, "app", None)
    return {
        "headrace.resource": getattr(resource, "uuid", None),
        "headrace.pipeline": getattr(pipeline, "id", None),
        "headrace.stage": getattr(resource, "stage", None),
        "heroku.app.id": getattr(app, "id", None),
    }


@contextmanager
def blaming(hook: str) -> Iterator[None]:
    """Note on whatever error comes out of the block which hook it is the fault of."""
    try:
        yield
    except Exception as error:
        vars(error)[BLAMED] = hook
        raise


def find_blamed(error: BaseException) -> str | None:
    """Return which hook an error is the fault of, or None."""
    return vars(error).get(BLAMED)


def require_entities(names: Collection[object]) -> None:
    """Raise MisuseError unless these are names of entities, one at least; a hook put there itself is none."""
    known = sorted(ENTITIES)
    unknown = [str(name) for name in names if name not in known]
    if unknown or not names:
        raise MisuseError(
            f"@service.on_event takes names of entities, not {', '.join(unknown) or 'nothing'}. "
            f"There are {', '.join(known)}:\n\n{_example(name_event_hook('api:app'))}"
        )


def require_action_name(name: object) -> None:
    """See to it that something can be an action's name, which stands on a button and in an address.

    Raises:
        MisuseError: it cannot be.
    """
    if not isinstance(name, str) or ACTION_NAME.fullmatch(name) is None:
        raise MisuseError(
            f"@service.action takes a name of 1 to {LONGEST_ACTION} letters, digits, spaces and hyphens, which begins "
            f"and ends with a letter or a digit:\n\n{_example(name_action_hook('Rebuild index'))}"
        )


def name_action_hook(name: str) -> str:
    """Return the name under which the hook of an action is registered: as it is written in the partner's code."""
    return f'action("{name}")'


def name_event_hook(entity: str) -> str:
    """Return the name under which the hook for an entity is registered: as it is written in the partner's code."""
    return f'on_event("{entity}")'


def _name(function: Callable[..., Any]) -> str:
    """Return a function's name; of anything else that can be called, its class's."""
    return getattr(function, "__qualname__", None) or type(function).__qualname__


def _example(name: str) -> str:
    return f"    @service.{name}\n    {HOOKS[name.partition('(')[0]]}\n        ...\n"
