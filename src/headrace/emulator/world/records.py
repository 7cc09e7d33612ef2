"""What the emulated Heroku remembers: Heroku's nouns as linked, mutable records.

Records point at each other, so that finding the coupling of an app or the add-ons on it is no search.
What has consequences for other records is changed through `state.Registry`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from headrace.emulator.kit.catalogue import PERMISSIONS
from headrace.emulator.world.belongings import AppTransfer, TelemetryDrain
from headrace.models import Secret, Stage, State
from headrace.protocol.manifest import Manifest


@dataclass(slots=True, kw_only=True, eq=False)
class User:
    """`apps` and `pipelines` are the user's own; apps of others that they work on are `collaborations`."""

    id: str
    email: str
    name: str
    token: Secret
    created_at: datetime
    apps: dict[str, "App"] = field(default_factory=dict, repr=False)
    collaborations: dict[str, "App"] = field(default_factory=dict, repr=False)
    pipelines: dict[str, "Pipeline"] = field(default_factory=dict, repr=False)
    teams: dict[str, "Team"] = field(default_factory=dict, repr=False)


@dataclass(slots=True, kw_only=True, eq=False)
class Team:
    """`roles` tells the role of each member by the user's id.

    In an Enterprise team everybody may view every app, and more only by the permissions that they have on one.
    """

    id: str
    name: str
    created_at: datetime
    is_enterprise: bool = False
    roles: dict[str, str] = field(default_factory=dict)
    apps: dict[str, "App"] = field(default_factory=dict, repr=False)
    pipelines: dict[str, "Pipeline"] = field(default_factory=dict, repr=False)

    @property
    def email(self) -> str:
        """The address that stands for a team where a user is expected (contract §6.4)."""
        return f"{self.name}@herokumanager.com"


@dataclass(slots=True, kw_only=True, eq=False)
class Plan:
    """`name` is bare; the Platform API shows it behind the slug (contract §1.2)."""

    id: str
    name: str
    service: "AddonService"
    price_cents: int
    is_default: bool
    created_at: datetime

    @property
    def full_name(self) -> str:
        return f"{self.service.name}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRevision:
    """A manifest as it was pushed; the number of the revision is its `$base`."""

    id: str
    contents: dict[str, Any] = field(repr=False)
    created_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class AddonService:
    """`name` is the slug, as the Platform API calls it; `environment` the one whose URLs are called."""

    id: str
    name: str
    manifest: Manifest
    client_secret: Secret
    generations: tuple[str, ...]
    environment: str
    created_at: datetime
    # The names of the plans that review and CI apps get: in the Common Runtime, and in Private Spaces.
    short_lived_plan: str = ""
    private_short_lived_plan: str = ""
    plans: dict[str, Plan] = field(default_factory=dict)
    revisions: dict[str, ManifestRevision] = field(default_factory=dict)

    @property
    def default_plan(self) -> Plan | None:
        return next((plan for plan in self.plans.values() if plan.is_default), None)

    @property
    def email(self) -> str:
        """Whom events and releases name when the partner acts (contract §6.1)."""
        return f"{self.name}@addons.heroku.com"


@dataclass(slots=True, kw_only=True, eq=False)
class Release:
    """What an app ran with since `created_at`: the add-ons and config vars of then; `version` counts from 1."""

    id: str
    version: int
    description: str
    user_id: str
    email: str
    created_at: datetime
    addon_plan_names: tuple[str, ...]
    config_vars: dict[str, str] = field(repr=False)
    status: Literal["pending", "succeeded"] = "succeeded"


@dataclass(slots=True, kw_only=True, eq=False)
class Collaborator:
    """Somebody who works on an app that is not theirs, and what they may do there."""

    user: User
    created_at: datetime
    permissions: tuple[str, ...] = PERMISSIONS


@dataclass(slots=True, kw_only=True, eq=False)
class Pipeline:
    """A named group of apps; `couplings` are by their own ids."""

    id: str
    name: str
    owner: User | Team | None
    generation: str
    created_at: datetime
    updated_at: datetime
    couplings: dict[str, "Coupling"] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Coupling:
    """The fact that an app stands in a pipeline at a stage."""

    id: str
    app: "App"
    pipeline: Pipeline
    stage: Stage
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Webhooks:
    """What an app or add-on has subscribed to, and the latest events and deliveries that came of it, oldest first."""

    subscriptions: dict[str, "Subscription"] = field(default_factory=dict)
    events: dict[str, "Event"] = field(default_factory=dict)
    deliveries: dict[str, "Delivery"] = field(default_factory=dict)
    last_number: int = 0

    def next_number(self) -> int:
        self.last_number += 1
        return self.last_number


@dataclass(slots=True, kw_only=True, eq=False)
class Domain:
    """A host name of an app's; the one that Heroku gives is not custom."""

    id: str
    hostname: str
    created_at: datetime
    is_custom: bool = True


@dataclass(slots=True, kw_only=True, eq=False)
class LogDrain:
    """Where an app's log goes; `addon` is the one whose drain it is, if it is no customer's."""

    id: str
    token: Secret
    url: str = field(repr=False)
    app: "App" = field(repr=False)
    addon: "Addon | None" = field(repr=False)
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Process:
    """A process type of a formation; `started_at` has a moment for each of its dynos, which are all of one `size`."""

    type: str
    created_at: datetime
    updated_at: datetime
    size: str = ""
    started_at: list[datetime] = field(default_factory=list)

    @property
    def quantity(self) -> int:
        return len(self.started_at)


