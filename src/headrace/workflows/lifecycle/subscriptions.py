"""Webhook subscriptions: every resource gets one, once it is provisioned (contract §8.2).

They are looked after for as long as the worker runs, because a new release may want to hear of more than the last
one did, and Heroku may have declined for a while. A subscription ends with its add-on.
"""

from collections.abc import Generator
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from headrace.client import HerokuClient
from headrace.hooks.registry import Hooks
from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.webhooks import subscribe
from headrace.protocol.wire import Request, Response
from headrace.store.state.notices import NoticeKind, settle_notices
from headrace.store.state.resources import lock_resource
from headrace.store.state.timeline import TimelineName, add_event
from headrace.store.state.webhooks import (
    claim_unsubscribed,
    find_credentials,
    find_subscription,
    save_credentials,
    save_subscribed,
)
from headrace.workflows.engine.ids import build_id
from headrace.workflows.engine.port import EVENT_QUEUE
from headrace.workflows.engine.run import Run, StepFailed
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.events import list_wanted, make_credentials
from headrace.workflows.lifecycle.steps import record_notice

# How many are asked for at a time, so that a new release of a large fleet does not ask for all at once.
BATCH = 50
# What could not be had is asked for again after this; until then placements are kept current by asking alone.
RETRY_AFTER = timedelta(days=1)


class Subscriptions:
    """Asks Heroku to tell us of what concerns a resource; that it declines never keeps a resource from working."""

    def __init__(self, core: Core, hooks: Hooks, client: HerokuClient, *, url: str | None) -> None:
        """`url` is where Heroku is to deliver, with each resource's uuid behind it; without one it is asked nothing."""
        self._core = core
        self._hooks = hooks
        self._client = client
        self.url = url
        core.engine.register(WorkflowKind.SUBSCRIBE, self.subscribe)

    async def run_once(self) -> int:
        """Start subscribing some of the resources that are not, or not to all that is wanted; return how many."""
        return 0 if self.url is None else await self._core.database.write(self._enqueue, self.url)

    async def subscribe(self, run: Run, uuid: str, number: Any) -> None:
        """Subscribe one resource."""
        try:
            await run.step("subscribe", partial(self._subscribe, uuid, number))
        except StepFailed as failure:
            kind = NoticeKind.SUBSCRIPTION_FAILED
            await run.step("record", partial(record_notice, self._core, uuid, kind, reason=failure.reason))

    def _enqueue(self, connection: sa.Connection, url: str) -> int:
        claimed = claim_unsubscribed(
            connection,
            url=url,
            include=list_wanted(self._hooks),
            now=self._core.clock(),
            retry_after=RETRY_AFTER,
            limit=BATCH,
        )
        for uuid, number in claimed:
            kind = WorkflowKind.SUBSCRIBE
            workflow_id = build_id(kind, uuid, which=number)
            self._core.engine.enqueue(connection, kind, workflow_id, uuid, number, queue=EVENT_QUEUE)
        return len(claimed)

    async def _subscribe(self, uuid: str, number: int) -> None:
        """What deliveries have to prove is stored first: no crash leaves a subscription that nobody can verify."""
        prepared = await self._core.database.write(self._prepare, uuid, number)
        if prepared is not None:
            await self._client.drive(uuid, prepared)
            await self._core.database.write(self._record, uuid, number)

    def _prepare(self, connection: sa.Connection, uuid: str, number: int) -> Generator[Request, Response, None] | None:
        """Return the requests to send; None for a resource on its way out, or when more is wanted by now."""
        row = lock_resource(connection, uuid)
        wanted = find_subscription(connection, uuid)
        if row is None or row.state is not State.PROVISIONED or wanted is None or wanted.number != number:
            return None
        credentials = find_credentials(connection, self._core.secrets, uuid)
        if credentials is None:
            credentials = make_credentials()
            save_credentials(connection, self._core.secrets, uuid, credentials)
        return subscribe(uuid, url=f"{wanted.url}/{uuid}", include=wanted.include, credentials=credentials)

    def _record(self, connection: sa.Connection, uuid: str, number: int) -> None:
        now = self._core.clock()
        save_subscribed(connection, uuid, number=number, now=now)
        settle_notices(connection, uuid, by="subscription", now=now, kinds=[NoticeKind.SUBSCRIPTION_FAILED])
        add_event(connection, uuid, TimelineName.SUBSCRIPTION_MADE, now=now)
