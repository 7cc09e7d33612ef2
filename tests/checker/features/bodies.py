"""Providers that are wrong about what stands in a request."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from checker.provider import PLANS, Provider, Refusal
from checker.wrong import caught_by


@caught_by("bodies.unknown-members")
class RejectsUnknownMembers(Provider):
    def parse(self, body: bytes) -> dict[str, Any]:
        value = super().parse(body)
        if "new_member" in value:
            raise Refusal(400, "What is this?")
        return value


@caught_by("bodies.legacy", "bodies.null-grant")
class NeedsAGrant(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        body["oauth_grant"]["code"]  # a 500 where there is none
        return await super().provision(body)


@caught_by("bodies.short-offset")
class NeedsAColonInTheOffset(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        if body.get("oauth_grant") and body["oauth_grant"]["expires_at"][-3] != ":":
            raise Refusal(400, "When?")
        return await super().provision(body)


@caught_by(
    "bodies.empty",
    "bodies.error-is-json",
    "bodies.garbage",
    "bodies.list",
    "bodies.not-utf-8",
    "bodies.null",
    "plan-change.garbage",
)
class FallsOverGarbage(Provider):
    def parse(self, body: bytes) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(body)
        return value


@caught_by("bodies.options")
class FallsOverOptions(Provider):
    async def provision(self, body: dict[str, Any]) -> Response:
        if body.get("options"):
            return JSONResponse({}, 500)
        return await super().provision(body)


@caught_by("bodies.huge")
class FallsOverLargeBodies(Provider):
    async def read(self, request: Request) -> bytes:
        body = await request.body()
        if len(body) > 1000_000:
            raise Refusal(500, "Too much.")
        return body


@caught_by("bodies.missing-uuid", "bodies.wrong-uuid")
class WantsNoUuid(Provider):
    def read_uuid(self, value: Any) -> str:
        return str(value)


@caught_by(
    "bodies.missing-plan",
    "bodies.wrong-plan",
    "plan-change.unknown-plan",
    "plan-change.without-plan",
    "plan-change.wrong-plan",
)
class FallsOverPlans(Provider):
    def read_plan(self, value: Any) -> str:
        if value not in list(PLANS):
            raise Refusal(500, "Oh no.")
        return str(value)


@caught_by("bodies.content-type")
class FallsOverAContentType(Provider):
    async def on_post(self, request: Request) -> Response:
        if request.headers["content-type"] != "application/json":
            return JSONResponse({}, 500)
        return await super().on_post(request)
