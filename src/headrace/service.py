"""`AddonService`: the partner's hooks and settings, and what is served of them."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Self, TypeVar

from headrace.errors import ConfigurationError, MisuseError
from headrace.hooks.callables import (
    ActionHook,
    DeprovisionHook,
    ErrorHook,
    EventHook,
    PanelHook,
    PlanChangeHook,
    ProvisionHook,
    RetireHook,
    RotateHook,
    StageChangeHook,
)
from headrace.hooks.lifespan import Lifespan
from headrace.hooks.registry import require_action_name, require_entities
from headrace.lifetime import Assembly
from headrace.models import Inspection
from headrace.process.dyno import alone, is_dyno
from headrace.resources.jobs import Jobs
from headrace.resources.labels import LabelCache, ResourceLabels
from headrace.resources.operating import Operating
from headrace.resources.ordering import AT_ONCE, CODE, ConfigChange, Orders
from headrace.resources.plain import PlainService
from headrace.resources.reading import Resources
from headrace.running import Readiness
from headrace.settings import Settings, read_settings

if TYPE_CHECKING:
    from headrace.web.ground.mounting import Application

T = TypeVar("T")

# A hook is handed back as what it is, so that a type checker knows a decorated function's own signature.
OnProvision = TypeVar("OnProvision", bound=ProvisionHook)
OnPlanChange = TypeVar("OnPlanChange", bound=PlanChangeHook)
OnRotate = TypeVar("OnRotate", bound=RotateHook)
OnRetire = TypeVar("OnRetire", bound=RetireHook)
OnDeprovision = TypeVar("OnDeprovision", bound=DeprovisionHook)
OnStageChange = TypeVar("OnStageChange", bound=StageChangeHook)
OnEvent = TypeVar("OnEvent", bound=EventHook)
OnAction = TypeVar("OnAction", bound=ActionHook)
OnError = TypeVar("OnError", bound=ErrorHook)
OnPanel = TypeVar("OnPanel", bound=PanelHook)


class AddonService:
    """An add-on service: register hooks on it, then serve it.

    Hooks may be `async` or plain functions (those run on a thread). A hook may run again after a crash, so it
    works by the resource's `uuid`: twice has to be as good as once.

    Each hook takes one argument and is handed back as it was. Registering a hook that does not, or a second one of its
    kind, raises MisuseError.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._assembly = Assembly(settings=settings)
        self.resources = Resources(self._assembly.find_parts)
        self.jobs = Jobs(self._assembly.find_parts, self._assembly.hooks)
        self._labels = LabelCache(self._assembly.find_parts)
        self.operations = Operating(self._assembly.find_parts)
        self._orders = Orders(self._assembly.find_parts, self._assembly.hooks)

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings from the environment.

        Raises:
            ConfigurationError: every setting that is missing or wrong.
        """
        return cls(read_settings(environment))

    def on_provision(self, hook: OnProvision) -> OnProvision:
        """Register the hook that creates a resource and returns its config vars: a ProvisionHook."""
        self._assembly.hooks.register("on_provision", hook)
        return hook

    def on_plan_change(self, hook: OnPlanChange) -> OnPlanChange:
        """Register the hook that moves a resource to another plan, and may raise Refused: a PlanChangeHook."""
        self._assembly.hooks.register("on_plan_change", hook)
        return hook

    def on_rotate(self, hook: OnRotate) -> OnRotate:
        """Register the hook that makes new credentials and returns their config vars: a RotateHook."""
        self._assembly.hooks.register("on_rotate", hook)
        return hook

    def on_retire(self, hook: OnRetire) -> OnRetire:
        """Register the hook that makes credentials invalid some time after they were replaced: a RetireHook."""
        self._assembly.hooks.register("on_retire", hook)
        return hook

    def on_deprovision(self, hook: OnDeprovision) -> OnDeprovision:
        """Register the hook that deletes a resource; what is gone already is no error: a DeprovisionHook."""
        self._assembly.hooks.register("on_deprovision", hook)
        return hook

    def on_stage_change(self, hook: OnStageChange) -> OnStageChange:
        """Register the hook that is told of moves to another stage or pipeline: a StageChangeHook."""
        self._assembly.hooks.register("on_stage_change", hook)
        return hook

    def on_event(self, *entities: str) -> Callable[[OnEvent], OnEvent]:
        """Register the hook that is told what Heroku says of these entities, such as `api:app`: an EventHook.

        Raises:
            MisuseError: Heroku has no such entity, or there is a hook for it already.
        """
        require_entities(entities)

        def register(hook: OnEvent) -> OnEvent:
            self._assembly.hooks.register_for_events(entities, hook)
            return hook

        return register

    def on_error(self, hook: OnError) -> OnError:
        """Register the hook that is told of each attempt of another hook that failed: an ErrorHook."""
        self._assembly.hooks.register("on_error", hook)
        return hook

    def action(self, name: str) -> Callable[[OnAction], OnAction]:
        """Register an action of your own, such as "Rebuild index", that is ordered of a resource: an ActionHook.

        Its name stands on a button of the resource's page. It is done by a worker, tried again as other hooks are, and
        told of in the timeline.

        Raises:
            MisuseError: there is one of this name already, or it cannot be one.
        """
        require_action_name(name)

        def register(hook: OnAction) -> OnAction:
            self._assembly.hooks.register_action(name, hook)
            return hook

        return register

    def lifespan(self, open_: Callable[[], AsyncIterator[T] | AbstractAsyncContextManager[T]]) -> Lifespan[T]:
        """Open something that hooks share before any is called, and close it after the last.

        The function yields it once, as an async context manager does; the Lifespan that takes the function's name has
        it as `value`. It is opened in each process, on the event loop that all async hooks of the process run on.
        """
        lifespan = Lifespan(open_)
        self._assembly.hooks.live_for(lifespan)
        return lifespan

    def panel(self, hook: OnPanel) -> OnPanel:
        """Register the hook that says what a card on the board shows of your own content: a PanelHook."""
        self._assembly.hooks.register("panel", hook)
        return hook

    def asgi(self, *, prefix: str = "", has_worker: bool = True) -> "Application":
        """Return the web application, with a worker in it unless another process is the worker.

        `prefix` is where it is on its host, as a browser says it, `/addon` say, where it is mounted in an application
        of yours; the addresses of the manifest are below it. Whoever mounts it runs it too: see docs/mounting.md.

        That worker shares the event loop with whatever else is served there. Connections are as the server bounds them.

        Raises:
            ConfigurationError: a hook is missing; the text has the lines to paste. Or the manifest has other addresses.
            MisuseError: the prefix is none.
        """
        # A worker shows no page, and does without the memory of what makes them.
        from headrace.routes import build_routes
        from headrace.web.ground.app import build_app

        self._require_prefix(prefix)
        assembly = self._assembly
        parts = assembly.assemble()

        @asynccontextmanager
        async def run(_app: object) -> AsyncIterator[None]:
            with alone(self.settings.database.url) if is_dyno() else nullcontext():
                async with assembly.running(parts, has_worker=has_worker):
                    yield

        app = build_app(
            build_routes(parts, prefix=prefix),
            service_name=self.settings.manifest.name,
            find_readiness=Readiness(parts).find,
            outages=parts.database.outages,
            lifespan=run,
            prefix=prefix,
            secrets=self.settings.secrets,
        )
        if is_dyno():
            from headrace.process.router import BehindRouter

            app.add_middleware(BehindRouter)
        return app

    def _require_prefix(self, prefix: str) -> None:
        from headrace.web.ground.addresses import PREFIX

        if PREFIX.fullmatch(prefix) is None:
            raise MisuseError(f'prefix is {prefix!r}. Give a path without a slash at its end, such as "/addon".')
        if outside := self.settings.manifest.find_outside(prefix):
            raise ConfigurationError([f"HEADRACE_MANIFEST: {problem}" for problem in outside])

    async def inspect(self, uuid: str) -> Inspection:
        """Look up now which app, pipeline and stage a resource is in, and store what Heroku says.

        Raises:
            MisuseError: no service runs in this process, and none is connected.
            UnknownResource: there is no such resource.
            GrantError: there is no token for it, because Heroku sent no grant.
            PlatformError: Heroku did not answer, or said no.
        """
        return await self._assembly.find_parts().inspector.inspect(uuid)

    def labels(self, uuid: str) -> ResourceLabels:
        """Return what a resource is now, for logs, spans and metrics: its pipeline, stage, app and plan.

        It never waits: what is remembered is returned, with its age, and read anew behind it once it is half a minute
        old. The first call tells of nothing yet, with an `age` of None, and what is no uuid is never anything else.

        Raises:
            MisuseError: no service runs in this process, and none is connected.
        """
        return self._labels.find(uuid)

    async def set_config(
        self, uuid: str, config: Mapping[str, str | None], *, by: str = CODE, wait: timedelta = AT_ONCE
    ) -> ConfigChange:
        """Set config vars of a resource by name; None removes one, and those that are not named stay.

        Once this returns the order is on disk, and a worker carries it out: Heroku is told, which restarts the
        customer's app, and what it was told is stored. What Heroku was told before costs no restart. A resource that
        is being provisioned has them set when it is. `by` is who gave the order, for the timeline; `wait` is how long
        to wait for it to be done.

        Raises:
            MisuseError: a name that the manifest does not declare, a value that is no text or no absolute URL where
                the name ends in `_URL`, or no service runs and none is connected.
            UnknownResource: there is no such resource.
            ResourceGone: it was deprovisioned, or is being.
            NothingToDo: its provision failed.
            GrantError: Heroku gave no grant for it, so that nobody can tell it anything.
            Malformed: the uuid is none.
        """
        return await self._orders.set_config(uuid, config, by=by, wait=wait)

    async def rotate(self, uuid: str, *, by: str = CODE, wait: timedelta = AT_ONCE) -> ConfigChange:
        """Renew the credentials of a resource: your `on_rotate` hook makes new values, which are then set.

        Some time after that (`HEADRACE_RETIRE_SECONDS`) `on_retire`, if there is one, is called with the old ones.
        Neither side is without a credential meanwhile, whatever crashes: the old ones go on working until then.
        Once this returns the order is on disk; `by` and `wait` are those of `set_config`.

        Raises:
            MisuseError: there is no `on_rotate` hook, or no service runs and none is connected.
            UnknownResource, ResourceGone, NothingToDo, GrantError, Malformed: as `set_config` does.
        """
        return await self._orders.rotate(uuid, by=by, wait=wait)

    async def set_log_drain(self, uuid: str, url: str, *, by: str = CODE, wait: timedelta = AT_ONCE) -> ConfigChange:
        """Have Heroku send the log of a resource's app to another address, of `https://` or `syslog://`.

        Your manifest requires `syslog_drain`, and the first address is what your provision's hook returned. Once this
        returns the order is on disk; `by` and `wait` are those of `set_config`. The app is not restarted.

        Raises:
            MisuseError: the manifest requires no drain, Heroku would refuse the address, or no service runs and none is
                connected.
            NothingToDo: the resource has no drain, or its provision failed.
            UnknownResource, ResourceGone, GrantError, Malformed: as `set_config` does.
        """
        return await self._orders.set_log_drain(uuid, url, by=by, wait=wait)

    def list_actions(self) -> Sequence[str]:
        """Return the names of your actions, in the order in which they stand in the code."""
        return self._orders.list_actions()

    async def order_action(self, uuid: str, action: str, *, by: str = CODE, wait: timedelta = AT_ONCE) -> ConfigChange:
        """Have an action of yours done for a resource, as an operator does with a button.

        Once this returns the order is on disk, and a worker carries it out, after what was ordered of the resource
        before; `by` and `wait` are those of `set_config`.

        Raises:
            MisuseError: you have no such action, or no service runs and none is connected.
            UnknownResource, ResourceGone, NothingToDo, Malformed: as `set_config` does.
        """
        return await self._orders.order_action(uuid, action, by=by, wait=wait)

    def connected(self) -> "Connection":
        """Use the service from a process that does not serve it: a script, a cron job, another program's web handler.

        `async with service.connected():` the service's own methods work; `with service.connected() as acme:` gives a
        PlainService, whose methods need no `await`. Nothing is served and no workflow is run here: what is ordered is
        queued, and a worker does it. In the process of a running service it uses what is there.

        Raises:
            ConfigurationError: the database cannot be used, or `headrace migrate` has to be run first.
        """
        return Connection(self)


class Connection:
    """A service in use by a process that does not serve it, for as long as a block of `with` or `async with` lasts."""

    def __init__(self, service: AddonService) -> None:
        self._service = service
        self._exits = AsyncExitStack()
        self._runner: asyncio.Runner | None = None

    async def __aenter__(self) -> AddonService:
        """Connect; the service's methods work until the block ends."""
        await self._exits.enter_async_context(find_assembly(self._service).connected())
        return self._service

    async def __aexit__(self, *_: object) -> None:
        """Let go of the database."""
        await self._exits.aclose()

    def __enter__(self) -> PlainService:
        """Connect, without an event loop of the caller's."""
        if is_loop_running():
            raise MisuseError("An event loop runs here: say `async with service.connected():`.")
        self._runner = asyncio.Runner()
        try:
            self._runner.run(self.__aenter__())
        except BaseException:
            self._runner.close()
            raise
        orders = self._service._orders  # noqa: SLF001 - out of partners' sight, not of ours
        service = self._service
        return PlainService(
            self._runner.run,
            resources=service.resources,
            orders=orders,
            jobs=service.jobs,
            operations=service.operations,
            find_labels=service.labels,
        )

    def __exit__(self, *_: object) -> None:
        """Let go of the database."""
        assert self._runner is not None
        with self._runner as runner:
            runner.run(self.__aexit__())


def is_loop_running() -> bool:
    """Whether whoever calls this is called by an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def build_fleet(settings: Settings) -> AddonService:
    """Return a service without hooks, for resources that another provider provisions: `headrace serve` alone."""
    service = AddonService(settings)
    find_assembly(service).hooks.is_of_fleet = True
    return service


def find_assembly(service: AddonService) -> Assembly:
    """Return what partners need not see of a service: the commands run its parts, and tests change how they run."""
    return service._assembly  # noqa: SLF001 - out of partners' sight, not of ours
