"""Where a login leads: a redirect says little before a browser has gone on to the page behind it."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from headrace.checker.kit.provider import Provider, ProviderAnswer

# Where people are sent who are not logged in, by the last words of its path.
DOOR = re.compile(
    r"(^|/)(log[-_]?in|sign[-_]?in|sessions?/new|unauthori[sz]ed|forbidden|(access[-_])?denied|errors?|40[13])(\.\w+)?/?$",
    re.IGNORECASE,
)
# What a page may bring along that logs somebody in without a cookie.
TICKET = re.compile(r"token|ticket|code|jwt|session|key|otp|sig|magic|auth", re.IGNORECASE)
PASSWORD_FIELD = re.compile(rb"""type\s*=\s*["']?password""", re.IGNORECASE)
# What a door of somebody else's is asked with.
CLIENT_ID = "client_id"
MOST_STEPS = 5


async def is_bounced(provider: Provider, answer: ProviderAnswer) -> bool:
    """Tell whether a redirect leads to where one logs in, or is turned away: the login let nobody in.

    Pages of other hosts are not opened: their address has to do.
    """
    url, cookies = answer.location, dict(answer.cookies)
    if not url:
        return False
    page = None
    for _ in range(MOST_STEPS):
        if not _is_own(provider, url):
            return _is_door(url)
        page = await provider.open(url, cookies)
        cookies |= page.cookies
        if not page.location:
            break
        url = page.location
    if page is None or page.status in {401, 403} or _is_door(url):
        return True
    return await _asks_for_password(provider, url, page, cookies)


def _is_own(provider: Provider, url: str) -> bool:
    own = {urlsplit(address)[:2] for address in (provider.manifest.base_url, provider.manifest.sso_url)}
    return urlsplit(url)[:2] in own


def _is_door(url: str) -> bool:
    parts = urlsplit(url)
    names = {name for name, _ in parse_qsl(parts.query)}
    has_ticket = bool(parts.fragment) or any(TICKET.search(name) for name in names)
    return CLIENT_ID in names or (bool(DOOR.search(parts.path)) and not has_ticket)


async def _asks_for_password(provider: Provider, url: str, page: ProviderAnswer, cookies: Mapping[str, str]) -> bool:
    """A page with a field for a password is one to log in at, unless who has no cookie gets another one."""
    if not PASSWORD_FIELD.search(page.body):
        return False
    if not cookies:
        return True
    stranger = await provider.open(url, {})
    return stranger.status == page.status and bool(PASSWORD_FIELD.search(stranger.body))
