"""Providers that are wrong on days on which Heroku is busy or away."""

from contextlib import suppress

import aiohttp

from checker.provider import Provider, Refusal, Resource
from checker.wrong import caught_by


@caught_by("bad-days.rate-limit")
class GivesUpWhenHerokuIsBusy(Provider):
    async def is_worth_repeating(self, http: aiohttp.ClientSession, resource: Resource, status: int | None) -> bool:
        return status != 429 and await super().is_worth_repeating(http, resource, status)


@caught_by("bad-days.unavailable")
class GivesUpWhenHerokuIsAway(Provider):
    async def is_worth_repeating(self, http: aiohttp.ClientSession, resource: Resource, status: int | None) -> bool:
        return status != 503 and await super().is_worth_repeating(http, resource, status)


@caught_by("bad-days.dropped", "bad-days.lost-answer")
class GivesUpWhenCutOff(Provider):
    async def is_worth_repeating(self, http: aiohttp.ClientSession, resource: Resource, status: int | None) -> bool:
        if status is None:
            raise Refusal(500, "Nobody there.")
        return await super().is_worth_repeating(http, resource, status)

    async def finish(self, resource: Resource, code: str) -> None:
        with suppress(Refusal):
            await super().finish(resource, code)


@caught_by("bad-days.no-tokens")
class AsksForATokenOnce(Provider):
    exchange_tries = 1
