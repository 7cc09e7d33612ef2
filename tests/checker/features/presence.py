"""Providers that end, each at another moment: one finding, and nothing that comes after it."""

import asyncio
from typing import Any

import aiohttp
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from checker.provider import Provider, Resource, SynchronousProvider
from checker.wrong import caught_by


@caught_by("presence.to-the-end")
class EndsOnARepeat(SynchronousProvider):
    """As a program does that lets no error pass."""

    async def provision(self, body: dict[str, Any]) -> Response:
        if body.get("uuid") in self.resources:
            self.line.end()
        return await super().provision(body)


@caught_by("presence.to-the-end")
class EndsAfterADeprovision(Provider):
    """Answers, and then is gone."""

    async def deprovision(self, uuid: str) -> Response:
        answer = await super().deprovision(uuid)
        answer.background = BackgroundTask(self.go)
        return answer

    async def go(self) -> None:
        self.line.end()


@caught_by("presence.to-the-end")
class EndsInTheBackground(Provider):
    """Takes the provision, and ends over what it does next."""

    async def set_config(self, http: aiohttp.ClientSession, resource: Resource) -> None:
        self.line.end()
        await asyncio.Event().wait()


@caught_by("presence.to-the-end", only="plan-change")
class HangsForEver(Provider):
    """Takes connections and answers nobody any more, as a program does that waits for itself."""

    has_hung = False

    async def change_plan(self, resource: Resource, body: dict[str, Any]) -> Response:
        self.has_hung = True
        return await super().change_plan(resource, body)

    def asgi(self) -> Starlette:
        app, provider = super().asgi(), self

        class Hanging(Starlette):
            async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
                if provider.has_hung:
                    await wait_for_the_other_to_go(receive)
                    return
                await app(scope, receive, send)

        return Hanging()


async def wait_for_the_other_to_go(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
