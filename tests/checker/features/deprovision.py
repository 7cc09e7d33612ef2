"""Providers that are wrong about deprovisioning."""

import asyncio

from starlette.responses import JSONResponse, Response

from checker.provider import PAUSE_SECONDS, Provider, Resource
from checker.wrong import caught_by


@caught_by("deprovision.status", "deprovision.unfinished")
class CannotDeprovision(Provider):
    async def deprovision(self, uuid: str) -> Response:
        self.find(uuid)
        return JSONResponse({"message": "Oh no."}, 500)


@caught_by("deprovision.twice")
class DeprovisionsOnce(Provider):
    async def deprovision(self, uuid: str) -> Response:
        known = self.resources.get(uuid)
        if known is not None and known.is_removed:
            return JSONResponse({}, 500)
        return await super().deprovision(uuid)


@caught_by("bodies.odd-uuid", "deprovision.unknown-uuid")
class FallsOverUnknownDeprovisions(Provider):
    async def deprovision(self, uuid: str) -> Response:
        if uuid not in self.resources:
            return JSONResponse({}, 500)
        return await super().deprovision(uuid)


@caught_by("deprovision.unfinished")
class FinishesBeforeItRemoves(Provider):
    async def finish(self, resource: Resource, code: str) -> None:
        await asyncio.sleep(PAUSE_SECONDS)
        await super().finish(resource, code)

    async def deprovision(self, uuid: str) -> Response:
        if not self.find(uuid).access_token:
            return JSONResponse({}, 500)
        return await super().deprovision(uuid)


@caught_by("deprovision.json-object")
class AnswersDeprovisionsInText(Provider):
    async def deprovision(self, uuid: str) -> Response:
        await super().deprovision(uuid)
        return Response("gone", media_type="text/plain")
