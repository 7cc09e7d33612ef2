"""Grants and tokens of add-ons, as the id host issues them (contract §2)."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile
from uuid import uuid4

from headrace.emulator.kit.clock import Clock
from headrace.emulator.kit.errors import unauthorized
from headrace.emulator.kit.switches import Switches
from headrace.emulator.world.records import Addon, AddonService
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


@dataclass(slots=True, repr=False)
class Holdings:
    """The texts of what one add-on holds; its access tokens stand in the order in which they were issued."""

    grants: set[str] = field(default_factory=set)
    access: dict[str, None] = field(default_factory=dict)
    refresh: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False, repr=False)
class TokenBook:
    """Every live grant, access token and refresh token, by its text, and for each add-on what it holds."""

    clock: Clock
    switches: Switches
    _grants: dict[str, IssuedGrant] = field(default_factory=dict)
    _access: dict[str, IssuedToken] = field(default_factory=dict)
    _refresh: dict[str, Addon] = field(default_factory=dict)
    _held: dict[str, Holdings] = field(default_factory=dict)

    def issue_grant(self, addon: Addon, *, lifetime: timedelta = GRANT_LIFETIME) -> IssuedGrant:
        code = str(uuid4())
        grant = IssuedGrant(code=Secret(code), addon=addon, expires_at=self.clock.now() + lifetime)
        self._grants[code] = grant
        self._holdings(addon).grants.add(code)
        return grant

    def exchange(self, code: str, *, service: AddonService) -> IssuedToken:
        """Spend a code. One that is unknown, used, late or another service's is refused alike."""
        grant = self._grants.pop(code, None)
        if grant is not None:
            self._holdings(grant.addon).grants.discard(code)
        if grant is None or grant.addon.service is not service or self.clock.now() >= grant.expires_at:
            raise unauthorized("The authorization code is invalid or has expired.")
        return self._issue(grant.addon, str(uuid4()))

    def has_open_grant(self, addon: Addon) -> bool:
        """Whether a grant of an add-on's is neither exchanged nor over."""
        now = self.clock.now()
        return any(now < self._grants[code].expires_at for code in self._holdings(addon).grants)

    def refresh(self, refresh_token: str, *, service: AddonService) -> IssuedToken:
        """Issue another access token; the refresh token stays, unless the switch says that it rotates."""
        addon = self._refresh.get(refresh_token)
        if addon is None or addon.service is not service:
            raise unauthorized("The refresh token is invalid.")
        if self.switches.rotate_refresh:
            del self._refresh[refresh_token]
            self._holdings(addon).refresh.discard(refresh_token)
            refresh_token = str(uuid4())
        return self._issue(addon, refresh_token)

    def find_addon(self, access_token: str) -> Addon | None:
        """Tell which add-on a live access token acts for."""
        token = self._access.get(access_token)
        if token is None:
            return None
        if self.clock.now() >= token.expires_at:
            del self._access[access_token]
            del self._holdings(token.addon).access[access_token]
            return None
        return token.addon

    def expire(self, addon: Addon) -> None:
        """End the add-on's access tokens before their time; its refresh token stays good."""
        held = self._holdings(addon).access
        for text in held:
            del self._access[text]
        held.clear()

    def revoke(self, addon: Addon) -> None:
        """End everything that the add-on holds, as its removal does (contract §1.4)."""
        self.expire(addon)
        held = self._held.pop(addon.id)
        for code in held.grants:
            del self._grants[code]
        for text in held.refresh:
            del self._refresh[text]

    def _issue(self, addon: Addon, refresh_token: str) -> IssuedToken:
        lifetime = self.switches.token_lifetime
        token = IssuedToken(
            access=Secret(make_access_token()),
            refresh=Secret(refresh_token),
            addon=addon,
            expires_at=self.clock.now() + lifetime,
            lifetime=lifetime,
        )
        held = self._holdings(addon)
        now = self.clock.now()
        for text in list(takewhile(lambda text: now >= self._access[text].expires_at, held.access)):
            del held.access[text], self._access[text]
        self._access[token.access.reveal()] = token
        self._refresh[refresh_token] = addon
        held.access[token.access.reveal()] = None
        held.refresh.add(refresh_token)
        return token

    def _holdings(self, addon: Addon) -> Holdings:
        return self._held.setdefault(addon.id, Holdings())


def make_access_token() -> str:
    """The prefix and 58 characters, the shape of today's tokens (contract §2.2)."""
    return f"HRKU-AA{secrets.token_urlsafe(44)[:58]}"
