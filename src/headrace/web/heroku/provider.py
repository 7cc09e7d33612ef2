"""The routes that Heroku calls: the Add-on Partner API, v3 (contract §1)."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypedDict

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from headrace.clock import Clock
from headrace.errors import Rejected
from headrace.logs import LogName
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.manifest import Manifest
from headrace.protocol.partner import (
    BODY_LIMIT,
    Answer,
    PlanChangeBody,
    ProvisionBody,
    parse_plan_change,
    parse_provision,
    parse_uuid,
    verify_basic_auth,
)
from headrace.telemetry.context import note
from headrace.web.ground.addresses import cut
from headrace.web.ground.bodies import read_body
from headrace.web.ground.kept import Kept, Respond
from headrace.web.ground.openapi import JSON_TYPE, DescribedRoute, Operation, Reply, Scheme, show_json
from headrace.workflows.lifecycle.calls import Calls

log = logging.getLogger(__name__)


class Answered(TypedDict, total=False):
    """The body of every answer to Heroku that went well, and of a refusal, whose message the customer reads."""

    id: str
    message: str
    config: dict[str, str]


_REJECTED = {
    400: show_json("The request cannot be read."),
    401: show_json("The credentials are not those of the manifest."),
    408: show_json("The body did not arrive in time."),
    413: show_json(f"The body is larger than {BODY_LIMIT:,} bytes."),
}
_GONE = show_json("The resource was deprovisioned.")
_REFUSED = show_json("The add-on refuses; the message is for the customer.", Answered)
_TRY_AGAIN = show_json("This could not be done for the moment; nothing of it is lost that was acknowledged.", Answered)

PROVISION = Operation(
    id="provision",
    summary="Create a resource, or answer a repeat as the first time.",
    scheme=Scheme.HEROKU,
    body=(JSON_TYPE, ProvisionBody),
    replies=_REJECTED
    | {
        200: show_json("The resource is there; only a request without a grant is answered so.", Answered),
        202: show_json("The resource is being set up in the background.", Answered),
        409: show_json("This uuid belongs to a resource with another plan, region or options.", Answered),
        410: _GONE,
        422: _REFUSED,
        503: _TRY_AGAIN,
    },
)
CHANGE_PLAN = Operation(
    id="change_plan",
    summary="Change the plan of a resource.",
    scheme=Scheme.HEROKU,
    body=(JSON_TYPE, PlanChangeBody),
    replies=_REJECTED
    | {
        200: show_json("The plan is changed.", Answered),
        202: show_json("The plan will be changed in the background.", Answered),
        404: show_json("There is no such resource."),
        410: _GONE,
        422: _REFUSED,
        503: _TRY_AGAIN,
    },
)
DEPROVISION = Operation(
    id="deprovision",
    summary="Remove a resource.",
    scheme=Scheme.HEROKU,
    replies={
        202: show_json("The resource is being removed, and Heroku is told of the end.", Answered),
        204: Reply("The resource is being removed."),
        400: _REJECTED[400],
        401: _REJECTED[401],
        404: show_json("There is no such address."),
        410: show_json("There is no such resource, or no more."),
        503: _TRY_AGAIN,
    },
)

Endpoint = Callable[[Request], Awaitable[Answer]]
# What was asked of the Partner API that it has not.
OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerApi:
    """What the routes of the Partner API work with; they are at the path that the manifest names, below a prefix."""

    calls: Calls
    manifest: Manifest
    clock: Clock
    prefix: str
    kept: Kept

    def routes(self) -> list[Route]:
        base = cut(self.manifest.resources_path, self.prefix)
        one = f"{base}/{{uuid}}"
        return [
            DescribedRoute(base, self.guard(self.provision, WorkflowKind.PROVISION), "POST", PROVISION),
            DescribedRoute(one, self.guard(self.change_plan, WorkflowKind.PLAN_CHANGE), "PUT", CHANGE_PLAN),
            DescribedRoute(one, self.guard(self.deprovision, WorkflowKind.DEPROVISION), "DELETE", DEPROVISION),
            # Whatever else is asked for here: who does not know the password learns nothing of what there is.
            Route(base, _AnyMethod(self.guard(_decline(405), OTHER))),
            Route(one, _AnyMethod(self.guard(_decline(405), OTHER))),
            Route(f"{base}/{{rest:path}}", _AnyMethod(self.guard(_decline(404), OTHER))),
        ]

    async def provision(self, request: Request) -> Answer:
        asked = parse_provision(await read_body(request, limit=BODY_LIMIT))
        note(resource=asked.uuid)
        return await self.calls.provision(asked)

    async def change_plan(self, request: Request) -> Answer:
        uuid = parse_uuid(request.path_params["uuid"])
        note(resource=uuid)
        return await self.calls.change_plan(uuid, parse_plan_change(await read_body(request, limit=BODY_LIMIT)))

    async def deprovision(self, request: Request) -> Answer:
        uuid = parse_uuid(request.path_params["uuid"])
        note(resource=uuid)
        return await self.calls.deprovision(uuid)

    def guard(self, endpoint: Endpoint, purpose: str) -> Respond:
        """Check who is calling before anything of the call is read; answer what went wrong as Heroku expects it.

        What was asked, and answered, is kept with its purpose.
        """
        manifest = self.manifest

        async def respond(request: Request) -> Response:
            try:
                passwords = manifest.list_passwords(self.clock())
                verify_basic_auth(request.headers.get("authorization"), user=manifest.id, passwords=passwords)
                answer = await endpoint(request)
            except Rejected as error:
                log.warning(
                    LogName.REQUEST_REJECTED,
                    extra={"method": request.method, "status": error.status, "reason": error.reason},
                )
                return respond_rejected(error)
            return Response(answer.encode(), status_code=answer.status, media_type=JSON_TYPE)

        return self.kept.of(purpose, manifest.resources_path, respond)


def _decline(status: int) -> Endpoint:
    async def decline(_request: Request) -> Answer:
        raise HTTPException(status)

    return decline


class _AnyMethod:
    """An endpoint for every method, also those that HTTP does not know."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)


def respond_rejected(error: Rejected) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="add-on partner"'} if error.status == 401 else None
    body = msgspec.json.encode({"message": error.message})
    return Response(body, status_code=error.status, headers=headers, media_type=JSON_TYPE)
