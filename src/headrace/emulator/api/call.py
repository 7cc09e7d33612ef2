"""A call of the Platform API and its endpoint: what is named, looked up and checked against what the token may see."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.scopes import Scope, UserScope
from headrace.emulator.kit.errors import bad_request, forbidden, invalid, not_found
from headrace.emulator.kit.paging import Json, Keys, Listing
from headrace.emulator.kit.whole_request import WholeRequest
from headrace.emulator.world.records import Addon, AddonService, App, Coupling, Pipeline, Plan, Team, User
from headrace.emulator.world.state import Registry
from headrace.models import Stage

T = TypeVar("T")


class ApiAnswer(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What an endpoint answers: a body, or a listing of which only the page that is asked for is rendered."""

    body: Any = None
    status: int = 200
    listing: Listing[Any] | None = None
    headers: dict[str, str] = {}


def listing(things: Iterable[T], render: Callable[[T], Json], *, by: Keys | Sequence[str] = ("id",)) -> ApiAnswer:
    """List things by what they can be sorted and paged by: attributes of theirs, or keys of another kind."""
    keys = by if isinstance(by, Mapping) else {name: attrgetter(name) for name in by}
    return ApiAnswer(listing=Listing(things=things, render=render, keys=keys))


def created(body: dict[str, Any]) -> ApiAnswer:
    return ApiAnswer(body=body, status=201)