@dataclass(slots=True, kw_only=True, eq=False)
class App:
    """`config` holds what the customer set; `config_vars` adds what the attached add-ons set."""

    id: str
    name: str
    owner: User | Team
    region: str
    generation: str
    stack: str
    build_stack: str
    created_at: datetime
    updated_at: datetime
    maintenance: bool = False
    config: dict[str, str] = field(default_factory=dict)
    formation: dict[str, Process] = field(default_factory=dict)
    domains: dict[str, Domain] = field(default_factory=dict)
    log_drains: dict[str, LogDrain] = field(default_factory=dict)
    releases: list[Release] = field(default_factory=list)
    collaborators: dict[str, Collaborator] = field(default_factory=dict)
    coupling: Coupling | None = None
    buildpacks: list[str] = field(default_factory=list)
    telemetry_drains: dict[str, TelemetryDrain] = field(default_factory=dict)
    is_locked: bool = False
    transfer: AppTransfer | None = None
    addons: dict[str, "Addon"] = field(default_factory=dict)
    attachments: dict[str, "Attachment"] = field(default_factory=dict)
    webhooks: Webhooks = field(default_factory=Webhooks, repr=False)

    @property
    def heroku_id(self) -> str:
        """The name that the legacy partner API had for an app (contract §1.2)."""
        return f"app{int(self.id[:6], 16)}@heroku.com"

    @property
    def config_vars(self) -> dict[str, str]:
        found = dict(self.config)
        for attachment in self.attachments.values():
            found |= attachment.config_vars
        return found

    @property
    def default_permissions(self) -> tuple[str, ...]:
        """What whoever is added to the app without a word may do: in an Enterprise team, view it."""
        return ("view",) if isinstance(self.owner, Team) and self.owner.is_enterprise else PERMISSIONS

    def drop_drains(self, addon: "Addon") -> None:
        """Forget the log drains that are an add-on's."""
        self.log_drains = {drain.id: drain for drain in self.log_drains.values() if drain.addon is not addon}


@dataclass(slots=True, kw_only=True, eq=False)
class Addon:
    """A resource. `config` is under the add-on's own names, `deadline` set while Heroku waits for its partner."""

    id: str
    name: str
    service: AddonService
    plan: Plan
    app: App
    created_at: datetime
    updated_at: datetime
    options: dict[str, str] = field(default_factory=dict)
    state: State = State.PROVISIONING
    provider_id: str = ""
    message: str = ""
    config: dict[str, str] = field(default_factory=dict)
    deadline: datetime | None = None
    attachments: dict[str, "Attachment"] = field(default_factory=dict)
    log_drain_token: Secret | None = None
    log_input_token: Secret | None = None
    webhooks: Webhooks = field(default_factory=Webhooks, repr=False)
    provision_body: bytes = field(default=b"", repr=False)

    def build_log_input_url(self, heroku_url: str) -> str | None:
        """Return where the add-on may write to its app's log, if it may."""
        if self.log_input_token is None:
            return None
        scheme, _, host = heroku_url.partition("://")
        return f"{scheme}://token:{self.log_input_token.reveal()}@{host}/logs/{self.id}"


@dataclass(slots=True, kw_only=True, eq=False)
class Attachment:
    """A link between an add-on and an app; its name replaces the prefix of the config vars (contract §1.2)."""

    id: str
    name: str
    addon: Addon
    app: App
    created_at: datetime

    @property
    def config_vars(self) -> dict[str, str]:
        return {self.rename(name): value for name, value in self.addon.config.items()}

    def rename(self, config_var: str) -> str:
        """Return the name that one of the add-on's config vars has on the app."""
        prefix = self.addon.service.manifest.config_vars_prefix
        return f"{self.name}{config_var[len(prefix) :]}" if config_var.startswith(prefix) else config_var


@dataclass(slots=True, kw_only=True, eq=False)
class PromotionTarget:
    """An app that got a release by a promotion."""

    id: str
    app: App
    release: Release


@dataclass(slots=True, kw_only=True, eq=False)
class Promotion:
    """`release` is what was promoted; each target has the release it got."""

    id: str
    pipeline: Pipeline
    source: App
    release: Release
    created_at: datetime
    targets: list[PromotionTarget]


@dataclass(slots=True, kw_only=True, eq=False)
class Subscription:
    """A webhook subscription. `waiting` holds its deliveries that are not over; only the first may be under way."""

    id: str
    include: tuple[str, ...]
    level: Literal["notify", "sync"]
    url: str
    secret: Secret
    authorization: Secret | None
    created_at: datetime
    updated_at: datetime
    waiting: list["Delivery"] = field(default_factory=list, repr=False)


@dataclass(slots=True, kw_only=True, eq=False)
class Event:
    """What happened, in the words in which deliveries tell it; `number` is its place among the owner's."""

    id: str
    number: int
    include: str
    action: str
    actor_id: str
    actor_email: str
    data: dict[str, Any] = field(repr=False)
    previous_data: dict[str, Any] = field(repr=False)
    created_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Attempt:
    """One try of a delivery: the URL answered with the status `code`, or went wrong as `error_class` says."""

    id: str
    status: Literal["scheduled", "succeeded", "failed"]
    created_at: datetime
    updated_at: datetime
    code: int | None = None
    error_class: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Delivery:
    """An event on its way to a subscription's URL. One that `is_held` lets the next one go first."""

    id: str
    number: int
    event: Event
    subscription: Subscription = field(repr=False)
    created_at: datetime
    updated_at: datetime
    status: Literal["pending", "scheduled", "retrying", "failed", "succeeded", "skipped"] = "pending"
    is_held: bool = False
    attempt_count: int = 0
    next_attempt_at: datetime | None = None
    last_attempt: Attempt | None = None
