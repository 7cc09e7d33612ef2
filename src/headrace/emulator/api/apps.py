"""Platform API: apps with their config vars, releases and collaborators."""

import re
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, Partner, created, listing, read_reference
from headrace.emulator.heroku.lifecycle import destroy_app, make_name
from headrace.emulator.heroku.scopes import UserScope
from headrace.emulator.kit.catalogue import DEFAULT_STACK, STACKS
from headrace.emulator.kit.errors import invalid, not_found
from headrace.emulator.render.apps import render_app, render_release, render_team_app
from headrace.emulator.world.records import App, Release, Team, User
from headrace.emulator.world.world_file import derive_id

APP_NAME = re.compile(r"[a-z][a-z0-9-]{1,28}[a-z0-9]")


def list_apps(call: Call) -> ApiAnswer:
    return _list(call, call.scope.apps())


def list_user_apps(call: Call) -> ApiAnswer:
    """Apps that a user owns or works on; a team's apps are not among them (contract §10.1)."""
    person, visible = call.person(), call.scope.apps()
    if person is None:
        return _list(call, visible)
    return _list(call, [app for app in visible if app.owner is person or person.id in app.collaborators])


def list_team_apps(call: Call) -> ApiAnswer:
    return _list_team_apps(call, call.team().apps.values())


def filter_apps(call: Call) -> ApiAnswer:
    """Apps by id; those that are gone or not the caller's are left out (contract §6.4)."""
    wanted = call.body().get("in")
    ids = wanted.get("id") if isinstance(wanted, dict) else None
    if not isinstance(ids, list):
        raise invalid("in.id is required.")
    found = (call.registry.apps.get(app_id) for app_id in ids if isinstance(app_id, str))
    return _list_team_apps(call, [app for app in found if app is not None and call.scope.can_see_app(app)])


def create_app(call: Call) -> ApiAnswer:
    return created(render_app(_create(call, call.user), call.heroku.url))


def create_team_app(call: Call) -> ApiAnswer:
    app = _create(call, call.team(call.text("team")))
    return created(render_team_app(app, call.heroku.url, reader=call.user))


def show_app(call: Call) -> ApiAnswer:
    return ApiAnswer(body=render_app(call.app(), call.heroku.url))


def update_app(call: Call) -> ApiAnswer:
    """Change the name, maintenance mode, or the stack of the builds to come."""
    app, body = call.app(), call.body()
    maintenance = body.get("maintenance", app.maintenance)
    if not isinstance(maintenance, bool):
        raise invalid("maintenance has to be true or false.")
    build_stack = _read_stack(body["build_stack"]) if body.get("build_stack") else app.build_stack
    if "name" in body:
        call.registry.rename_app(app, _read_name(call))
    if body.keys() & {"maintenance", "build_stack"}:
        with call.registry.changing(app, app):
            app.maintenance, app.build_stack, app.updated_at = maintenance, build_stack, call.heroku.clock.now()
    return ApiAnswer(body=render_app(app, call.heroku.url))


async def delete_app(call: Call) -> ApiAnswer:
    app = call.app()
    body = render_app(app, call.heroku.url)
    await destroy_app(call.heroku, app)
    return ApiAnswer(body=body)


def show_config(call: Call) -> ApiAnswer:
    return ApiAnswer(body=call.app().config_vars)


def update_config(call: Call) -> ApiAnswer:
    """Set config vars, null removes; the whole set is the answer."""
    app, changes = call.app(), call.body()
    for name, value in changes.items():
        if not isinstance(value, str | None):
            raise invalid(f"The value of {name} has to be text or null.")
    call.registry.set_config(app, changes, user=call.user)
    return ApiAnswer(body=app.config_vars)


def list_releases(call: Call) -> ApiAnswer:
    app = call.app()
    return listing(app.releases, lambda release: render_release(release, app), by=("version", "id"))


def show_release(call: Call) -> ApiAnswer:
    app = call.app()
    return ApiAnswer(body=render_release(_find_release(call, app), app))


