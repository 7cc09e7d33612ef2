"""The route to which Heroku delivers webhooks (contract §8.4)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from headrace.errors import DeliveryRejected, Malformed, Rejected
from headrace.logs import LogName
from headrace.protocol.partner import BODY_LIMIT
from headrace.protocol.webhooks import SIGNATURE_HEADER, Event, parse_event, verify_authorization, verify_delivery
from headrace.store.sql.outage import DATABASE_ERRORS
from headrace.telemetry.context import note
from headrace.web.ground.addresses import cut
from headrace.web.ground.bodies import read_body
from headrace.web.ground.kept import Kept
from headrace.web.ground.openapi import JSON_TYPE, NOT_FOUND, DescribedRoute, Operation, Reply, Scheme, show_json
from headrace.web.heroku.provider import respond_rejected
from headrace.workflows.lifecycle.events import Events, Taken

log = logging.getLogger(__name__)

# What a delivery was for, as it is kept.
WEBHOOK = "webhook"

DELIVER = Operation(
    id="deliver",
    summary="Take an event that Heroku delivers; the same one twice is as good as once.",
    scheme=Scheme.DELIVERY,
    body=(JSON_TYPE, Event),
    headers={SIGNATURE_HEADER: {"type": "string", "description": "Over the raw bytes of the body, Base64."}},
    replies=NOT_FOUND
    | {
        204: Reply("The event is on disk; one of a form that is not known is kept, and shown to an operator."),
        403: show_json("The delivery does not prove to come from Heroku, or is too old."),
        408: show_json("The body did not arrive in time."),
        413: show_json(f"The body is larger than {BODY_LIMIT:,} bytes."),
        503: show_json("Nothing was recorded: deliver it again."),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """What the route works with, below a prefix: Heroku delivers to `url`, and `count` is told what became of it."""

    events: Events
    url: str
    prefix: str
    count: Callable[[str], None]
    kept: Kept

    def routes(self) -> list[DescribedRoute]:
        path = urlsplit(self.url).path
        receive = self.kept.of(WEBHOOK, path, self.receive)
        return [DescribedRoute(f"{cut(path, self.prefix)}/{{uuid:uuid}}", receive, "POST", DELIVER)]

    async def receive(self, request: Request) -> Response:
        try:
            outcome = await self._take(request)
        except Rejected as error:
            # Which resource it claimed to be about is not noted: anybody can write anything there.
            log.warning(LogName.DELIVERY_REJECTED, extra={"status": error.status, "reason": error.reason})
            self.count(error.reason)
            return respond_rejected(error)
        except DATABASE_ERRORS:
            # Nothing was recorded; Heroku delivers again.
            self.count("failed")
            raise
        self.count(outcome)
        return Response(status_code=204)

    async def _take(self, request: Request) -> Taken:
        """Take an event that proves to come from Heroku; nothing of the body is parsed before.

        One that comes when its resource is gone is taken for as good as read, so that Heroku does not try it again.
        """
        uuid = str(request.path_params["uuid"])
        authorization = request.headers.get("authorization")
        credentials = await self.events.find_credentials(uuid)
        try:
            verify_authorization(authorization, authorization=credentials.authorization)
        except DeliveryRejected:
            if await self.events.is_over(uuid, authorization):
                return Taken.IGNORED
            raise
        body = await read_body(request, limit=BODY_LIMIT)
        verify_delivery(body, signature=request.headers.get(SIGNATURE_HEADER), secret=credentials.secret)
        note(resource=uuid)
        try:
            event = parse_event(body)
        except Malformed as error:
            return await self.events.keep(uuid, body, reason=error.message)
        return await self.events.take(uuid, event)
