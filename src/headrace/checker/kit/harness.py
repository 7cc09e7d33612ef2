"""The harness in which a provider is tried: resources to try things on, and a Heroku that hears what is asked of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from headrace.checker.kit.calls import asks_for_token
from headrace.checker.kit.claims import Claims
from headrace.checker.kit.fact import NotJudged, Why
from headrace.checker.kit.heroku import Customer
from headrace.checker.kit.provider import Credentials, Provider, ProviderAnswer
from headrace.emulator import Emulator, Exchange
from headrace.emulator.world.records import Addon
from headrace.models import State
from headrace.protocol.manifest import Manifest

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds: what Heroku asks for, what it gives up after, and how long the checker waits for a call back."""

    soon: float = 3.0
    patience: float = 25.0
    wait: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource:
    """A resource that was asked of the provider, and the answer to that."""

    addon: Addon
    answer: ProviderAnswer

    @property
    def uuid(self) -> str:
        return self.addon.id

    @property
    def path(self) -> str:
        return f"/{self.addon.id}"

    @property
    def is_asynchronous(self) -> bool:
        return self.answer.status == 202


class Harness:
    """Asks the provider for resources, keeps Heroku's side of them true, and removes them in the end.

    Facts that are tried by a change take a resource of their own; those that only look share the first one.
    """

    def __init__(
        self, *, provider: Provider, heroku: Emulator, plans: tuple[str, ...], limits: Limits, has_callback: bool
    ) -> None:
        """`has_callback` tells whether the provider can call this Heroku; without it no grant is handed out."""
        self.provider = provider
        self.heroku = heroku
        self.plans = plans
        self.limits = limits
        self.has_callback = has_callback
        self._customer = Customer(heroku, provider.manifest)
        self._heard: list[tuple[Exchange, str]] = []
        self._changed = asyncio.Event()
        self._react: Callable[[Exchange], None] | None = None
        self._claims = Claims(provider)
        # Whose grant is whose, and the add-on that was begun last.
        self._codes: dict[str, str] = {}
        self._latest = ""
        self._made: dict[Callable[[Harness], Awaitable[Any]], Any] = {}
        self._is_never_provisioned = False
        heroku.traffic.listeners.append(self._hear)

    @property
    def manifest(self) -> Manifest:
        return self.provider.manifest

    async def first(self) -> Resource:
        """Return the first resource, asked for in the most ordinary way, whatever the provider answered."""
        return await self.once(Harness.provision)

    async def once(self, make: Callable[["Harness"], Awaitable[T]]) -> T:
        """Return what a function made of the harness, and make it for the first who asks."""
        if make not in self._made:
            self._made[make] = await make(self)
        made: T = self._made[make]
        return made

    async def first_provisioned(self) -> Resource:
        return await self.finish(await self.first())

    async def provisioned(self, plan: str = "") -> Resource:
        """Return a resource of the caller's own, provisioned to its end."""
        return await self.finish(await self.provision(plan))

    async def accepted(self) -> Resource:
        """Return a resource of the caller's own that the provider accepted, finished or not."""
        return self.require_accepted(await self.provision())

    async def provision(self, plan: str = "", changes: Mapping[str, Any] | None = None) -> Resource:
        """Ask for a new resource; `changes` are made to the body of the request, UNSET takes a member out."""
        return await self.ask_for(self.begin(plan), changes)

    async def ask_for(self, addon: Addon, changes: Mapping[str, Any] | None = None) -> Resource:
        """Ask for the resource of an add-on that Heroku has already."""
        return Resource(addon=addon, answer=await self.send_provision(addon, changes))

    def begin(self, plan: str = "", *, like: Resource | None = None) -> Addon:
        """Create an add-on at Heroku only; each is on an app of its own, in or outside of a pipeline, or as `like`."""
        app, plan_name = self._customer.create_app(like.addon.app if like else None), plan or self.plans[0]
        addon = self.heroku.begin_provision(app, f"{self.manifest.id}:{plan_name}")
        self._latest = addon.id
        self._codes[msgspec.json.decode(addon.provision_body)["oauth_grant"]["code"]] = addon.id
        return addon

    async def send_provision(
        self, addon: Addon, changes: Mapping[str, Any] | None = None, *, credentials: Credentials | None = None
    ) -> ProviderAnswer:
        return await self.post(self.build_body(addon, changes), addon, credentials=credentials)

    async def post(
        self,
        body: bytes,
        addon: Addon | None = None,
        *,
        credentials: Credentials | None = None,
        content_type: str = "application/json",
    ) -> ProviderAnswer:
        """Send any body as a provision, which may be that of an add-on, and remember what may have come of it."""
        with self._claims.claiming(body) as claim:
            answer = await self.provider.call("POST", body=body, credentials=credentials, content_type=content_type)
            claim(answer)
        if addon is not None:
            self.keep(addon, answer)
        return answer

    async def post_together(self, count: int, addon: Addon) -> list[ProviderAnswer]:
        """Ask for the resource of an add-on several times at once, in identical words."""
        body = self.build_body(addon)
        return list(await asyncio.gather(*(self.post(body, addon) for _ in range(count))))

    def build_body(self, addon: Addon, changes: Mapping[str, Any] | None = None) -> bytes:
        body: dict[str, Any] = msgspec.json.decode(addon.provision_body)
        if not self.has_callback:
            body["oauth_grant"] = None
        changed = {**body, **(changes or {})}
        return msgspec.json.encode({name: value for name, value in changed.items() if value is not msgspec.UNSET})

    def keep(self, addon: Addon, answer: ProviderAnswer) -> None:
        """Take an answer to a provision as Heroku does, but forgivingly: what is wrong with it the facts say."""
        if not answer.is_success or addon.id not in self.heroku.state.addons:
            return
        provider_id = (answer.json or {}).get("id")
        if isinstance(provider_id, str | int) and not isinstance(provider_id, bool):
            addon.provider_id = str(provider_id)
        if answer.status != 202:
            self.heroku.state.mark_provisioned(addon)

    async def finish(self, resource: Resource) -> Resource:
        """Wait until a resource is provisioned; a provider that never does it is waited for once.

        One that gives it up is another matter: a plan that it does not sell at a stage, say, says nothing of others.
        """
        self.require_accepted(resource)
        if not resource.is_asynchronous:
            return resource
        if not self.has_callback:
            raise NotJudged(Why.EXCLUDED, "a resource that is provisioned asynchronously, and so a call back")
        place = _name_place(resource.addon)
        if self._is_never_provisioned or not await self.until_settled(resource):
            if resource.addon.state is not State.PROVISIONING:
                plan = resource.addon.plan.name
                reason = (
                    f"a provisioned resource; the provider gave up that of {plan} on an app {place}: try another --plan"
                )
                raise NotJudged(Why.NEEDS, reason)
            self._is_never_provisioned = True
            raise NotJudged(Why.NEEDS, "a provisioned resource; asynchronous.provisioned tells why there is none")
        return resource

    def require_accepted(self, resource: Resource) -> Resource:
        if not resource.answer.is_success:
            raise NotJudged(Why.NEEDS, f"a resource; asked for one, the provider answered: {resource.answer}")
        return resource

    async def until_settled(self, resource: Resource) -> bool:
        """Wait until the provider marked a resource provisioned or gave it up, and tell whether it is provisioned."""
        await self.until(lambda: resource.addon.state is not State.PROVISIONING)
        return resource.addon.state is State.PROVISIONED

    async def until_gone(self, resource: Resource) -> bool:
        """Wait until the provider tells that there is nothing any more; what it leaves is taken away without it."""
        is_gone = await self.until(lambda: resource.uuid not in self.heroku.state.addons)
        if not is_gone:
            self.heroku.remove_addon(resource.addon)
        return is_gone

    async def until(self, condition: Callable[[], bool], *, within: float | None = None) -> bool:
        """Wait for something that calls to Heroku bring about, and tell whether it came within the limit."""
        try:
            async with asyncio.timeout(self.limits.wait if within is None else within):
                while not condition():
                    self.provider.presence_or_raise()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def change_plan(
        self, resource: Resource, plan: str, *, credentials: Credentials | None = None
    ) -> ProviderAnswer:
        body = msgspec.json.encode({"plan": plan})
        return await self.provider.call("PUT", resource.path, body=body, credentials=credentials)

    async def deprovision(self, resource: Resource) -> ProviderAnswer:
        answer = await self.provider.call("DELETE", resource.path)
        self._claims.release(resource.uuid, answer)
        if resource.uuid not in self.heroku.state.addons:
            return answer
        if answer.status == 202 and self.heroku.switches.async_deprovision:
            self.heroku.state.begin_removal(resource.addon)
        elif answer.is_success or answer.status in {404, 410}:
            self.heroku.remove_addon(resource.addon)
        return answer

    def list_calls(self, resource: Resource) -> list[Exchange]:
        """Return what was asked of Heroku about a resource, or with its grant or token, oldest first."""
        return [exchange for exchange, owner in self._heard if _is_about(exchange, owner, resource.addon)]

    @contextmanager
    def switched(self, **changes: Any) -> Iterator[None]:
        """Let Heroku behave otherwise for a while; the names are those of `Switches`."""
        switches = self.heroku.switches
        before = {name: getattr(switches, name) for name in changes}
        for name, value in changes.items():
            setattr(switches, name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(switches, name, value)

    @contextmanager
    def reacting(self, react: Callable[[Exchange], None]) -> Iterator[None]:
        """Do something to Heroku at each call of the provider, before the provider has its answer."""
        self._react = react
        try:
            yield
        finally:
            self._react = None

    async def clear(self) -> list[str]:
        """Deprovision what is left, and return what the provider did not let go."""
        return await self._claims.clear()

    def _hear(self, exchange: Exchange) -> None:
        self._heard.append((exchange, self._find_owner(exchange)))
        if self._react is not None:
            self._react(exchange)
        self._changed.set()

    def _find_owner(self, exchange: Exchange) -> str:
        """Return the id of the add-on whose token or grant this is, also of a grant that Heroku did not take.

        Where it does not stand in the body, as with a form in the query, it is taken for that of the latest add-on.
        """
        if exchange.addon_id or not asks_for_token(exchange):
            return exchange.addon_id
        body = exchange.raw_request.decode("latin-1")
        found = next((addon_id for code, addon_id in self._codes.items() if code in body), "")
        return found or ("" if body else self._latest)


def _name_place(addon: Addon) -> str:
    coupling = addon.app.coupling
    return f"at {coupling.stage}" if coupling else "in no pipeline"


def _is_about(exchange: Exchange, owner: str, addon: Addon) -> bool:
    """A call with a dead or foreign token is about the add-on that its path names."""
    named = exchange.path.removeprefix("/addons/").split("/")[0] if exchange.path.startswith("/addons/") else ""
    return addon.id in {owner, named} or addon.name == named
