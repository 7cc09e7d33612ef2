"""Grants and tokens of add-ons, as the id host issues them (contract §2)."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from headrace.emulator.clock import Clock
from headrace.emulator.errors import unauthorized
from headrace.emulator.records import Addon, AddonService
from headrace.emulator.switches import Switches
from headrace.models import Secret

GRANT_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedGrant:
    """A code that works once."""

    code: Secret
    addon: Addon
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """What one exchange or refresh hands out."""

    access: Secret
    refresh: Secret
    addon: Addon
    expires_at: datetime
    lifetime: timedelta


class TokenBook:
    """Every live grant, access token and refresh token, by its text."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self.clock = clock
        self.switches = switches
        self._grants: dict[str, IssuedGrant] = {}
        self._access: dict[str, IssuedToken] = {}
        self._refresh: dict[str, Addon] = {}

    def issue_grant(self, addon: Addon) -> IssuedGrant:
        grant = IssuedGrant(code=Secret(str(uuid4())), addon=addon, expires_at=self.clock.now() + GRANT_LIFETIME)
        self._grants[grant.code.reveal()] = grant
        return grant

    def exchange(self, code: str, *, service: AddonService) -> IssuedToken:
        """Spend a code. One that is unknown, used, late or another service's is refused alike."""
        grant = self._grants.pop(code, None)
        if grant is None or grant.addon.service is not service or self.clock.now() >= grant.expires_at:
            raise unauthorized("The authorization code is invalid or has expired.")
        return self._issue(grant.addon, str(uuid4()))

    def refresh(self, refresh_token: str, *, service: AddonService) -> IssuedToken:
        """Issue another access token; the refresh token stays, unless the switch says that it rotates."""
        addon = self._refresh.get(refresh_token)
        if addon is None or addon.service is not service:
            raise unauthorized("The refresh token is invalid.")
        if self.switches.rotate_refresh:
            del self._refresh[refresh_token]
            refresh_token = str(uuid4())
        return self._issue(addon, refresh_token)

    def find_addon(self, access_token: str) -> Addon | None:
        """Tell which add-on a live access token acts for."""
        token = self._access.get(access_token)
        if token is None:
            return None
        if self.clock.now() >= token.expires_at:
            del self._access[access_token]
            return None
        return token.addon

    def expire(self, addon: Addon) -> None:
        """End the add-on's access tokens before their time; its refresh token stays good."""
        self._access = {text: token for text, token in self._access.items() if token.addon is not addon}

    def revoke(self, addon: Addon) -> None:
        """End everything that the add-on holds, as its removal does (contract §1.4)."""
        self.expire(addon)
        self._grants = {text: grant for text, grant in self._grants.items() if grant.addon is not addon}
        self._refresh = {text: owner for text, owner in self._refresh.items() if owner is not addon}

    def _issue(self, addon: Addon, refresh_token: str) -> IssuedToken:
        lifetime = self.switches.token_lifetime
        token = IssuedToken(
            access=Secret(make_access_token()),
            refresh=Secret(refresh_token),
            addon=addon,
            expires_at=self.clock.now() + lifetime,
            lifetime=lifetime,
        )
        self._access[token.access.reveal()] = token
        self._refresh[refresh_token] = addon
        return token


def make_access_token() -> str:
    """The prefix and 58 characters, the shape of today's tokens (contract §2.2)."""
    return f"HRKU-AA{secrets.token_urlsafe(44)[:58]}"
