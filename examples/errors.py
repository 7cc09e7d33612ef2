"""Acme with its hooks' errors told to an error tracker, and one client session for all of its hooks.

`tracker` stands for Sentry: with the real one, `sentry_sdk.new_scope` and `sentry_sdk.capture_exception`.
"""

from collections.abc import AsyncIterator
from contextlib import contextmanager
from typing import Any

import aiohttp

from headrace import AddonService, Failure, PlanChange, Provision, Resource

service = AddonService.from_env()


class Tracker:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[dict[str, Any], Exception]] = []
        self._tags: dict[str, Any] = {}

    @contextmanager
    def new_scope(self, **tags: Any) -> Any:
        self._tags = tags
        yield

    def capture_exception(self, error: Exception) -> None:
        self.events.append((self._tags, error))


tracker = Tracker()


@service.on_error
def tell(failure: Failure) -> None:
    with tracker.new_scope(hook=failure.hook, resource=failure.uuid, attempt=failure.attempt):
        tracker.capture_exception(failure.error)


@service.lifespan
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"User-Agent": "acme"}) as session:
        yield session


@service.on_provision
async def create(provision: Provision) -> dict[str, str]:
    async with http.value.post(f"{provision.options['cloud']}/indexes/{provision.uuid}") as answer:
        answer.raise_for_status()
    return {"ACME_SEARCH_URL": f"https://search.acme.example/{provision.uuid}"}


@service.on_plan_change
async def resize(change: PlanChange) -> None: ...


@service.on_deprovision
async def drop(resource: Resource) -> None: ...
