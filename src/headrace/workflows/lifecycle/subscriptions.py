"""Webhook subscriptions: every resource gets one, once it is provisioned (contract §8.2).

They are looked after for as long as the worker runs, because a new release may want to hear of more than the last
one did, and Heroku may have declined for a while. A subscription ends with its add-on.
"""

from collections.abc import Generator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from headrace.client import HerokuClient
from headrace.hooks.registry import Hooks
from headrace.models import State
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.webhooks import Credentials, subscribe
from headrace.protocol.wire import Request, Response
from headrace.store.sql.group_commit import GATHERED_SECONDS
from headrace.store.state.notices import NoticeKind, settle_notices_of
from headrace.store.state.resources import lock_rows
from headrace.store.state.secrets import TOKEN
from headrace.store.state.sights import Sight, find_sights
from headrace.store.state.timeline import TimelineName, add_events
from headrace.store.state.webhooks import (
    CREDENTIALS,
    SubscriptionRow,
    claim_unsubscribed,
    find_subscriptions,
    read_credentials,
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

Chain = Generator[Request, Response, None]


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
        if claimed:
            kind = WorkflowKind.SUBSCRIBE
            asked = {build_id(kind, uuid, which=number): (uuid, number) for uuid, number in claimed}
            self._core.engine.enqueue_all(connection, kind, asked, queue=EVENT_QUEUE)
        return len(claimed)

    async def _subscribe(self, uuid: str, number: int) -> None:
        """What deliveries have to prove is stored first: no crash leaves a subscription that nobody can verify."""
        write = partial(self._core.database.write_together, gathered_for=GATHERED_SECONDS)
        prepared = await write(self._prepare, (uuid, number))
        if prepared is not None:
            chain, sight = prepared
            await self._client.drive(uuid, chain, token=sight.token)
            await write(self._record, (uuid, number))

    def _prepare(self, connection: sa.Connection, asked: Sequence[tuple[str, int]]) -> list[tuple[Chain, Sight] | None]:
        """Return the requests to send and the sight that has the token for them, which is read behind the same fence.

        None for a resource on its way out, or when more is wanted by now.

        Of resources, each with how often it has been asked.
        """
        uuids, secrets = {uuid for uuid, _ in asked}, self._core.secrets
        rows, wanted = lock_rows(connection, uuids), find_subscriptions(connection, uuids)
        # Of one resource a workflow that more was wanted after may be in the same batch.
        latest = {(uuid, each.number) for uuid, each in wanted.items() if uuid in rows}
        going_on = [uuid for uuid, _ in latest.intersection(asked) if rows[uuid].state is State.PROVISIONED]
        sights = find_sights(connection, secrets, going_on, lines=(), kinds=(CREDENTIALS, TOKEN))
        known = {uuid: read_credentials(sights[uuid].find(CREDENTIALS)) for uuid in going_on}
        made = {uuid: make_credentials() for uuid, credentials in known.items() if credentials is None}
        save_credentials(connection, secrets, made)
        chains = {uuid: (self._build(wanted[uuid], uuid, known[uuid] or made[uuid]), sights[uuid]) for uuid in going_on}
        return [chains.get(uuid) if (uuid, number) in latest else None for uuid, number in asked]

    def _build(self, wanted: SubscriptionRow, uuid: str, credentials: Credentials) -> Chain:
        return subscribe(uuid, url=f"{wanted.url}/{uuid}", include=wanted.include, credentials=credentials)

    def _record(self, connection: sa.Connection, taken: Sequence[tuple[str, int]]) -> list[None]:
        now, numbers = self._core.clock(), dict(sorted(taken))
        save_subscribed(connection, numbers, now=now)
        settle_notices_of(connection, numbers, by="subscription", now=now, kinds=[NoticeKind.SUBSCRIPTION_FAILED])
        add_events(connection, TimelineName.SUBSCRIPTION_MADE, {uuid: {} for uuid in numbers}, now=now)
        return [None] * len(taken)
