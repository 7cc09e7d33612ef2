"""The state of the emulated Heroku, and every change that can be made to it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from headrace.emulator.kit.catalogue import DEFAULT_STACK, REGIONS
from headrace.emulator.kit.clock import Clock
from headrace.emulator.kit.errors import invalid
from headrace.emulator.kit.name_index import NameIndex
from headrace.emulator.world.app_config import describe_changes, merge
from headrace.emulator.world.authorizations import AuthorizationBook
from headrace.emulator.world.change_feed import Action, Change, Thing, find_actor, name_actor
from headrace.emulator.world.records import (
    Addon,
    AddonService,
    App,
    Attachment,
    Collaborator,
    Coupling,
    Pipeline,
    Plan,
    Promotion,
    Release,
    Team,
    User,
)
from headrace.emulator.world.world_file import derive_id
from headrace.models import Actor, Stage, State


@dataclass(slots=True, eq=False, repr=False)
class Registry:
    """Everything that exists at the emulated Heroku. `listeners` are told of what happens to it."""

    clock: Clock
    authorizations: AuthorizationBook
    listeners: list[Callable[[Change], None]] = field(default_factory=list, init=False)
    users: dict[str, User] = field(default_factory=dict)
    users_by_email: dict[str, User] = field(default_factory=dict)
    teams: NameIndex[Team] = field(default_factory=NameIndex)
    addon_services: NameIndex[AddonService] = field(default_factory=NameIndex)
    services_by_secret: dict[str, AddonService] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    apps: NameIndex[App] = field(default_factory=NameIndex)
    pipelines: NameIndex[Pipeline] = field(default_factory=NameIndex)
    couplings: dict[str, Coupling] = field(default_factory=dict)
    promotions: dict[str, Promotion] = field(default_factory=dict)
    addons: NameIndex[Addon] = field(default_factory=NameIndex)
    attachments: dict[str, Attachment] = field(default_factory=dict)

    def find_owner(self, key: str) -> User | Team | None:
        """Return the user with this e-mail address or id, or the team with this name or id."""
        return self.find_user(key) or self.teams.find(key)

    def find_user(self, key: str) -> User | None:
        """Return the user with this e-mail address or id."""
        return self.users_by_email.get(key) or self.users.get(key)

    def add_app(
        self,
        name: str,
        *,
        owner: User | Team,
        region: str = "us",
        generation: str = "cedar",
        stack: str = "",
        config: Mapping[str, str] | None = None,
        app_id: str = "",
        at: datetime | None = None,
    ) -> App:
        """Create an app with its first release; the name has to be free."""
        if name in self.apps:
            raise invalid("Name is already taken")
        if region not in REGIONS:
            raise invalid(f"There is no region {region}.")
        created_at, stack = at or self.clock.now(), stack or DEFAULT_STACK[generation]
        app = App(
            id=app_id or str(uuid4()),
            name=name,
            owner=owner,
            region=region,
            generation=generation,
            stack=stack,
            build_stack=stack,
            created_at=created_at,
            updated_at=created_at,
            config=dict(config or {}),
        )
        self._add_release(app, "Initial release", user_id=owner.id, email=owner.email, at=created_at)
        owner.apps[app.id] = app
        self.apps.add(app)
        self.tell("create", app, app)
        return app

    def rename_app(self, app: App, name: str) -> None:
        """Give an app another name, which has to be free."""
        if name != app.name and name in self.apps:
            raise invalid("Name is already taken")
        with self.changing(app, app):
            self.apps.rename(app, name)
            app.updated_at = self.clock.now()

    def remove_app(self, app: App) -> None:
        """Remove an app whose add-ons are gone already; its attachments to others' add-ons go with it."""
        # First, while it is known whose add-ons are attached.
        self.tell("destroy", app, app)
        self.uncouple(app)
        for attachment in list(app.attachments.values()):
            self.detach(attachment)
        for collaborator in list(app.collaborators.values()):
            self.remove_collaborator(app, collaborator)
        del app.owner.apps[app.id]
        self.apps.remove(app)

    def set_config(self, app: App, changes: dict[str, str | None], *, user: User) -> None:
        """Change the customer's own config vars; None removes one. Those of add-ons are not the customer's to set."""
        taken = [name for attachment in app.attachments.values() for name in attachment.config_vars if name in changes]
        if taken:
            raise invalid(f"Cannot overwrite attachment values {', '.join(taken)}.")
        merge(app.config, changes)
        self.cut_release(app, describe_changes(changes), user_id=user.id, email=user.email)

    def cut_release(self, app: App, description: str, *, user_id: str, email: str) -> Release:
        """Add a release to an app, with the add-ons and config vars that it has now."""
        at = self.clock.now()
        app.updated_at = at
        release = self._add_release(app, description, user_id=user_id, email=email, at=at)
        release.status, actor = "pending", Actor(id=user_id, email=email)
        self.tell("create", release, app, actor=actor)
        # Heroku tells of a release twice: that it is made, and then that it runs.
        with self.changing(release, app, actor=actor):
            release.status = "succeeded"
        return release

    def add_collaborator(
        self, app: App, user: User, *, permissions: tuple[str, ...] = (), at: datetime | None = None
    ) -> Collaborator:
        """Let a user work on an app; one who does already stays as they are."""
        if user.id in app.collaborators:
            return app.collaborators[user.id]
        at, permissions = at or self.clock.now(), permissions or app.default_permissions
        collaborator = Collaborator(user=user, created_at=at, permissions=permissions)
        user.collaborations[app.id] = app
        app.collaborators[user.id] = collaborator
        self.tell("create", collaborator, app)
        return collaborator

    def remove_collaborator(self, app: App, collaborator: Collaborator) -> None:
        """Let a collaborator work on an app no longer."""
        del app.collaborators[collaborator.user.id]
        del collaborator.user.collaborations[app.id]
        self.tell("destroy", collaborator, app)

    def add_pipeline(
        self,
        name: str,
        *,
        owner: User | Team | None,
        generation: str = "cedar",
        pipeline_id: str = "",
        at: datetime | None = None,
    ) -> Pipeline:
        """Create a pipeline; several may have one name."""
        created_at = at or self.clock.now()
        pipeline = Pipeline(
            id=pipeline_id or str(uuid4()),
            name=name,
            owner=None,
            generation=generation,
            created_at=created_at,
            updated_at=created_at,
        )
        self.transfer_pipeline(pipeline, owner)
        return self.pipelines.add(pipeline)

    def transfer_pipeline(self, pipeline: Pipeline, owner: User | Team | None) -> None:
        """Give a pipeline to another owner, or to nobody."""
        if pipeline.owner is not None:
            del pipeline.owner.pipelines[pipeline.id]
        if owner is not None:
            owner.pipelines[pipeline.id] = pipeline
        pipeline.owner = owner

    def rename_pipeline(self, pipeline: Pipeline, name: str) -> None:
        """Give a pipeline another name."""
        self.pipelines.rename(pipeline, name)
        pipeline.updated_at = self.clock.now()

    def remove_pipeline(self, pipeline: Pipeline) -> None:
        """Remove a pipeline; its apps stay, in no pipeline."""
        for coupling in list(pipeline.couplings.values()):
            self.uncouple(coupling.app)
        self.transfer_pipeline(pipeline, None)
        self.pipelines.remove(pipeline)

    def couple(
        self, app: App, pipeline: Pipeline, stage: Stage, *, coupling_id: str = "", at: datetime | None = None
    ) -> Coupling:
        """Put an app into a pipeline; an app is in one at most (contract §7.5)."""
        if app.coupling is not None:
            raise invalid(f"App {app.name} is already in pipeline {app.coupling.pipeline.name}.")
        created_at = at or self.clock.now()
        coupling = Coupling(
            id=coupling_id or str(uuid4()),
            app=app,
            pipeline=pipeline,
            stage=stage,
            created_at=created_at,
            updated_at=created_at,
        )
        app.coupling = coupling
        pipeline.couplings[coupling.id] = coupling
        self.couplings[coupling.id] = coupling
        return coupling

    def move(self, coupling: Coupling, stage: Stage) -> None:
        """Change the stage; the coupling keeps its id (contract §7.5)."""
        coupling.stage = stage
        coupling.updated_at = self.clock.now()

    def uncouple(self, app: App) -> None:
        """Take an app out of its pipeline, if it is in one."""
        if app.coupling is not None:
            del self.couplings[app.coupling.id]
            del app.coupling.pipeline.couplings[app.coupling.id]
            app.coupling = None

    def add_addon(
        self,
        app: App,
        plan: Plan,
        *,
        name: str,
        attachment_name: str = "",
        addon_id: str = "",
        options: dict[str, str] | None = None,
    ) -> Addon:
        """Create an add-on that is being provisioned, attached to its app; the name has to be free."""
        if name in self.addons:
            raise invalid("Name is already taken")
        at = self.clock.now()
        addon = Addon(
            id=addon_id or str(uuid4()),
            name=name,
            service=plan.service,
            plan=plan,
            app=app,
            options=options or {},
            created_at=at,
            updated_at=at,
        )
        attachment = self._link(addon, app, attachment_name)
        app.addons[addon.id] = addon
        self.addons.add(addon)
        self.tell("create", addon, app)
        self.tell("create", attachment, app)
        return addon

    def attach(self, addon: Addon, app: App, name: str = "") -> Attachment:
        """Link an add-on to one more app."""
        attachment = self._link(addon, app, name)
        self.tell("create", attachment, app)
        return attachment

    def _link(self, addon: Addon, app: App, name: str) -> Attachment:
        """Link an add-on to an app. Without a name it gets the prefix, or the prefix and a word when that is taken."""
        prefix = addon.service.manifest.config_vars_prefix
        free = prefix if prefix not in app.attachments else f"{prefix}_{addon.id[:8].upper()}"
        name = name or free
        if name in app.attachments:
            raise invalid(f"Name {name} is already taken on {app.name}.")
        attachment = Attachment(id=str(uuid4()), name=name, addon=addon, app=app, created_at=self.clock.now())
        app.attachments[name] = attachment
        addon.attachments[attachment.id] = attachment
        self.attachments[attachment.id] = attachment
        return attachment

    def detach(self, attachment: Attachment) -> None:
        """Remove a link; without another one to this app the add-on's log drain goes too."""
        addon, app = attachment.addon, attachment.app
        del app.attachments[attachment.name]
        del addon.attachments[attachment.id]
        del self.attachments[attachment.id]
        if app is not addon.app and all(link.app is not app for link in addon.attachments.values()):
            app.drop_drains(addon)
        self.tell("destroy", attachment, app)

    def set_addon_config(self, addon: Addon, changes: dict[str, str | None]) -> None:
        """Change config vars for the partner; only a provisioned add-on's change cuts releases (contract §3)."""
        undeclared = addon.service.manifest.find_undeclared(changes)
        if undeclared:
            raise invalid(f"The manifest of {addon.service.name} does not declare {', '.join(undeclared)}.")
        with self.changing(addon, addon.app, actor=name_actor(addon.service)):
            addon.config = dict(addon.config)
            merge(addon.config, changes)
            addon.updated_at = self.clock.now()
        if addon.state is State.PROVISIONED:
            self.cut_addon_release(addon, f"Update {addon.name} config vars")

    def accept_provision(self, addon: Addon, *, provider_id: str, message: str) -> None:
        """Keep what the partner answered; this is the update that still says `provisioning` (contract §8.3)."""
        with self.changing(addon, addon.app, actor=name_actor(addon.service)):
            addon.provider_id = provider_id
            addon.message = message

    def mark_provisioned(self, addon: Addon) -> None:
        """Finish a provision; this is when apps restart (contract §3). Marking twice changes nothing."""
        if addon.state is State.DEPROVISIONING:
            raise invalid(f"{addon.name} is being deprovisioned.")
        if addon.state is State.PROVISIONED:
            return
        with self.changing(addon, addon.app, actor=name_actor(addon.service)):
            addon.state = State.PROVISIONED
            addon.deadline = None
            addon.updated_at = self.clock.now()
        self.cut_addon_release(addon, "Attach {attachment} (@{addon})")

    def begin_removal(self, addon: Addon) -> None:
        """Leave an add-on as it is for its partner to clean up (contract §1.4)."""
        with self.changing(addon, addon.app):
            addon.state = State.DEPROVISIONING
            addon.updated_at = self.clock.now()

    def change_plan(self, addon: Addon, plan: Plan, *, message: str) -> None:
        """Give an add-on another plan, with what the partner says of it."""
        with self.changing(addon, addon.app):
            addon.plan = plan
            addon.message = message
            addon.updated_at = self.clock.now()

    def rename_addon(self, addon: Addon, name: str) -> None:
        """Give an add-on another name, which has to be free."""
        if name != addon.name and name in self.addons:
            raise invalid("Name is already taken")
        with self.changing(addon, addon.app):
            self.addons.rename(addon, name)
            addon.updated_at = self.clock.now()

    def remove_addon(self, addon: Addon) -> None:
        """Remove an add-on with its attachments and config vars; apps that had it get a release."""
        attachments = list(addon.attachments.values())
        for attachment in attachments:
            self.detach(attachment)
            if addon.state is not State.PROVISIONING or addon.config:
                description = f"Detach {attachment.name} (@{addon.name})"
                self.cut_release(attachment.app, description, user_id=addon.service.id, email=addon.service.email)
        addon.state = State.DEPROVISIONED
        addon.deadline = None
        addon.app.drop_drains(addon)
        del addon.app.addons[addon.id]
        self.addons.remove(addon)
        self.tell("destroy", addon, addon.app)

    def cut_addon_release(self, addon: Addon, description: str) -> None:
        """Cut a release on every app that has the add-on, in the partner's name (contract §6.1)."""
        for attachment in addon.attachments.values():
            text = description.format(attachment=attachment.name, addon=addon.name)
            self.cut_release(attachment.app, text, user_id=addon.service.id, email=addon.service.email)

    @contextmanager
    def changing(self, thing: Thing, app: App, *, actor: Actor | None = None) -> Iterator[None]:
        """Tell the listeners of what is changed in this block."""
        before = copy(thing)
        yield
        self.tell("update", thing, app, before=before, actor=actor)

    def tell(
        self, action: Action, thing: Thing, app: App, *, before: Thing | None = None, actor: Actor | None = None
    ) -> None:
        """Tell the listeners of a change; without an actor it is whoever acts now, or the app's owner."""
        change = Change(
            action=action,
            thing=thing,
            app=app,
            before=before,
            actor=actor or find_actor(app),
            at=self.clock.now(),
        )
        for listen in self.listeners:
            listen(change)

    def _add_release(self, app: App, description: str, *, user_id: str, email: str, at: datetime) -> Release:
        version = len(app.releases) + 1
        release = Release(
            id=derive_id("release", f"{app.id}:{version}"),
            version=version,
            description=description,
            user_id=user_id,
            email=email,
            created_at=at,
            addon_plan_names=tuple(attachment.addon.plan.full_name for attachment in app.attachments.values()),
            config_vars=app.config_vars,
        )
        app.releases.append(release)
        return release
