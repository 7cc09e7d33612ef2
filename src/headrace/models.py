"""Heroku's nouns as typed values: what the Platform API shows and what the Partner API sends.

Structs (msgspec) cross the wire; dataclasses are ours. Unknown members are ignored and unknown
enum values survive as text, because Heroku may add either at any time (contract §1.1, §7.1).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, final, get_args

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


# What is said in place of a stage: the app is in no pipeline, or Heroku did not tell.
NO_PIPELINE, NOT_TOLD = "none", "unknown"
PLACELESS = (NO_PIPELINE, NOT_TOLD)


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
        """Return the text, for whoever has to send it."""
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


# What Heroku's answers may hold at most, far beyond what Heroku gives: every database stores and indexes so much, and
# PostgreSQL no NUL. It is checked where an answer is read, so that an odd one is an error of that answer alone.
WITHOUT_NUL = "^[^\\x00]*$"
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=36, pattern=WITHOUT_NUL)]
Name = Annotated[str, msgspec.Meta(max_length=255, pattern=WITHOUT_NUL)]
Email = Annotated[str, msgspec.Meta(min_length=1, max_length=254, pattern=WITHOUT_NUL)]
Word = Annotated[str, msgspec.Meta(max_length=20, pattern=WITHOUT_NUL)]
# When something happened, as Heroku says: with its time zone.
Told = Annotated[datetime, msgspec.Meta(tz=True)]
# Of a member that may be absent: its absence says something, so that another form of it may not be taken for that.
NEEDED = msgspec.Meta(extra={"is_needed": True})


def is_needed(shape: Any) -> bool:
    """Whether a member of this shape is `NEEDED` where it is not absent."""
    return any(isinstance(each, msgspec.Meta) and each.extra == NEEDED.extra for each in get_args(shape)[1:])


class Ref(msgspec.Struct, frozen=True, kw_only=True):
    """A thing named by another: an app, plan, pipeline, team or add-on service."""

    id: Id
    name: Name | None = None


class Addon(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as the Platform API shows it (contract §6.4). What is None was not told.

    `actions` is left out on purpose: the article prints an object, the schema an array, nobody needs it.
    """

    id: Id
    app: Ref
    name: Name | None = None
    plan: Ref | None = None
    addon_service: Ref | None = None
    state: str | None = None
    config_vars: tuple[str, ...] = ()
    provider_id: str | None = None
    web_url: str | None = None


class PipelineCoupling(msgspec.Struct, frozen=True, kw_only=True):
    """The fact that an app stands in a pipeline at a stage (contract §7.1)."""

    app: Ref
    pipeline: Ref
    stage: Name
    id: Id | None = None
    created_at: Told | None = None
    updated_at: Told | None = None


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who owns a pipeline: `type` is team or user, or None where Heroku does not say."""

    id: Id
    type: Word | None = None


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A thing of which only the name counts."""

    name: Name


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """A named group of apps; all but its id may be absent, and a generation may be a bare name (contract §7.1)."""

    id: Id
    name: Name = ""
    owner: Owner | None = None
    generation: Named | Name | None = None

    @property
    def generation_name(self) -> str | None:
        return self.generation.name if isinstance(self.generation, Named) else self.generation


class App(msgspec.Struct, frozen=True, kw_only=True):
    """A Heroku app; its name may change, its id may not (contract §6.4). Without a team it is somebody's own."""

    id: Id
    name: Name | None = None
    team: Annotated[Ref | None, NEEDED] = None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A Heroku user as collaborator and member lists name one: by id, by address, or by both."""

    id: Id | None = None
    email: Email | None = None


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who caused an event; for what a partner caused it is `<slug>@addons.heroku.com`. What was not told is empty."""

    id: str = ""
    email: str = ""


class Collaborator(msgspec.Struct, frozen=True, kw_only=True):
    """Someone with access to one app (contract §6.4)."""

    user: Person
    role: str | None = None


class TeamMember(msgspec.Struct, frozen=True, kw_only=True):
    """Someone in a team, by address, as a user, or both."""

    email: Email | None = None
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
    """An app's place: the pipeline and the stage. `pipeline.name` is None when Heroku would not tell it.

    `coupled_at` is when Heroku says that the app came to this stage, which we learnt some time later, or None; places
    are compared without it.
    """

    pipeline: Ref
    stage: Stage | str
    owner: Owner | None = None
    generation: str | None = None
    coupled_at: datetime | None = field(default=None, compare=False)


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
