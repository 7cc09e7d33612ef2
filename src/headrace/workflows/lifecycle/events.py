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

from headrace.errors import Malformed
from headrace.hooks.arguments import Event
from headrace.hooks.registry import Hooks, name_event_hook
from headrace.models import Secret
from headrace.protocol.lifecycle import WorkflowKind
from headrace.protocol.partner import parse_uuid
from headrace.protocol.webhooks import RETRIED_FOR, Credentials, is_digested, parse_event, verify_age
from headrace.protocol.webhooks import Event as SentEvent
from headrace.store.state.notices import NoticeKind, raise_notice
from headrace.store.state.people.access import doubt_access
from headrace.store.state.placements import LIVE, want_inspection
from headrace.store.state.resources import ResourceRow, find_resource, lock_resource
from headrace.store.state.secrets import EVENT, ODD_EVENT
from headrace.store.state.webhooks import (
    add_webhook_event,
    find_authorization_digest,
    find_credentials,
    forget_webhook_events,
)
from headrace.telemetry.context import keep_context
from headrace.workflows.engine.ids import build_id
from headrace.workflows.engine.port import EVENT_QUEUE
from headrace.workflows.engine.run import Run, StepFailed
from headrace.workflows.lifecycle.core import Core
from headrace.workflows.lifecycle.hook_arguments import find_hook_resource
from headrace.workflows.lifecycle.hook_steps import build_steps
from headrace.workflows.lifecycle.steps import record_notice

COLLABORATOR = "api:collaborator"
# What may tell that a resource, its app or who may see it has changed; nothing tells of pipelines (contract §8.1).
WATCHED = frozenset({"api:addon", "api:addon-attachment", "api:app", COLLABORATOR})


class Taken(StrEnum):
    """What became of an event that was verified."""

    NEW = "new"
    REPEATED = "repeated"
    IGNORED = "ignored"
    ODD = "odd"


