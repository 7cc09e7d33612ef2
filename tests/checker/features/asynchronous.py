"""Providers that are wrong in what they do after a 202."""

from typing import Any

import aiohttp
from starlette.responses import JSONResponse, Response

from checker.provider import Provider, Resource
from checker.wrong import caught_by


@caught_by("asynchronous.grant-exchanged", "asynchronous.provisioned")
class NeverExchanges(Provider):
    async def exchange(self, http: aiohttp.ClientSession, resource: Resource, **form: str) -> bool:
        return False


@caught_by("asynchronous.provisioned")
class NeverMarks(Provider):
    async def mark(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        """Leave it at that."""


@caught_by("asynchronous.config-before-action")
class MarksFirst(Provider):
    async def set_config(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        await self.mark(http, resource)
        await super().set_config(http, resource)


@caught_by("asynchronous.config-is-a-list")
class SendsConfigAsAnObject(Provider):
    async def set_config(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        config = self.make_config(resource)
        await self.ask(http, resource, "PATCH", f"/addons/{resource.uuid}/config", {"config": config})


@caught_by("asynchronous.own-token", "asynchronous.provisioned")
class UsesAnotherResourcesToken(Provider):
    """Keeps one token for all its resources: the last one that it got."""

    def keep_token(self, resource: Resource, token: dict[str, Any]) -> None:
        shared = self.resources.setdefault("shared", Resource(uuid="shared", plan="basic"))
        super().keep_token(resource, token if not shared.access_token else vars(shared))
        super().keep_token(shared, token)


@caught_by("asynchronous.asks-for-version-3")
class AsksForNoVersion(Provider):
    accept = "application/json"


@caught_by("asynchronous.removal-ended")
class PromisesAnEndAndNeverTells(Provider):
    async def deprovision(self, uuid: str) -> Response:
        await super().deprovision(uuid)
        return JSONResponse({"message": "PipeScope is being removed."}, 202)
