"""Providers that are wrong by being slow."""

import asyncio
from typing import Any

from starlette.responses import Response

from checker.provider import Provider, Resource
from checker.running import QUICK
from checker.wrong import caught_by


@caught_by("time.plan-change-soon")
class IsSlow(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if body.get("plan") == resource.plan:
            await asyncio.sleep(QUICK.soon * 1.5)
        return await super().change_plan(resource, body)


@caught_by("time.plan-change", "time.plan-change-soon", only="time")
class IsMuchTooSlow(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        await asyncio.sleep(QUICK.patience * 1.5)
        return await super().change_plan(resource, body)


@caught_by("time.provision-soon", only="time")
class IsSlowToProvision(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        await asyncio.sleep(QUICK.soon * 1.5)
        return await super().provision(body)


@caught_by("time.provision", "time.provision-soon", only="time")
class IsMuchTooSlowToProvision(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        await asyncio.sleep(QUICK.patience * 1.5)
        return await super().provision(body)


@caught_by("time.deprovision", "time.deprovision-soon", only="time")
class IsMuchTooSlowToDeprovision(Provider):
    async def deprovision(self, uuid: str) -> Response:
        await asyncio.sleep(QUICK.patience * 1.5)
        return await super().deprovision(uuid)
