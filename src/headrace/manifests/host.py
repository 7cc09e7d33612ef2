"""Heroku's add-ons host, as its plugin for partners uses it: the manifest in force, and a new one (contract §5)."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from headrace.errors import ConfigurationError
from headrace.manifests.files import BadManifest
from headrace.models import Secret
from headrace.protocol.manifest import is_loopback
from headrace.protocol.wire import Unreadable, decode_json

URL = "https://addons.heroku.com"
WITHIN_SECONDS = 30.0


class AddonsHost:
    """Whoever's token it is has to be a member of the add-on's team."""

    def __init__(self, url: str, token: Secret) -> None:
        """`url` begins with https, or is an emulator's on this machine: secrets go there.

        Raises:
            ConfigurationError: it does not, or there is no token.
        """
        if not (url.startswith("https://") or (url.startswith("http://") and is_loopback(url))):
            raise ConfigurationError(["HEROKU_ADDONS_URL: must begin with https:// (http:// on this machine)."])
        if not token.reveal():
            raise ConfigurationError(
                ['Missing HEROKU_API_KEY: your own token. `export HEROKU_API_KEY="$(heroku auth:token)"` sets it.']
            )
        self._url, self._token = url.rstrip("/"), token

    def pull(self, slug: str) -> dict[str, Any]:
        """Return the manifest in force.

        Raises:
            BadManifest: the host refuses, or cannot be reached.
        """
        return self._ask("GET", f"/api/v3/addons/{quote(slug, safe='')}/current_manifest")

    def push(self, contents: Mapping[str, Any]) -> dict[str, Any]:
        """Put a manifest in force, and return it as Heroku has it, with its new `$base`.

        Raises:
            BadManifest: the host refuses it, or cannot be reached.
        """
        slug = contents.get("id")
        if not isinstance(slug, str) or not slug:
            raise BadManifest(["id: missing. It is the add-on's slug."])
        return self._ask("POST", f"/api/v3/addons/{quote(slug, safe='')}/manifests", {"contents": contents})

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        status, raw = asyncio.run(self._send(method, path, body))
        try:
            answer = decode_json(raw, dict[str, Any])
        except Unreadable:
            answer = {}
        contents = answer.get("contents")
        if status >= 400 or not isinstance(contents, dict):
            raise BadManifest(_read_problems(status, answer, self._url))
        return contents

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {self._token.reveal()}", "Accept": "application/json"}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WITHIN_SECONDS), trust_env=True) as session,
                session.request(method, self._url + path, json=body, headers=headers, allow_redirects=False) as answer,
            ):
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise BadManifest([f"{self._url} cannot be reached."]) from None


def _read_problems(status: int, answer: Mapping[str, Any], url: str) -> list[str]:
    """Read `{"error": text}` or `{"error": {"base": [texts]}}`, or what the Platform API would say."""
    error = answer.get("error", answer.get("message"))
    if isinstance(error, dict):
        error = error.get("base")
    if isinstance(error, list) and error:
        return [str(each) for each in error]
    return [str(error) if isinstance(error, str) and error else f"{url} answered with {status}."]
