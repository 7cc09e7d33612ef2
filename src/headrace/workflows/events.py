"""Webhook events: each is taken once, makes what it concerns due for a look, and is told to the partner's hook.

Events are a reason to ask Heroku, never an answer: only its own order deprovisions a resource, and only a look
moves a placement. So it does not matter in which order they come, or whether one comes twice.
"""

import secrets as random
from enum import StrEnum
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from headrace.client import Clock
from headrace.models import Secret
from headrace.protocol.webhooks import RETRIED_FOR, Credentials, parse_event, verify_age
from headrace.protocol.webhooks import Event as SentEvent
from headrace.store.database import Database
from headrace.store.notices import NoticeKind, raise_notice
from headrace.store.placements import LIVE, forget_access, want_check
from headrace.store.resources import ResourceRow, add_event, find_resource, lock_resource
from headrace.store.secrets import EVENT, SecretStore
from headrace.store.webhooks import add_webhook_event, find_credentials, forget_webhook_events
from headrace.workflows.engine import EVENT_QUEUE, Engine
from headrace.workflows.hooks import Event, Hooks, name_event_hook
from headrace.workflows.provisioning import Workflows
from headrace.workflows.run import Run, StepFailed

TELL_EVENT = "event"
COLLABORATOR = "api:collaborator"
# What may tell that a resource, its app or who may see it has changed; nothing tells of pipelines (contract §8.1).
WATCHED = frozenset({"api:addon", "api:addon-attachment", "api:app", COLLABORATOR})


class Taken(StrEnum):
    """What became of an event that was verified."""

    NEW = "new"
    REPEATED = "repeated"
    IGNORED = "ignored"


class Events:
    """Takes verified events, and calls the partner's hooks for them in the background."""

    def __init__(
        self,
        *,
        database: Database,
        secrets: SecretStore,
        engine: Engine,
        workflows: Workflows,
        hooks: Hooks,
        clock: Clock,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._engine = engine
        self._workflows = workflows
        self._hooks = hooks
        self._clock = clock
        self._nobodys = make_credentials()
        engine.register(TELL_EVENT, self.tell)

    async def find_credentials(self, uuid: str) -> Credentials:
        """Return what deliveries about a resource have to prove; nobody can prove it for one that has no subscription.

        So a resource that is not there is refused as a forged delivery is, after the same look into the store.
        """
        found = await self._database.read(find_credentials, self._secrets, uuid)
        return found or self._nobodys

    async def take(self, uuid: str, event: SentEvent) -> Taken:
        """Record an event, with everything that follows from it, in one transaction.

        Raises:
            DeliveryRejected: it is older than anything that Heroku still delivers.
        """
        verify_age(event, now=self._clock())
        return await self._database.write(self._record, uuid, event)

    async def tell(self, run: Run, uuid: str, event_id: Any) -> None:
        """Call the partner's hook for one event; it changes nothing of the resource."""
        try:
            await run.step("run_hook", partial(self._run_hook, uuid, event_id))
        except StepFailed as failure:
            await run.step("record", partial(self._record_failure, uuid, event_id, failure))
        await run.step("forget", partial(self._database.write, self._secrets.delete, uuid, _kind(event_id)))

    def _record(self, connection: sa.Connection, uuid: str, event: SentEvent) -> Taken:
        now = self._clock()
        row = lock_resource(connection, uuid)
        if row is None or row.state not in LIVE:
            return Taken.IGNORED
        forget_webhook_events(connection, created_before=now - RETRIED_FOR)
        if not add_webhook_event(connection, uuid, event, now=now):
            return Taken.REPEATED
        if event.entity in WATCHED:
            want_check(connection, uuid, now=now)
        if event.entity == COLLABORATOR:
            forget_access(connection, _find_app_id(event, row))
        if self._hooks.has(name_event_hook(event.entity)):
            text = msgspec.json.encode(event).decode()
            self._secrets.save(connection, uuid, _kind(event.id), text)
            workflow_id = name_event_workflow(uuid, event.id)
            self._engine.enqueue(connection, TELL_EVENT, workflow_id, uuid, event.id, queue=EVENT_QUEUE)
        return Taken.NEW

    async def _run_hook(self, uuid: str, event_id: str) -> None:
        """Nothing is told of a resource that is on its way out, nor by a release that has no such hook any more."""
        row = await self._database.read(find_resource, uuid)
        text = await self._database.read(self._secrets.find, uuid, _kind(event_id))
        if row is None or row.state not in LIVE or text is None:
            return
        event = parse_event(text.encode())
        name = name_event_hook(event.entity)
        if self._hooks.has(name):
            await self._hooks.call(name, await self._describe(uuid, event))

    async def _describe(self, uuid: str, event: SentEvent) -> Event:
        return Event(
            id=event.id,
            entity=event.entity,
            action=event.action,
            resource=await self._workflows.find_resource(uuid),
            created_at=event.created_at,
            updated_at=event.updated_at,
            data=event.data,
            previous_data=event.previous_data,
            actor=event.actor,
        )

    async def _record_failure(self, uuid: str, event_id: str, failure: StepFailed) -> None:
        def record(connection: sa.Connection) -> None:
            now = self._clock()
            add_event(connection, uuid, "event.failed", now=now, event=event_id, reason=failure.reason)
            raise_notice(connection, uuid, NoticeKind.EVENT_FAILED, now=now, event=event_id, reason=failure.reason)

        await self._database.write(record)


def make_credentials() -> Credentials:
    """Make what a subscription's deliveries will have to prove."""
    return Credentials(
        secret=Secret(random.token_urlsafe(32)), authorization=Secret(f"Bearer {random.token_urlsafe(32)}")
    )


def list_wanted(hooks: Hooks) -> list[str]:
    """Return the entities that a service has to hear of: for its placements, and for the partner's hooks."""
    return sorted(WATCHED.union(hooks.list_entities()))


def name_event_workflow(uuid: str, event_id: str) -> str:
    """Return the id of the workflow that tells the partner's hook of an event."""
    return f"{TELL_EVENT}:{uuid}:{event_id}"


def _kind(event_id: str) -> str:
    """The kind of secret under which an event is kept until its hook is done: it may hold addresses and config."""
    return f"{EVENT}/{event_id}"


def _find_app_id(event: SentEvent, row: ResourceRow) -> str | None:
    app = event.data.get("app")
    return str(app.get("id")) if isinstance(app, dict) else row.app_id
