"""The route to which Heroku delivers webhooks (contract §8.4)."""

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.responses import Response

from headrace.errors import Rejected
from headrace.protocol.manifest import Manifest
from headrace.protocol.partner import BODY_LIMIT
from headrace.protocol.webhooks import SIGNATURE_HEADER, Event, parse_event, verify_authorization, verify_delivery
from headrace.web.bodies import read_body
from headrace.web.openapi import JSON, NOT_FOUND, DescribedRoute, Operation, Reply, Scheme, show_json
from headrace.web.provider import respond_rejected
from headrace.workflows.events import Events, Taken

log = logging.getLogger(__name__)

DELIVER = Operation(
    id="deliver",
    summary="Take an event that Heroku delivers; the same one twice is as good as once.",
    scheme=Scheme.DELIVERY,
    body=(JSON, Event),
    headers={SIGNATURE_HEADER: {"type": "string", "description": "Over the raw bytes of the body, Base64."}},
    replies=NOT_FOUND
    | {
        204: Reply("The event is on disk."),
        400: show_json("This is not an event."),
        403: show_json("The delivery does not prove to come from Heroku, or is too old."),
        408: show_json("The body did not arrive in time."),
        413: show_json(f"The body is larger than {BODY_LIMIT:,} bytes."),
        503: Reply("Nothing was recorded: deliver it again."),
    },
)


def webhook_routes(events: Events, manifest: Manifest, *, count: Callable[[str], None]) -> list[DescribedRoute]:
    """Return the route; `count` is told what became of each delivery."""

    async def receive(request: Request) -> Response:
        try:
            outcome = await _take(request, events)
        except Rejected as error:
            # Which resource it claimed to be about is not noted: anybody can write anything there.
            log.warning("delivery.rejected", extra={"status": error.status, "reason": error.reason})
            count(error.reason)
            return respond_rejected(error)
        except DBAPIError:
            # Nothing was recorded; Heroku delivers again.
            log.exception("database.failed", extra={"method": request.method})
            count("failed")
            return Response(status_code=503)
        count(outcome)
        return Response(status_code=204)

    path = f"{urlsplit(manifest.webhooks_url).path}/{{uuid:uuid}}"
    return [DescribedRoute(path, receive, "POST", DELIVER)]


async def _take(request: Request, events: Events) -> Taken:
    """Take an event that proves to come from Heroku; nothing of the body is parsed before."""
    uuid = str(request.path_params["uuid"])
    credentials = await events.find_credentials(uuid)
    verify_authorization(request.headers.get("authorization"), authorization=credentials.authorization)
    body = await read_body(request, limit=BODY_LIMIT)
    verify_delivery(body, signature=request.headers.get(SIGNATURE_HEADER), secret=credentials.secret)
    return await events.take(uuid, parse_event(body))
