"""A client that sends provisions as fast as they are answered, and costs little itself."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from time import perf_counter
from uuid import uuid4

from bench.served import PASSWORD, SLUG

from headrace.models import Secret
from headrace.protocol.partner import build_basic_auth


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a load test measured; times in seconds."""

    per_second: float
    p50: float
    p99: float


def measure(port: int, *, connections: int, seconds: float) -> Load:
    """Send provisions over keep-alive connections for a while.

    Raises:
        RuntimeError: one was not answered 202.
    """
    return asyncio.run(_measure(port, connections=connections, seconds=seconds))


async def _measure(port: int, *, connections: int, seconds: float) -> Load:
    took: list[float] = []
    started = perf_counter()
    await asyncio.gather(*(_send_until(started + seconds, port, took) for _ in range(connections)))
    elapsed = perf_counter() - started
    percentiles = quantiles(took, n=100)
    return Load(per_second=len(took) / elapsed, p50=percentiles[49], p99=percentiles[98])


async def _send_until(deadline: float, port: int, took: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (asked := perf_counter()) < deadline:
        writer.write(_build_request())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        if b" 202 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(f"Not acknowledged: {head.decode()}{body.decode()}")
        took.append(perf_counter() - asked)
    writer.close()
    await writer.wait_closed()


def _build_request() -> bytes:
    uuid = str(uuid4())
    expires_at = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    body = json.dumps(
        {
            "uuid": uuid,
            "name": f"acme-search-{uuid[:8]}",
            "plan": "basic",
            "region": "amazon-web-services::us-east-1",
            "options": {},
            "callback_url": f"https://api.heroku.com/addons/{uuid}",
            "oauth_grant": {"code": uuid, "expires_at": expires_at, "type": "authorization_code"},
        }
    ).encode()
    head = (
        f"POST /heroku/resources HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: {build_basic_auth(SLUG, Secret(PASSWORD))}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
