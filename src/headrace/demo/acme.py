"""Acme Search, the add-on of the demo: its hooks and its panel, over a cloud that lives in memory.

The shortest add-on is examples/acme.py. This one has all hooks, takes its time, and has something to show on a card.
"""

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import Any

from headrace.errors import Refused
from headrace.hooks.arguments import Event, PlanChange, Provision, Resource, StageChange
from headrace.hooks.panel import Figure, Panel
from headrace.models import Stage
from headrace.service import AddonService

# What a plan may hold, in documents.
ROOM = {"free": 2_000, "basic": 100_000, "standard": 5_000_000, "premium": 100_000_000}
# What a card says of the app's release that the index was rebuilt for.
REBUILT = "Rebuilt for release"
MAKING_SECONDS = {"shared": 0.05, "dedicated": 0.3}


@dataclass(kw_only=True)
class Index:
    """One customer's search index; `release` is the app's release that it was last rebuilt for."""

    plan: str
    size: str
    documents: int
    queries: list[int]
    release: int | None = None


@dataclass
class Cloud:
    """Acme's own cloud, keyed by uuid: making an index twice makes it once.

    `used_up` has the names of resources whose customers have no index left, until Acme's support gives them one.
    """

    indexes: dict[str, Index] = field(default_factory=dict)
    used_up: set[str] = field(default_factory=set)

    async def create(self, uuid: str, *, name: str, plan: str, size: str) -> str:
        if name in self.used_up:
            raise Refused("Your account has no index left. Ask Acme's support for one more.")
        if uuid not in self.indexes:
            await asyncio.sleep(MAKING_SECONDS[size])
            self.indexes[uuid] = Index(plan=plan, size=size, **_invent_content(uuid, plan))
        return f"https://search.acme.example/{uuid}"

    async def resize(self, uuid: str, plan: str) -> None:
        index = self.indexes[uuid]
        if index.documents > ROOM.get(plan, 0):
            raise Refused(f"Your {index.documents:,} documents do not fit the {plan} plan.")
        index.plan = plan

    async def delete(self, uuid: str) -> None:
        self.indexes.pop(uuid, None)


def register(service: AddonService, cloud: Cloud) -> None:
    """Register Acme's hooks."""

    @service.on_provision
    async def create(provision: Provision) -> dict[str, str]:
        size = "shared" if provision.stage in (Stage.REVIEW, Stage.TEST) else "dedicated"
        url = await cloud.create(provision.uuid, name=provision.name, plan=provision.plan, size=size)
        return {"ACME_SEARCH_URL": url}

    @service.on_plan_change
    async def resize(change: PlanChange) -> None:
        await cloud.resize(change.uuid, change.new_plan)

    @service.on_deprovision
    async def drop(resource: Resource) -> None:
        await cloud.delete(resource.uuid)

    _register_hearing(service, cloud)

    @service.panel
    async def show(resource: Resource) -> Panel | None:
        index = cloud.indexes.get(resource.uuid)
        return Panel(sentence="The index is being built.") if index is None else _build_panel(index)


def _register_hearing(service: AddonService, cloud: Cloud) -> None:
    """Register what hears of the app: that it has moved, and that it has a release."""

    @service.on_stage_change
    async def move(change: StageChange) -> None:
        index = cloud.indexes.get(change.uuid)
        if index is not None and change.stage is Stage.PRODUCTION:
            index.size = "dedicated"

    @service.on_event("api:release")
    async def rebuild(event: Event) -> None:
        index = cloud.indexes.get(event.resource.uuid)
        if index is not None and event.action == "create":
            index.release = int(event.data["version"])


def _build_panel(index: Index) -> Panel:
    trend = tuple(float(count) for count in index.queries)
    content = Figure(label="Documents", value=index.documents)
    if index.release is not None:
        content = Figure(label=REBUILT, value=f"v{index.release}")
    return Panel(figures=(content, Figure(label="Queries, last day", value=index.queries[-1], trend=trend)))


def _invent_content(uuid: str, plan: str) -> dict[str, Any]:
    """Content that looks alive and is the same for the same resource."""
    digest = hashlib.sha256(uuid.encode()).digest()
    documents = ROOM.get(plan, 2_000) * (20 + digest[0] % 60) // 100
    return {"documents": documents, "queries": [documents // 40 * (1 + byte % 9) // 9 for byte in digest[1:13]]}
