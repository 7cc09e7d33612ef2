"""The change feed: what happens to things at the emulated Heroku, and who did it, as webhooks are told."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Literal

import msgspec

from headrace.emulator.world.records import (
    Addon,
    AddonService,
    App,
    Attachment,
    Collaborator,
    Domain,
    Process,
    Release,
    Team,
    User,
)
from headrace.models import Actor

# Pipelines and couplings are not among them, here as at Heroku (contract §8.1).
Thing = App | Addon | Attachment | Collaborator | Domain | Process | Release
Action = Literal["create", "update", "destroy"]

_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """`app` is where the thing stands, `before` a copy of what it was before an update."""

    action: Action
    thing: Thing
    app: App
    before: Thing | None
    actor: Actor
    at: datetime


@contextmanager
def acting(actor: User | Team | AddonService) -> Iterator[None]:
    """Name the one who causes what changes in this block."""
    token = _acting.set(name_actor(actor))
    try:
        yield
    finally:
        _acting.reset(token)


def find_actor(app: App) -> Actor:
    """Tell who acts; where nobody is named, it is the app's owner."""
    return _acting.get() or name_actor(app.owner)


def name_actor(actor: User | Team | AddonService) -> Actor:
    return Actor(id=actor.id, email=actor.email)