class Call(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A request whose token is known. Every look-up raises Declined: 404 for nothing there, 403 for not yours."""

    heroku: Heroku
    scope: Scope
    request: WholeRequest
    raw: bytes

    @property
    def registry(self) -> Registry:
        return self.heroku.registry

    @property
    def user(self) -> User:
        """The person behind a user's token; endpoints for partners never ask."""
        if not isinstance(self.scope, UserScope):
            raise forbidden()
        return self.scope.user

    def person(self) -> User | None:
        """The user whom a path names. `~` is the caller, who is nobody when it is a partner."""
        key = self.part("user")
        if key == "~":
            return None if self.scope.addon else self.user
        user = self.registry.find_user(key)
        if user is None:
            raise not_found("user")
        if self.scope.addon is None and user is not self.user:
            raise forbidden("You do not have access to that user.")
        return user

    def part(self, name: str) -> str:
        return str(self.request.path_params[name])

    def header_words(self, name: str) -> set[str]:
        header = self.request.headers.get(name)
        return {word.strip() for word in header.split(",")} if header else set()

    def body(self) -> dict[str, Any]:
        """Return the JSON object that was sent; no body is an empty one."""
        if not self.raw:
            return {}
        try:
            value = msgspec.json.decode(self.raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise bad_request("Unable to parse the JSON of the request body.") from None
        if not isinstance(value, dict):
            raise invalid("The request body has to be a JSON object.")
        return value

    def text(self, name: str) -> str:
        """Return a required member that is text, or that names a thing by its `id` or `name`."""
        return require_text(self.body(), name)

    def app(self, key: str | None = None) -> App:
        app = self.registry.apps.find(key or self.part("app"))
        if app is None:
            raise not_found("app")
        if not self.scope.can_see_app(app):
            raise forbidden(f"You do not have access to the app {app.name}.")
        return app

    def addon(self, key: str | None = None) -> Addon:
        addon = self._find_addon(key or self.part("addon"))
        if addon is None:
            raise not_found("add on")
        if not self.scope.can_see_addon(addon):
            raise forbidden("You do not have access to that add-on.")
        return addon

    def addon_on_app(self) -> Addon:
        app, addon = self.app(), self.addon()
        if all(attachment.app is not app for attachment in addon.attachments.values()) and addon.app is not app:
            raise not_found("add on")
        return addon

    def own_addon(self) -> Addon:
        """The add-on whose token this is: the only one that a partner may change (contract §6.1)."""
        addon = self.addon()
        if addon is not self.scope.addon:
            raise forbidden("This token may not change that add-on.")
        return addon

    def pipeline(self, *, by_name: bool = False) -> Pipeline:
        """Most paths take a pipeline's id only (contract §10.1)."""
        key = self.part("pipeline")
        pipeline = self.registry.pipelines.find(key) if by_name else self.registry.pipelines.get(key)
        return self._check_pipeline(pipeline)

    def pipeline_from_body(self) -> Pipeline:
        return self._check_pipeline(self.registry.pipelines.get(self.text("pipeline")))

    def coupling(self) -> Coupling:
        coupling = self.registry.couplings.get(self.part("coupling"))
        if coupling is None:
            raise not_found("pipeline coupling")
        if not self.scope.can_see_coupling(coupling):
            raise forbidden("You do not have access to that pipeline coupling.")
        return coupling

    def stage(self) -> Stage:
        text = self.text("stage")
        try:
            return Stage(text)
        except ValueError:
            raise invalid(f"stage has to be one of {', '.join(Stage)}.") from None

    def team(self, key: str | None = None) -> Team:
        team = self.registry.teams.find(key or self.part("team"))
        if team is None:
            raise not_found("team")
        if not self.scope.can_see_team(team):
            raise forbidden("You do not have access to that team.")
        return team

    def service(self, key: str | None = None) -> AddonService:
        service = self.registry.addon_services.find(key or self.part("service"))
        if service is None:
            raise not_found("add-on service")
        return service

    def plan(self, key: str) -> Plan:
        return find_plan(self.registry, key)

    def _find_addon(self, key: str) -> Addon | None:
        """By id, by name, or as `app::ATTACHMENT`, which the CLI's `addons:attach` offers.

        A partner's own add-on is found by the slug of its service too, as partners have asked for it.
        """
        own = self.scope.addon
        if own is not None and key == own.service.name:
            return own
        app_name, separator, attachment_name = key.partition("::")
        if not separator:
            return self.registry.addons.find(key)
        attachment = self.app(app_name).attachments.get(attachment_name)
        return attachment.addon if attachment else None

    def _check_pipeline(self, pipeline: Pipeline | None) -> Pipeline:
        if pipeline is None:
            raise not_found("pipeline")
        if not self.scope.can_see_pipeline(pipeline):
            raise forbidden("You do not have access to that pipeline.")
        return pipeline


class Partner(Enum):
    """Whether an add-on's token may use an endpoint (contract §6.2)."""

    NO = auto()
    YES = auto()
    # Open by default; Heroku's documents disagree.
    PIPELINES = auto()
    # Opened only on request.
    EXTRA = auto()


class Endpoint(msgspec.Struct, frozen=True):
    """A row of the Platform API; one that is free costs nothing of the rate pool."""

    method: str
    path: str
    answer: Callable[[Call], ApiAnswer | Awaitable[ApiAnswer]]
    partner: Partner = Partner.NO
    is_free: bool = False


def require_text(body: dict[str, Any], name: str) -> str:
    found = read_reference(body.get(name))
    if not found:
        raise invalid(f"{name} is required.")
    return found


def read_reference(value: Any) -> str:
    """Clients name a thing by text or as an object with its `id` or `name` (clients' observed habits)."""
    if isinstance(value, dict):
        value = value.get("id") or value.get("name")
    return value if isinstance(value, str) else ""


def find_plan(registry: Registry, key: str) -> Plan:
    """Find a plan by id, as `service:plan`, or as the service alone, which means its default plan."""
    if key in registry.plans:
        return registry.plans[key]
    slug, _, name = key.partition(":")
    service = registry.addon_services.find(slug)
    plan = (service.plans.get(name) if name else service.default_plan) if service else None
    if plan is None:
        # The CLI knows this text and goes on to list the plans.
        message = f'Couldn\'t find either the add-on service or the add-on plan of "{key}".'
        raise invalid(message)
    return plan