class Events:
    """Takes verified events, and calls the partner's hooks for them in the background."""

    def __init__(self, core: Core, hooks: Hooks) -> None:
        self._core = core
        self._hooks = hooks
        self._nobodys = make_credentials()
        core.engine.register(WorkflowKind.EVENT, self.tell)

    async def find_credentials(self, uuid: str) -> Credentials:
        """Return what deliveries about a resource have to prove; nobody can prove it for one that has no subscription.

        So a resource that is not there is refused as a forged delivery is, after the same look into the store.
        """
        found = await self._core.database.read(find_credentials, self._core.secrets, uuid)
        return found or self._nobodys

    async def is_over(self, uuid: str, authorization: str | None) -> bool:
        """Whether a delivery comes late, about a resource that is gone, from whom we told its authorization.

        Its signature cannot be verified any more, and nothing of it is read: it says at most that there is nothing.
        """
        digest = await self._core.database.read(find_authorization_digest, uuid)
        return digest is not None and is_digested(authorization, digest=digest)

    async def take(self, uuid: str, event: SentEvent) -> Taken:
        """Record an event, with everything that follows from it, in one transaction.

        Raises:
            DeliveryRejected: it is older than anything that Heroku still delivers.
        """
        verify_age(event, now=self._core.clock())
        return await self._core.database.write(keep_context(self._record), uuid, event)

    async def keep(self, uuid: str, body: bytes, *, reason: str) -> Taken:
        """Keep a delivery that proves to come from Heroku and is no event that we know, and show it to an operator.

        Refused, it would hold the rest of its subscription up for three days. It may be about anything, so all that a
        delivery can be about is looked at again.
        """
        return await self._core.database.write(self._record_odd, uuid, body, reason)

    async def tell(self, run: Run, uuid: str, event_id: Any) -> None:
        """Call the partner's hook for one event; it changes nothing of the resource."""
        try:
            await run.step("run_hook", partial(self._run_hook, uuid, event_id))
        except StepFailed as failure:
            kind, detail = NoticeKind.EVENT_FAILED, {"event": event_id, "reason": failure.reason}
            await run.step("record", partial(record_notice, self._core, uuid, kind, **detail))
        forget = partial(self._core.database.write, self._forget, uuid, event_id)
        await run.step("forget", forget, leaves_traces=True)

    def _forget(self, connection: sa.Connection, uuid: str, event_id: str) -> None:
        self._core.secrets.delete(connection, uuid, _kind(event_id))
        self._core.secrets.delete_parts(connection, uuid, _name_scope(event_id))

    def _record(self, connection: sa.Connection, uuid: str, event: SentEvent) -> Taken:
        now = self._core.clock()
        row = lock_resource(connection, uuid)
        if row is None or row.state not in LIVE:
            return Taken.IGNORED
        forget_webhook_events(connection, created_before=now - RETRIED_FOR)
        if not add_webhook_event(connection, uuid, event, now=now):
            return Taken.REPEATED
        if event.entity in WATCHED:
            want_inspection(connection, uuid, now=now)
        if event.entity == COLLABORATOR:
            doubt_access(connection, _find_app_id(event, row), now=now)
        if self._hooks.has(name_event_hook(event.entity)):
            text = msgspec.json.encode(event).decode()
            self._core.secrets.save(connection, uuid, _kind(event.id), text)
            kind = WorkflowKind.EVENT
            workflow_id = build_id(kind, uuid, which=event.id)
            self._core.engine.enqueue(connection, kind, workflow_id, uuid, event.id, queue=EVENT_QUEUE)
        return Taken.NEW

    def _record_odd(self, connection: sa.Connection, uuid: str, body: bytes, reason: str) -> Taken:
        now = self._core.clock()
        row = lock_resource(connection, uuid)
        if row is None or row.state not in LIVE:
            return Taken.IGNORED
        want_inspection(connection, uuid, now=now)
        doubt_access(connection, row.app_id, now=now)
        self._core.secrets.save(connection, uuid, ODD_EVENT, body.decode(errors="backslashreplace"))
        raise_notice(connection, uuid, NoticeKind.EVENT_ODD, now=now, reason=reason, bytes=len(body))
        return Taken.ODD

    async def _run_hook(self, uuid: str, event_id: str) -> None:
        """Nothing is told of a resource that is on its way out, nor by a release that has no such hook any more."""
        row = await self._core.database.read(find_resource, uuid)
        text = await self._core.database.read(self._core.secrets.find, uuid, _kind(event_id))
        if row is None or row.state not in LIVE or text is None:
            return
        event = parse_event(text.encode())
        name = name_event_hook(event.entity)
        if self._hooks.has(name):
            await self._hooks.call(name, await self._describe(uuid, event))

    async def _describe(self, uuid: str, event: SentEvent) -> Event:
        steps = build_steps(self._core, self._hooks, uuid, scope=_name_scope(event.id))
        return Event(
            id=event.id,
            entity=event.entity,
            action=event.action,
            resource=await find_hook_resource(self._core, uuid, steps=steps),
            created_at=event.created_at,
            updated_at=event.changed_at,
            data=event.data,
            previous_data=event.previous_data,
            actor=event.actor,
        )


def make_credentials() -> Credentials:
    """Make what a subscription's deliveries will have to prove."""
    return Credentials(
        secret=Secret(random.token_urlsafe(32)), authorization=Secret(f"Bearer {random.token_urlsafe(32)}")
    )


def list_wanted(hooks: Hooks) -> list[str]:
    """Return the entities that a service has to hear of: for its placements, and for the partner's hooks."""
    return sorted(WATCHED.union(hooks.list_entities()))


def _kind(event_id: str) -> str:
    """The kind of secret under which an event is kept until its hook is done: it may hold addresses and config."""
    return f"{EVENT}/{event_id}"


def _name_scope(event_id: str) -> str:
    """By what the steps of an event's hook are found again."""
    return f"{WorkflowKind.EVENT}/{event_id}"


def _find_app_id(event: SentEvent, row: ResourceRow) -> str | None:
    """The app that an event is about; when its id is none, which no repeat can change, the app of the resource."""
    app = event.data.get("app")
    try:
        return parse_uuid(str(app.get("id"))) if isinstance(app, dict) else row.app_id
    except Malformed:
        return row.app_id
