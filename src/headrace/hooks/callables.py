"""What each hook looks like: what a type checker holds a partner's function against.

A hook takes its argument by position. It may be a function, `async` or plain, or anything else that can be called.
"""

from collections.abc import Awaitable, Mapping
from typing import Protocol

from headrace.hooks.answers import PlanChanged, Provisioned
from headrace.hooks.arguments import (
    ActionOrder,
    Event,
    Failure,
    PlanChange,
    Provision,
    Resource,
    Retirement,
    Rotation,
    StageChange,
)
from headrace.hooks.panel import Panel

Config = Mapping[str, str]


class ProvisionHook(Protocol):
    """Creates a resource and returns its config vars, names and values, or Provisioned; None is none of them."""

    def __call__(
        self, provision: Provision, /
    ) -> Config | Provisioned | Awaitable[Config | Provisioned | None] | None: ...


class PlanChangeHook(Protocol):
    """Moves a resource to another plan and returns the config vars that change with it, or PlanChanged.

    None is none of them.

    Raises:
        Refused: the plan does not fit.
    """

    def __call__(
        self, change: PlanChange, /
    ) -> Config | PlanChanged | Awaitable[Config | PlanChanged | None] | None: ...


class RotateHook(Protocol):
    """Makes new credentials beside the old ones and returns the config vars that change with them, one at least."""

    def __call__(self, rotation: Rotation, /) -> Config | Awaitable[Config]: ...


class RetireHook(Protocol):
    """Makes credentials invalid that a rotation has replaced; those that are already are no error."""

    def __call__(self, retirement: Retirement, /) -> Awaitable[None] | None: ...


class DeprovisionHook(Protocol):
    """Deletes a resource; one that is gone already is no error."""

    def __call__(self, resource: Resource, /) -> Awaitable[None] | None: ...


class StageChangeHook(Protocol):
    """Is told that a resource's app has moved to another stage or pipeline."""

    def __call__(self, change: StageChange, /) -> Awaitable[None] | None: ...


class EventHook(Protocol):
    """Is told what Heroku says of the entities that it was registered for."""

    def __call__(self, event: Event, /) -> Awaitable[None] | None: ...


class ActionHook(Protocol):
    """Does what somebody has ordered of a resource, and may return a word about it for the timeline.

    Raises:
        Refused: it does not fit; whoever ordered it reads why.
    """

    def __call__(self, order: ActionOrder, /) -> Awaitable[str | None] | str | None: ...


class ErrorHook(Protocol):
    """Is told of each attempt of a hook that failed; what it raises or returns changes nothing."""

    def __call__(self, failure: Failure, /) -> Awaitable[object] | object: ...


class PanelHook(Protocol):
    """Says what a card on the board shows of the partner's own content; None is nothing."""

    def __call__(self, resource: Resource, /) -> Panel | Awaitable[Panel | None] | None: ...
