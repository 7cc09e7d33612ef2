"""A client of an emulator in these tests: it speaks as a customer or a partner, and sees each answer as it came."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from emulator.partner import Received

ADA = "ada-token"
CLIENT_SECRET = "acme-client-secret"


def name_tokens(world: str) -> str:
    """Return the built-in world's text with a token for each of its users, so that a test knows them: `ada-token`."""
    return re.sub(r'name = "(Ada|Grace|Linus)"', lambda user: f'{user[0]}, token = "{user[1].lower()}-token"', world)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.body["id"]


@dataclass(frozen=True, slots=True)
class Wire:
    """Requests to an emulator under any token."""

    url: str
    session: aiohttp.ClientSession

    async def send(
        self, method: str, path: str, *, token: str | None = ADA, json: object = None, data: Any = None, **headers: str
    ) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token}")
        body = msgspec.json.encode(json) if json is not None else data
        async with self.session.request(method, self.url + path, data=body, headers=sent) as response:
            return Reply(status=response.status, headers=response.headers, raw=await response.read())

    async def get(self, path: str, *, token: str | None = ADA, **headers: str) -> Reply:
        return await self.send("GET", path, token=token, **headers)

    async def exchange(self, code: str, /, **form: str) -> Reply:
        fields = {"grant_type": "authorization_code", "code": code, "client_secret": CLIENT_SECRET} | form
        return await self.send("POST", "/oauth/token", token=None, data=fields)

    async def refresh(self, refresh_token: str, /, **form: str) -> Reply:
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_secret": CLIENT_SECRET} | form
        return await self.send("POST", "/oauth/token", token=None, data=fields)

    async def authorize(self, received: Received) -> str:
        """Exchange the grant of a provision request for the add-on's access token."""
        token: str = (await self.exchange(received.body["oauth_grant"]["code"])).body["access_token"]
        return token
