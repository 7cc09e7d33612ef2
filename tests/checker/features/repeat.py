"""Providers that are wrong about a provision that comes again."""

from collections import Counter
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from checker.provider import Provider, Refusal, Resource, SynchronousProvider
from checker.wrong import caught_by


@caught_by("repeat.at-once", "repeat.other-content", "repeat.same-id")
class MakesANewResourceForEachRepeat(SynchronousProvider):
    count = 0

    def make_id(self, resource: Resource) -> Any:
        self.count += 1
        return f"{resource.uuid}-{self.count}"


@caught_by("repeat.at-once", "repeat.status")
class RefusesRepeats(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        if body.get("uuid") in self.resources:
            self.find(body["uuid"])
            raise Refusal(422, "It is there already.")
        return await super().provision(body)


@caught_by("repeat.same-config")
class MakesANewPasswordForEachRepeat(SynchronousProvider):
    count = 0

    def make_config(self, resource: Resource) -> dict[str, Any]:
        self.count += 1
        return super().make_config(resource) | {"PIPESCOPE_TOKEN": str(self.count)}


@caught_by("repeat.same-config")
class AnswersRepeatsWithoutConfig(SynchronousProvider):
    async def provision(self, body: dict[str, Any]) -> Response:
        is_known = body.get("uuid") in self.resources
        answer = await super().provision(body)
        return JSONResponse({"id": body["uuid"]}) if is_known else answer


@caught_by("repeat.one-resource")
class DoublesRepeats(SynchronousProvider):
    """Makes a row for each provision, all with the uuid as their id; a deprovision ends one of them."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.rows: Counter[str] = Counter()

    async def provision(self, body: dict[str, Any]) -> Response:
        answer = await super().provision(body)
        self.rows[self.read_uuid(body.get("uuid"))] += 1
        return answer

    async def deprovision(self, uuid: str) -> Response:
        if self.rows[uuid] > 1:
            self.rows[uuid] -= 1
            return Response(status_code=204)
        return await super().deprovision(uuid)


@caught_by("repeat.one-resource")
class DoublesBehindItsBack(DoublesRepeats):
    """Knows a resource as gone after one deprovision, and has the second row all the same."""

    async def deprovision(self, uuid: str) -> Response:
        if not self.rows[uuid]:
            return await Provider.deprovision(self, uuid)
        self.rows[uuid] -= 1
        self.resources[uuid].is_removed = True
        return Response(status_code=204)


@caught_by("repeat.one-exchange")
class ExchangesEachRepeat(Provider):
    """Begins again with each repeat, though it answers the same."""

    async def provision(self, body: dict[str, Any]) -> Response:
        is_known = body.get("uuid") in self.resources
        answer = await super().provision(body)
        if is_known and body.get("oauth_grant"):
            self.start(self.find(body["uuid"]), body["oauth_grant"]["code"])
        return answer


@caught_by("repeat.at-once", "repeat.other-content", "repeat.status")
class ClosesTheConnectionOnARepeat(Provider):
    async def on_post(self, request: Request) -> Response:
        self.authenticate(request)
        body = self.parse(await self.read(request))
        if body.get("uuid") in self.resources and not self.resources[body["uuid"]].is_removed:
            self.line.cut(request)
        return await self.provision(body)


@caught_by("repeat.gone")
class RevivesTheGone(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        known = self.resources.get(str(body.get("uuid")))
        if known is not None:
            known.is_removed = False
        return await super().provision(body)
