"""What Heroku asks of us, kept for operators: each endpoint that it calls says what for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headrace.clock import Clock
from headrace.protocol.kept_requests import Direction, RawRequest
from headrace.store.sql.outage import DATABASE_ERRORS
from headrace.telemetry.context import find_about
from headrace.web.ground.bodies import find_body

Respond = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Has requests kept: `keep` notes one, in no time, and is never waited for."""

    keep: Callable[[RawRequest], None]
    clock: Clock

    def of(self, purpose: str, base: str, endpoint: Respond) -> Respond:
        """Return an endpoint whose requests are kept; of their paths, what `base` has is the same in all."""
        plain = base.split("/")

        async def respond(request: Request) -> Response:
            began_at, status, answer = monotonic(), 500, b""
            try:
                response = await endpoint(request)
                status, answer = response.status_code, bytes(response.body)
            except HTTPException as error:
                status = error.status_code
                raise
            except DATABASE_ERRORS:
                status = 503
                raise
            finally:
                about, seconds = find_about(), monotonic() - began_at
                self.keep(
                    RawRequest(
                        direction=Direction.FROM_HEROKU,
                        purpose=purpose,
                        at=self.clock() - timedelta(seconds=seconds),
                        method=request.method,
                        path=request.scope["path"],
                        plain=plain,
                        status=status,
                        seconds=seconds,
                        request_id=about.get("request_id", ""),
                        resource_uuid=about.get("resource"),
                        body=find_body(request),
                        answer=answer,
                    )
                )
            return response

        return respond
