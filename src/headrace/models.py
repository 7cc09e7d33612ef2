"""Heroku's nouns as typed values: what the Platform API shows and what the Partner API sends.

Structs (msgspec) cross the wire; dataclasses are ours. Unknown members are ignored and unknown
enum values survive as text, because Heroku may add either at any time (contract §1.1, §7.1).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, final

import msgspec


class Stage(StrEnum):
    """The stage of an app in its pipeline, in the order in which code flows (contract §7.1)."""

    DEVELOPMENT = "development"
    REVIEW = "review"
    TEST = "test"
    STAGING = "staging"
    PRODUCTION = "production"


# Apps at these stages come and go with pull requests and test runs; those at any other, or at none, last.
PASSING = (Stage.REVIEW, Stage.TEST)


def read_stage(text: str) -> Stage | str:
    """Return the stage that Heroku's word names, or the word itself when Heroku has a new one."""
    try:
        return Stage(text)
    except ValueError:
        return text


class State(StrEnum):
    """Where a resource stands. Heroku's words, and two of our own: deprovisioning and failed."""

    PROVISIONING = "provisioning"
    PROVISIONED = "provisioned"
    DEPROVISIONING = "deprovisioning"
    DEPROVISIONED = "deprovisioned"
    FAILED = "failed"


@final
class Secret:
    """A text that never shows itself: `reveal()` is the only way to read it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "•••"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> Any:
        raise TypeError("A Secret is never pickled; seal it instead.")


class Ref(msgspec.Struct, frozen=True, kw_only=True):
    """A thing named by another: an app, plan, pipeline, team or add-on service."""

    id: str
    name: str | None = None


class Addon(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as the Platform API shows it (contract §6.4).

    `actions` is left out on purpose: the article prints an object, the schema an array, nobody needs it.
    """

    id: str
    name: str
    app: Ref
    plan: Ref
    addon_service: Ref
    state: str
    config_vars: tuple[str, ...] = ()
    provider_id: str | None = None
    web_url: str | None = None


class PipelineCoupling(msgspec.Struct, frozen=True, kw_only=True):
    """The fact that an app stands in a pipeline at a stage (contract §7.1)."""

    id: str
    app: Ref
    pipeline: Ref
    stage: str


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who owns a pipeline: `type` is team or user."""

    id: str
    type: str


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """A named group of apps; `owner` and `generation` may be absent (contract §7.1)."""

    id: str
    name: str
    owner: Owner | None = None
    generation: Ref | None = None


class App(msgspec.Struct, frozen=True, kw_only=True):
    """A Heroku app; its name may change, its id may not (contract §6.4)."""

    id: str
    name: str
    team: Ref | None = None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A Heroku user as collaborator and member lists name one."""

    id: str
    email: str


class Collaborator(msgspec.Struct, frozen=True, kw_only=True):
    """Someone with access to one app (contract §6.4)."""

    user: Person
    role: str | None = None


class TeamMember(msgspec.Struct, frozen=True, kw_only=True):
    """Someone in a team; `role` decides whether every app of the team is theirs to see."""

    email: str
    role: str | None = None
    user: Person | None = None


class ConfigVar(msgspec.Struct, frozen=True, kw_only=True):
    """One config var of an add-on; `value` None removes it, and any other may be a secret: it never shows."""

    name: str
    value: str | None

    def __repr__(self) -> str:
        return f"ConfigVar(name={self.name!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The one-time code of a provision request; good for five minutes and one exchange (contract §2.2)."""

    code: Secret
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The access and refresh token of one resource (contract §2.2)."""

    access: Secret
    refresh: Secret
    expires_at: datetime

    def expires_within(self, margin: timedelta, *, now: datetime) -> bool:
        return self.expires_at - now <= margin


class Outcome(StrEnum):
    """What an inspection found out about an app's place."""

    PLACED = "placed"
    UNCOUPLED = "uncoupled"
    FORBIDDEN = "forbidden"
    APP_HIDDEN = "app_hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """An app's place: the pipeline and the stage. `pipeline.name` is None when Heroku would not tell it."""

    pipeline: Ref
    stage: Stage | str
    owner: Owner | None = None
    generation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The inspector's answer: add-on, app, and the app's placement or why there is none.

    `outcome` is PLACED exactly when `placement` is set. FORBIDDEN and APP_HIDDEN say that Heroku
    did not tell, which is not the same as UNCOUPLED.
    """

    addon: Addon
    outcome: Outcome
    placement: Placement | None
    looked_up_at: datetime

    @property
    def app(self) -> Ref:
        return self.addon.app
