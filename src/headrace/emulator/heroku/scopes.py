"""What a token may see: a user's own world, or the narrow one of an add-on (contract §6.1)."""

from collections.abc import Iterable
from typing import Protocol

import msgspec

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.identity import read_token
from headrace.emulator.kit.errors import unauthorized
from headrace.emulator.world.records import Addon, AddonService, App, Attachment, Coupling, Pipeline, Team, User


class Scope(Protocol):
    """Who asks, and what they may see. `owner_id` names the rate pool."""

    @property
    def owner_id(self) -> str: ...
    @property
    def addon(self) -> Addon | None: ...
    @property
    def actor(self) -> User | AddonService: ...
    def apps(self) -> Iterable[App]: ...
    def pipelines(self) -> Iterable[Pipeline]: ...
    def can_see_app(self, app: App) -> bool: ...
    def can_see_addon(self, addon: Addon) -> bool: ...
    def can_see_pipeline(self, pipeline: Pipeline) -> bool: ...
    def can_see_coupling(self, coupling: Coupling) -> bool: ...
    def can_see_team(self, team: Team) -> bool: ...


class UserScope(msgspec.Struct, frozen=True, eq=False):
    """A user sees the apps they own, work on, or share a team with, and what hangs on those."""

    user: User

    @property
    def owner_id(self) -> str:
        return self.user.id

    @property
    def addon(self) -> Addon | None:
        return None

    @property
    def actor(self) -> User:
        return self.user

    def apps(self) -> Iterable[App]:
        found = self.user.apps | self.user.collaborations
        for team in self.user.teams.values():
            found |= team.apps
        return found.values()

    def pipelines(self) -> Iterable[Pipeline]:
        """Their own and their teams', and those that an app of theirs is in."""
        found = dict(self.user.pipelines)
        for team in self.user.teams.values():
            found |= team.pipelines
        couplings = (app.coupling for app in self.apps())
        return (found | {c.pipeline.id: c.pipeline for c in couplings if c is not None}).values()

    def can_see_app(self, app: App) -> bool:
        return self._is_owner(app.owner) or self.user.id in app.collaborators

    def can_see_addon(self, addon: Addon) -> bool:
        return self.can_see_app(addon.app) or any(self.can_see_app(link.app) for link in addon.attachments.values())

    def can_see_pipeline(self, pipeline: Pipeline) -> bool:
        return self._is_owner(pipeline.owner) or any(self.can_see_app(c.app) for c in pipeline.couplings.values())

    def can_see_coupling(self, coupling: Coupling) -> bool:
        return self.can_see_pipeline(coupling.pipeline)

    def can_see_team(self, team: Team) -> bool:
        return self.user.id in team.roles

    def _is_owner(self, owner: User | Team | None) -> bool:
        return owner is self.user or (isinstance(owner, Team) and self.user.id in owner.roles)


class AddonScope(msgspec.Struct, frozen=True, eq=False):
    """A partner's token sees its add-on, the apps that have it, and the same service's add-ons on those apps."""

    own: Addon
    heroku: Heroku

    @property
    def owner_id(self) -> str:
        return self.own.id

    @property
    def addon(self) -> Addon | None:
        return self.own

    @property
    def actor(self) -> AddonService:
        return self.own.service

    def apps(self) -> Iterable[App]:
        apps = (self.own.app, *(attachment.app for attachment in self.own.attachments.values()))
        return {app.id: app for app in apps}.values()

    def pipelines(self) -> Iterable[Pipeline]:
        couplings = (app.coupling for app in self.apps())
        return {c.pipeline.id: c.pipeline for c in couplings if c is not None}.values()

    def can_see_app(self, app: App) -> bool:
        return app.id in self._app_ids(self.own)

    def can_see_addon(self, addon: Addon) -> bool:
        if addon is self.own:
            return True
        return addon.service is self.own.service and not self._app_ids(self.own).isdisjoint(self._app_ids(addon))

    def can_see_pipeline(self, pipeline: Pipeline) -> bool:
        return any(app.coupling is not None and app.coupling.pipeline is pipeline for app in self.apps())

    def can_see_coupling(self, coupling: Coupling) -> bool:
        """Whether siblings show is not documented (contract §7.5)."""
        if self.heroku.switches.siblings_visible:
            return self.can_see_pipeline(coupling.pipeline)
        return self.can_see_app(coupling.app)

    def can_see_team(self, team: Team) -> bool:
        return any(app.owner is team for app in self.apps())

    def _app_ids(self, addon: Addon) -> set[str]:
        return {addon.app.id, *(attachment.app.id for attachment in addon.attachments.values())}


def find_scope(heroku: Heroku, authorization: str) -> Scope:
    """Tell whose token this is."""
    token = read_token(authorization)
    user = heroku.registry.authorizations.find_user(token)
    if user is not None:
        return UserScope(user)
    addon = heroku.tokens.find_addon(token)
    if addon is None:
        raise unauthorized()
    return AddonScope(addon, heroku)


def find_addons(scope: Scope) -> Iterable[Addon]:
    """Return every add-on that a token may see: on its apps, or attached to them."""
    found: dict[str, Addon] = {}
    for app in scope.apps():
        found |= app.addons | {link.addon.id: link.addon for link in app.attachments.values()}
    return [addon for addon in found.values() if scope.can_see_addon(addon)]


def find_attachments(scope: Scope) -> Iterable[Attachment]:
    return [link for app in scope.apps() for link in app.attachments.values() if scope.can_see_addon(link.addon)]


def find_couplings(scope: Scope) -> Iterable[Coupling]:
    return [c for pipeline in scope.pipelines() for c in pipeline.couplings.values() if scope.can_see_coupling(c)]
