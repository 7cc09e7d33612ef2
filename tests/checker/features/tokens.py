"""Providers that are wrong about tokens that die."""

from typing import Any

import aiohttp

from checker.provider import Provider, Resource
from checker.wrong import caught_by


@caught_by("tokens.dead-access-token", "tokens.rotated-refresh-token")
class NeverRefreshes(Provider):
    async def refresh(self, http: aiohttp.ClientSession, resource: Resource) -> bool:
        return False


@caught_by("tokens.rotated-refresh-token")
class KeepsItsFirstRefreshToken(Provider):
    def keep_token(self, resource: Resource, token: dict[str, Any]) -> None:
        first = resource.refresh_token
        super().keep_token(resource, token)
        resource.refresh_token = first or resource.refresh_token
