"""Importing by `/api`: a resource that another provider provisions."""

from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from headrace.protocol.import_lines import ImportBody, parse_request
from headrace.protocol.partner import BODY_LIMIT
from headrace.store.state.people.api_tokens import Scope
from headrace.web.ground.bodies import read_body
from headrace.web.ground.openapi import JSON_TYPE, DescribedRoute, Operation, Scheme, show_json
from headrace.web.ground.tokens import Caller
from headrace.web.programs.finding import HOME
from headrace.web.programs.gate import Gate, describe, respond
from headrace.workflows.lifecycle.importing import Change, Imports


class ImportResult(msgspec.Struct, frozen=True, kw_only=True):
    """What importing came to. `kept`: the resource is ours, and was not changed."""

    uuid: str
    change: Change


IMPORT = Operation(
    id="import_resource",
    summary="Import a resource that another provider provisions, or say what has changed with it.",
    scheme=Scheme.PROGRAM,
    body=(JSON_TYPE, ImportBody),
    replies=describe(
        Scope.WRITE,
        {
            200: show_json("It was there already.", ImportResult),
            201: show_json("It is new.", ImportResult),
            400: show_json("The body cannot be read."),
            408: show_json("The body did not arrive in time."),
            409: show_json("This service provisioned it, or it is gone for good: it was not changed.", ImportResult),
            413: show_json(f"The body is larger than {BODY_LIMIT:,} bytes."),
        },
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Importing:
    """The route that imports; `service` is the add-on service's id, which plans may have in front."""

    gate: Gate
    imports: Imports
    service: str

    def routes(self) -> list[DescribedRoute]:
        return [DescribedRoute(HOME, self.gate.guard(Scope.WRITE, self.import_resource), "POST", IMPORT)]

    async def import_resource(self, request: Request, caller: Caller) -> Response:
        resource = parse_request(await read_body(request, limit=BODY_LIMIT), service=self.service)
        change = await self.imports.take(resource, by=caller.name)
        status = {Change.NEW: 201, Change.KEPT: 409}.get(change, 200)
        return respond(ImportResult(uuid=resource.uuid, change=change), status=status)
