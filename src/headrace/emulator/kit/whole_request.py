"""A request as the emulator has it: whole, with what it gathers on its way to an answer and a record."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from headrace.emulator.kit.errors import Declined

# Far more than any request of a customer's or a partner's has.
BODY_LIMIT = 1_000_000


class WholeRequest(msgspec.Struct, kw_only=True, eq=False):
    """What came: `raw_path` is percent-encoded still, `headers` are by their names in small letters.

    `path_params` are found with its endpoint. `pool_left` is how many requests are left in the rate pool that it came
    from, `addon_id` the add-on whose token it bore or was given.
    """

    scope: Scope
    method: str
    path: str
    raw_path: str
    headers: Mapping[str, str]
    raw: bytes
    path_params: Mapping[str, str] = {}
    pool_left: int | None = None
    retry_after: int | None = None
    is_cross_origin: bool = False
    addon_id: str = ""

    @property
    def query_params(self) -> dict[str, str]:
        """Return the values of the query; the last of those that have one name."""
        query = self.scope["query_string"]
        return dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {}


async def read_whole(scope: Scope, receive: Receive) -> WholeRequest:
    """Return a request when all of it is there; no more than the limit and one chunk of it is ever held.

    Raises:
        Declined: it is larger than the limit.

    """
    raw, has_more = bytearray(), True
    while has_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        raw += message.get("body", b"")
        has_more = message.get("more_body", False)
        if len(raw) > BODY_LIMIT:
            raise Declined(413, "request_entity_too_large", f"A request body has {BODY_LIMIT} bytes at most.")
    return WholeRequest(
        scope=scope,
        method=scope["method"],
        path=scope["path"],
        raw_path=scope["raw_path"].decode("latin-1"),
        # The first of those that have one name.
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])},
        raw=bytes(raw),
    )
