"""Webhook subscriptions: every resource gets one, once it is provisioned (contract §8.2).

They are looked after for as long as the worker runs, because a new release may want to hear of more than the last
one did, and Heroku may have declined for a while. A subscription ends with its add-on.
"""

from collections.abc import Generator
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from headrace.client import Clock, HerokuClient
from headrace.models import State
from headrace.protocol.manifest import Manifest
from headrace.protocol.webhooks import subscribe
from headrace.protocol.wire import Request, Response
from headrace.store.database import Database
from headrace.store.notices import NoticeKind, raise_notice, settle_notices
from headrace.store.resources import add_event, lock_resource
from headrace.store.secrets import SecretStore
from headrace.store.webhooks import (
    claim_unsubscribed,
    find_credentials,
    find_subscription,
    save_credentials,
    save_subscribed,
)
from headrace.workflows.engine import EVENT_QUEUE, Engine
from headrace.workflows.events import list_wanted, make_credentials
from headrace.workflows.hooks import Hooks
from headrace.workflows.run import Run, StepFailed

SUBSCRIBE = "subscribe"
# How many are asked for at a time, so that a new release of a large fleet does not ask for all at once.
BATCH = 50
# What could not be had is asked for again after this; until then placements are kept current by asking alone.
RETRY_AFTER = timedelta(days=1)


class Subscriptions:
    """Asks Heroku to tell us of what concerns a resource; that it declines never keeps a resource from working."""

    def __init__(
        self,
        *,
        database: Database,
        secrets: SecretStore,
        engine: Engine,
        client: HerokuClient,
        hooks: Hooks,
        manifest: Manifest,
        clock: Clock,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._engine = engine
        self._client = client
        self._hooks = hooks
        self._url = manifest.webhooks_url
        self._clock = clock
        engine.register(SUBSCRIBE, self.subscribe)

    async def look(self) -> int:
        """Start subscribing some of the resources that are not, or not to all that is wanted; return how many."""
        return await self._database.write(self._enqueue)

    async def subscribe(self, run: Run, uuid: str, number: Any) -> None:
        """Subscribe one resource."""
        try:
            await run.step("subscribe", partial(self._subscribe, uuid, number))
        except StepFailed as failure:
            await run.step("record", partial(self._record_failure, uuid, failure))

    def _enqueue(self, connection: sa.Connection) -> int:
        claimed = claim_unsubscribed(
            connection,
            url=self._url,
            include=list_wanted(self._hooks),
            now=self._clock(),
            retry_after=RETRY_AFTER,
            limit=BATCH,
        )
        for uuid, number in claimed:
            self._engine.enqueue(connection, SUBSCRIBE, f"{SUBSCRIBE}:{uuid}:{number}", uuid, number, queue=EVENT_QUEUE)
        return len(claimed)

    async def _subscribe(self, uuid: str, number: int) -> None:
        """What deliveries have to prove is stored first: no crash leaves a subscription that nobody can verify."""
        prepared = await self._database.write(self._prepare, uuid, number)
        if prepared is not None:
            await self._client.drive(uuid, prepared)
            await self._database.write(self._record, uuid, number)

    def _prepare(self, connection: sa.Connection, uuid: str, number: int) -> Generator[Request, Response, None] | None:
        """Return the requests to send; None for a resource on its way out, or when more is wanted by now."""
        row = lock_resource(connection, uuid)
        wanted = find_subscription(connection, uuid)
        if row is None or row.state is not State.PROVISIONED or wanted is None or wanted.number != number:
            return None
        credentials = find_credentials(connection, self._secrets, uuid)
        if credentials is None:
            credentials = make_credentials()
            save_credentials(connection, self._secrets, uuid, credentials)
        return subscribe(uuid, url=f"{wanted.url}/{uuid}", include=wanted.include, credentials=credentials)

    def _record(self, connection: sa.Connection, uuid: str, number: int) -> None:
        now = self._clock()
        save_subscribed(connection, uuid, number=number, now=now)
        settle_notices(connection, uuid, by="subscription", now=now, kinds=[NoticeKind.SUBSCRIPTION_FAILED])
        add_event(connection, uuid, "subscription.made", now=now)

    async def _record_failure(self, uuid: str, failure: StepFailed) -> None:
        def record(connection: sa.Connection) -> None:
            now = self._clock()
            add_event(connection, uuid, NoticeKind.SUBSCRIPTION_FAILED, now=now, reason=failure.reason)
            raise_notice(connection, uuid, NoticeKind.SUBSCRIPTION_FAILED, now=now, reason=failure.reason)

        await self._database.write(record)
