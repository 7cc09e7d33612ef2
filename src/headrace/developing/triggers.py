"""What is asked of a Heroku that runs already, from another terminal: what customers do, and what Heroku tells."""

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any, Self, cast
from urllib.parse import quote

import aiohttp

from headrace.developing.shown import build_board_url
from headrace.developing.watching import MANIFEST
from headrace.emulator.front.app import LOCAL_PREFIX
from headrace.errors import HeadraceError
from headrace.protocol.manifest import is_loopback

LOOKS_EVERY_SECONDS = 0.2


class NotTriggered(HeadraceError):
    """An emulated Heroku was asked for something, and is not there or does not do it; `status` is its answer's."""

    def __init__(self, text: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(text)


class Control:
    """The control API of an emulator; use it as an asynchronous context."""

    def __init__(self, url: str) -> None:
        """`url` is where it is; that it is on this machine keeps what is asked from Heroku itself.

        Raises:
            NotTriggered: it is elsewhere.
        """
        if not is_loopback(url):
            raise NotTriggered(f"{url} is no emulated Heroku of this machine. Say where one is with --heroku.")
        self._url = url.rstrip("/")
        self._session = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._session.close()

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Have something done, and return what is answered.

        Raises:
            NotTriggered: nobody is there, or it is declined; the text has why.
        """
        try:
            async with self._session.request(method, f"{self._url}{LOCAL_PREFIX}{path}", json=body) as answer:
                shown = json.loads(await answer.read() or b"null")
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise NotTriggered(
                f"No emulated Heroku answers at {self._url}. Start one with `headrace dev`, or say where with --heroku."
            ) from None
        if answer.status >= 400:
            text = shown.get("message", "The emulator refused.") if isinstance(shown, dict) else str(shown)
            raise NotTriggered(text, status=answer.status)
        return shown

    async def find_addon(self, app: str, name: str | None) -> dict[str, Any]:
        """Return the add-on of an app: the one that is named, or the only one.

        Raises:
            NotTriggered: it has none, or several and none is named.
        """
        names = (await self.ask("GET", f"/apps/{quote(app)}"))["addons"]
        if name is None and len(names) != 1:
            raise NotTriggered(
                f"{app} has {', '.join(names)}: say which with --addon." if names else f"{app} has no add-on."
            )
        return cast("dict[str, Any]", await self.ask("GET", f"/addons/{quote(name or names[0])}"))

    async def find_plan(self, plan: str, folder: Path) -> str:
        """Return a plan with its service: the one of the folder's manifest, or the only one there is."""
        if ":" in plan:
            return plan
        slugs = [service["slug"] for service in await self.ask("GET", "/addon-services")]
        slug = slugs[0] if len(slugs) == 1 else read_slug(folder)
        if slug not in slugs:
            raise NotTriggered(f"Say whose plan it is: {', '.join(f'{each}:{plan}' for each in slugs)}.")
        return f"{slug}:{plan}"

    async def wait_for(self, addon: Mapping[str, Any], *, within: float) -> str:
        """Return the state of an add-on as soon as it is not being provisioned, or when time is up.

        Raises:
            NotTriggered: the partner gave the provision up, so that Heroku has taken the add-on away.
        """
        deadline, state = monotonic() + within, str(addon["state"])
        while state == "provisioning" and monotonic() < deadline:
            await asyncio.sleep(LOOKS_EVERY_SECONDS)
            try:
                state = (await self.ask("GET", f"/addons/{addon['id']}"))["state"]
            except NotTriggered as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                raise NotTriggered(
                    f"{addon['name']} is gone: the add-on gave the provision up. Its log says why."
                ) from None
        return state

    async def find_board(self, addon: Mapping[str, Any], user: str | None) -> str:
        """Return where somebody opens the board of an add-on: the app's owner, or a user by e-mail address."""
        app = await self.ask("GET", f"/apps/{quote(addon['app'])}")
        query = f"?user={quote(user, safe='@')}" if user else ""
        return build_board_url(self._url, app["id"], addon["id"]) + query


def read_slug(folder: Path) -> str:
    """Return the slug of the manifest in a folder, or nothing."""
    try:
        return str(json.loads((folder / MANIFEST).read_bytes())["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