def show_release_config(call: Call) -> ApiAnswer:
    """The config vars as they were at that release."""
    return ApiAnswer(body=_find_release(call, call.app()).config_vars)


def roll_back(call: Call) -> ApiAnswer:
    """Run what an earlier release ran, with the customer's config vars of then; add-ons stay as they are."""
    app, key = call.app(), read_reference(call.body().get("release"))
    if not key:
        raise invalid("The emulator builds nothing: name an earlier `release` to roll back to.")
    earlier = next((release for release in app.releases if key in {release.id, str(release.version)}), None)
    if earlier is None or earlier is app.releases[-1]:
        raise invalid(f"{app.name} has no earlier release {key} to roll back to.")
    of_addons = {name for attachment in app.attachments.values() for name in attachment.config_vars}
    app.config = {name: value for name, value in earlier.config_vars.items() if name not in of_addons}
    user = call.user
    release = call.registry.cut_release(app, f"Rollback to v{earlier.version}", user_id=user.id, email=user.email)
    return created(render_release(release, app))


ENDPOINTS = (
    Endpoint("POST", "/teams/apps", create_team_app),
    Endpoint("GET", "/teams/{team}/apps", list_team_apps),
    Endpoint("GET", "/users/{user}/apps", list_user_apps, Partner.YES),
    Endpoint("GET", "/apps", list_apps, Partner.YES),
    Endpoint("POST", "/apps", create_app),
    Endpoint("POST", "/filters/apps", filter_apps, Partner.YES),
    Endpoint("GET", "/apps/{app}", show_app, Partner.YES),
    Endpoint("PATCH", "/apps/{app}", update_app),
    Endpoint("DELETE", "/apps/{app}", delete_app),
    Endpoint("GET", "/apps/{app}/config-vars", show_config),
    Endpoint("PATCH", "/apps/{app}/config-vars", update_config),
    Endpoint("GET", "/apps/{app}/releases", list_releases, Partner.EXTRA),
    Endpoint("POST", "/apps/{app}/releases", roll_back),
    Endpoint("GET", "/apps/{app}/releases/{release}", show_release, Partner.EXTRA),
    Endpoint("GET", "/apps/{app}/releases/{release}/config-vars", show_release_config),
)


def _list(call: Call, apps: Iterable[App]) -> ApiAnswer:
    return listing(apps, lambda app: render_app(app, call.heroku.url), by=("id", "name"))


def _list_team_apps(call: Call, apps: Iterable[App]) -> ApiAnswer:
    reader = call.scope.user if isinstance(call.scope, UserScope) else None
    return listing(apps, lambda app: render_team_app(app, call.heroku.url, reader=reader), by=("id", "name"))


def _create(call: Call, owner: User | Team) -> App:
    body = call.body()
    if read_reference(body.get("space")):
        raise invalid("The emulator has no Private Spaces: leave space out.")
    if body.get("locked") or body.get("feature_flags"):
        raise invalid("The emulator locks no apps and has no feature flags: leave locked and feature_flags out.")
    name = _read_name(call) if body.get("name") else make_name("app", str(uuid4()))
    region = read_reference(body.get("region")) or "us"
    stack = _read_stack(body["stack"]) if body.get("stack") else ""
    return call.registry.add_app(name, owner=owner, region=region, stack=stack)


def _read_stack(value: Any) -> str:
    """By name or id. heroku3 asks for `cedar`, which is long gone and means the default stack."""
    key = read_reference(value)
    for name in STACKS:
        if key in {name, derive_id("stack", name)}:
            return name
    if key == "cedar":
        return DEFAULT_STACK["cedar"]
    raise invalid(f"There is no stack {key}.")


def _read_name(call: Call) -> str:
    name = call.text("name")
    if not APP_NAME.fullmatch(name):
        raise invalid(
            "Name must start with a letter, end with a letter or digit and can only contain "
            "lowercase letters, digits, and dashes."
        )
    return name


def _find_release(call: Call, app: App) -> Release:
    key = call.part("release")
    for release in app.releases:
        if key in {release.id, str(release.version)}:
            return release
    raise not_found("release")
