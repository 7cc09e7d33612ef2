"""The calls that Heroku makes to an add-on partner, and what it makes of the answers (contract §1)."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from headrace.emulator.kit.catalogue import REGIONS
from headrace.emulator.kit.clock import Clock
from headrace.emulator.kit.faults import Fault, FaultBook
from headrace.emulator.kit.once import send_once
from headrace.emulator.kit.switches import Switches
from headrace.emulator.world.records import Addon
from headrace.emulator.world.tokens import IssuedGrant
from headrace.emulator.world.traffic import Exchange, RawHeaders, Traffic
from headrace.protocol.partner import ACCEPT, build_basic_auth

if TYPE_CHECKING:
    import aiohttp

# The samples of the contract have numeric offsets, never Z (§1.2).
HEROKU_TIME = timezone(timedelta(hours=-8))


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerAnswer:
    """What a partner said. `status` is None when nothing came in time, `body` None when it is no JSON object.

    `error` names what happened instead of an answer.
    """

    status: int | None
    error: str = ""
    raw: bytes = field(default=b"", repr=False)
    headers: RawHeaders = field(default=(), repr=False)

    @property
    def body(self) -> dict[str, Any] | None:
        try:
            value = msgspec.json.decode(self.raw) if self.raw else {}
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return value if isinstance(value, dict) else None

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_worth_repeating(self) -> bool:
        return self.status is None or self.status >= 500

    @property
    def message(self) -> str:
        """The text for the customer, which counts with 422 and 503 only (contract §1.1)."""
        message = (self.body or {}).get("message")
        return message if isinstance(message, str) else ""


class PartnerCaller:
    """Calls `base_url` of a manifest, and knows how many calls are under way."""

    def __init__(self, *, url: str, clock: Clock, switches: Switches, faults: FaultBook, traffic: Traffic) -> None:
        self.url = url
        self.clock = clock
        self.switches = switches
        self.faults = faults
        self.traffic = traffic
        self._session: aiohttp.ClientSession | None = None
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def provision(self, addon: Addon) -> PartnerAnswer:
        return await self._call("POST", addon, "", addon.provision_body)

    async def change_plan(self, addon: Addon, plan: str) -> PartnerAnswer:
        return await self._call("PUT", addon, f"/{addon.id}", msgspec.json.encode({"plan": plan}))

    async def deprovision(self, addon: Addon) -> PartnerAnswer:
        return await self._call("DELETE", addon, f"/{addon.id}", b"")

    async def settle(self) -> None:
        await self._idle.wait()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def build_provision(self, addon: Addon, grant: IssuedGrant) -> bytes:
        """The v3 body, or the legacy one that the seed article shows (contract §1.2)."""
        body: dict[str, Any] = {
            "uuid": addon.id,
            "plan": addon.plan.name,
            "region": f"amazon-web-services::{REGIONS[addon.app.region].aws}",
            "options": addon.options,
        }
        if self.switches.legacy_body:
            heroku_id = addon.app.heroku_id
            body |= {"heroku_id": heroku_id, "callback_url": f"{self.url}/vendor/apps/{heroku_id}"}
        else:
            body |= {
                "name": addon.name,
                "callback_url": f"{self.url}/addons/{addon.id}",
                "oauth_grant": render_grant(grant),
            }
            if addon.log_drain_token is not None:
                body["log_drain_token"] = addon.log_drain_token.reveal()
            if addon.log_input_token is not None:
                body["log_input_url"] = addon.build_log_input_url(self.url)
        return msgspec.json.encode(body)

    async def _call(self, method: str, addon: Addon, path: str, body: bytes) -> PartnerAnswer:
        manifest = addon.service.manifest
        headers = {
            "Authorization": build_basic_auth(manifest.id, manifest.password),
            "Content-Type": "application/json",
            "Accept": ACCEPT,
        }
        return await self.send(method, f"{manifest.base_url}{path}", headers, body)

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        cut_off: timedelta | None = None,
    ) -> PartnerAnswer:
        """Send a request with whatever goes wrong with it on purpose, and return what Heroku gets to know.

        `cut_off` is the partner's time to answer, if it is not that of the Partner API.
        """
        cut_off = cut_off or self.switches.cut_off
        faults = self.faults.draw("to partner", method, urlsplit(url).path)
        async with self._counted():
            if any(fault.kind == "duplicate" for fault in faults):
                twice = (self._send(method, url, headers, body, faults=faults, cut_off=cut_off) for _ in range(2))
                return (await asyncio.gather(*twice))[0]
            return await self._send(method, url, headers, body, faults=faults, cut_off=cut_off)

    async def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        faults: Collection[Fault],
        cut_off: timedelta,
    ) -> PartnerAnswer:
        at, began = self.clock.now(), time.perf_counter()
        for fault in faults:
            if fault.kind == "latency":
                await asyncio.sleep(fault.seconds)
            if fault.kind == "malform":
                body = body[: len(body) // 2]
        lost = next((fault for fault in faults if fault.kind in {"status", "drop"}), None)
        answer = PartnerAnswer(status=None)
        if lost is None or lost.after_effect:
            answer = await self._exchange(method, url, headers, body, cut_off)
        if lost is not None:
            answer = _build_lost(lost)
        self.traffic.record(
            Exchange(
                direction="to partner",
                method=method,
                path=urlsplit(url).path,
                status=answer.status,
                at=at,
                ms=(time.perf_counter() - began) * 1000,
                fault=", ".join(str(fault) for fault in faults),
                raw_request=body,
                raw_response=answer.raw,
                raw_request_headers=[(name.encode(), value.encode()) for name, value in headers.items()],
                raw_response_headers=answer.headers,
            )
        )
        return answer

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, cut_off: timedelta
    ) -> PartnerAnswer:
        # The emulator starts in half the time when this waits for the first call.
        import aiohttp

        # A connection that the partner has let go meanwhile would look like a call without an answer.
        self._session = self._session or aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        timeout = aiohttp.ClientTimeout(total=cut_off.total_seconds())
        try:
            async with self._session.request(
                method,
                url,
                headers=headers,
                data=body or None,
                timeout=timeout,
                allow_redirects=False,
                middlewares=send_once(),
            ) as response:
                return PartnerAnswer(status=response.status, raw=await response.read(), headers=response.raw_headers)
        except (aiohttp.ClientError, TimeoutError) as error:
            return PartnerAnswer(status=None, error=type(error).__name__)

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()


def _build_lost(fault: Fault) -> PartnerAnswer:
    """What Heroku gets to know where a fault answers in the partner's place."""
    if fault.kind == "status":
        return PartnerAnswer(status=fault.status)
    return PartnerAnswer(status=None, error="ServerDisconnectedError")


def render_grant(grant: IssuedGrant) -> dict[str, str]:
    return {
        "code": grant.code.reveal(),
        "expires_at": grant.expires_at.astimezone(HEROKU_TIME).isoformat(),
        "type": "authorization_code",
    }
