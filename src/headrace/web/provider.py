"""The routes that Heroku calls: the Add-on Partner API, v3 (contract §1)."""

import logging
from collections.abc import Awaitable, Callable

import msgspec
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from headrace.errors import Rejected
from headrace.protocol.manifest import Manifest
from headrace.protocol.partner import (
    BODY_LIMIT,
    Answer,
    parse_plan_change,
    parse_provision,
    parse_uuid,
    verify_basic_auth,
)
from headrace.web.bodies import read_body
from headrace.workflows.calls import TRY_AGAIN, Calls

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/json"

Endpoint = Callable[[Request], Awaitable[Answer]]


def provider_routes(calls: Calls, manifest: Manifest) -> list[Route]:
    """Return the routes of the Partner API, at the path that the manifest names."""

    async def provision(request: Request) -> Answer:
        return await calls.provision(parse_provision(await read_body(request, limit=BODY_LIMIT)))

    async def change_or_remove(request: Request) -> Answer:
        uuid = parse_uuid(request.path_params["uuid"])
        if request.method == "DELETE":
            return await calls.deprovision(uuid)
        return await calls.change_plan(uuid, parse_plan_change(await read_body(request, limit=BODY_LIMIT)))

    base = manifest.resources_path
    one = f"{base}/{{uuid}}"
    return [
        Route(base, _guard(provision, manifest), methods=["POST"]),
        Route(one, _guard(change_or_remove, manifest), methods=["PUT", "DELETE"]),
        # Whatever else is asked for here: who does not know the password learns nothing of what there is.
        Route(base, _AnyMethod(_guard(_decline(405, Allow="POST"), manifest))),
        Route(one, _AnyMethod(_guard(_decline(405, Allow="DELETE, PUT"), manifest))),
        Route(f"{base}/{{rest:path}}", _AnyMethod(_guard(_decline(404), manifest))),
    ]


def _decline(status: int, **headers: str) -> Endpoint:
    async def decline(_request: Request) -> Answer:
        raise HTTPException(status, headers=headers)

    return decline


class _AnyMethod:
    """An endpoint for every method, also those that HTTP does not know."""

    def __init__(self, respond: Callable[[Request], Awaitable[Response]]) -> None:
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)


def _guard(endpoint: Endpoint, manifest: Manifest) -> Callable[[Request], Awaitable[Response]]:
    """Check who is calling before anything of the call is read; answer what went wrong as Heroku expects it."""

    async def respond(request: Request) -> Response:
        try:
            verify_basic_auth(request.headers.get("authorization"), user=manifest.id, password=manifest.password)
            answer = await endpoint(request)
        except Rejected as error:
            log.warning(
                "request.rejected",
                extra={"method": request.method, "status": error.status, "reason": error.reason},
            )
            return respond_rejected(error)
        except DBAPIError:
            # Nothing was recorded; Heroku shows the message and asks again.
            log.exception("database.failed", extra={"method": request.method})
            answer = Answer(status=503, message=TRY_AGAIN)
        return Response(answer.encode(), status_code=answer.status, media_type=MEDIA_TYPE)

    return respond


def respond_rejected(error: Rejected) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="add-on partner"'} if error.status == 401 else None
    body = msgspec.json.encode({"message": error.message})
    return Response(body, status_code=error.status, headers=headers, media_type=MEDIA_TYPE)
