"""Providers that are wrong about plan changes."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from checker.provider import Provider, Refusal, Resource
from checker.wrong import caught_by


@caught_by("plan-change.same-plan")
class RefusesThePlanItHas(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if body.get("plan") == resource.plan:
            raise Refusal(422, "It has that plan.")
        return await super().change_plan(resource, body)


@caught_by("plan-change.message")
class RefusesWithoutAWord(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if self.read_plan(body.get("plan")) != resource.plan:
            return JSONResponse({}, 422)
        return await super().change_plan(resource, body)


@caught_by("plan-change.other-plan", "plan-change.unfinished")
class RedirectsPlanChanges(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if self.read_plan(body.get("plan")) != resource.plan:
            return JSONResponse({}, 302, {"Location": "/elsewhere"})
        return await super().change_plan(resource, body)


@caught_by("plan-change.other-plan", "plan-change.unfinished")
class ClosesTheConnectionOnAPlanChange(Provider):
    async def on_put(self, request: Request) -> Response:
        answer = await super().on_put(request)
        if self.resources[request.path_params["uuid"]].plan == "premium":
            self.line.cut(request)
        return answer


@caught_by("plan-change.json-object")
class AnswersPlanChangesInText(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        await super().change_plan(resource, body)
        return Response("done", media_type="text/plain")


@caught_by("plan-change.config")
class ChangesUndeclaredConfig(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        await super().change_plan(resource, body)
        return JSONResponse({"config": {"PIPESCOPE_SIZE": "large"}})


@caught_by("plan-change.unknown-plan")
class TakesAnyPlan(Provider):
    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        if body.get("plan") == "no-such-plan":
            return JSONResponse({})
        return await super().change_plan(resource, body)


@caught_by("plan-change.unknown-uuid")
class FallsOverUnknownPlanChanges(Provider):
    async def on_put(self, request: Request) -> Response:
        self.authenticate(request)
        if request.path_params["uuid"] not in self.resources:
            return JSONResponse({}, 500)
        return await super().on_put(request)


@caught_by("plan-change.gone")
class ChangesThePlanOfTheGone(Provider):
    async def on_put(self, request: Request) -> Response:
        self.authenticate(request)
        known = self.resources.get(request.path_params["uuid"])
        if known is not None and known.is_removed:
            return JSONResponse({})
        return await super().on_put(request)
