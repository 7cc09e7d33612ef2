"""Platform API: apps with their config vars, releases and collaborators."""

import re
from collections.abc import Iterable
from operator import itemgetter
from typing import Any
from uuid import uuid4

from headrace.emulator.call import Answer, Call, created, listing, read_reference
from headrace.emulator.catalogue import DEFAULT_STACK, STACKS
from headrace.emulator.errors import invalid, not_found
from headrace.emulator.lifecycle import destroy_app, make_name
from headrace.emulator.records import App, Collaborator, Release, Team, User
from headrace.emulator.render import render_app, render_collaborator, render_owner, render_release, render_team_app
from headrace.emulator.scopes import UserScope
from headrace.emulator.world import derive_id

APP_NAME = re.compile(r"[a-z][a-z0-9-]{1,28}[a-z0-9]")


def list_apps(call: Call) -> Answer:
    return _list(call, call.scope.apps())


def list_user_apps(call: Call) -> Answer:
    """Apps that a user owns or works on; a team's apps are not among them (contract §10.1)."""
    person, visible = call.person(), call.scope.apps()
    if person is None:
        return _list(call, visible)
    return _list(call, [app for app in visible if app.owner is person or person.id in app.collaborators])


def list_team_apps(call: Call) -> Answer:
    return _list_team_apps(call, call.team().apps.values())


def filter_apps(call: Call) -> Answer:
    """Apps by id; those that are gone or not the caller's are left out (contract §6.4)."""
    wanted = call.body().get("in")
    ids = wanted.get("id") if isinstance(wanted, dict) else None
    if not isinstance(ids, list):
        raise invalid("in.id is required.")
    found = (call.registry.apps.get(app_id) for app_id in ids if isinstance(app_id, str))
    return _list_team_apps(call, [app for app in found if app is not None and call.scope.can_see_app(app)])


def create_app(call: Call) -> Answer:
    return created(render_app(_create(call, call.user), call.heroku))


def create_team_app(call: Call) -> Answer:
    app = _create(call, call.team(call.text("team")))
    return created(render_team_app(app, call.heroku, reader=call.user))


def show_app(call: Call) -> Answer:
    return Answer(body=render_app(call.app(), call.heroku))


def update_app(call: Call) -> Answer:
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
    return Answer(body=render_app(app, call.heroku))


async def delete_app(call: Call) -> Answer:
    app = call.app()
    body = render_app(app, call.heroku)
    await destroy_app(call.heroku, app)
    return Answer(body=body)


def show_config(call: Call) -> Answer:
    return Answer(body=call.app().config_vars)


def update_config(call: Call) -> Answer:
    """Set config vars, null removes; the whole set is the answer."""
    app, changes = call.app(), call.body()
    for name, value in changes.items():
        if not isinstance(value, str | None):
            raise invalid(f"The value of {name} has to be text or null.")
    call.registry.set_config(app, changes, user=call.user)
    return Answer(body=app.config_vars)


def list_releases(call: Call) -> Answer:
    app = call.app()
    return listing(app.releases, lambda release: render_release(release, app), by=("version", "id"))


def show_release(call: Call) -> Answer:
    app = call.app()
    return Answer(body=render_release(_find_release(call, app), app))


def show_release_config(call: Call) -> Answer:
    """The config vars as they were at that release."""
    return Answer(body=_find_release(call, call.app()).config_vars)


def list_collaborators(call: Call) -> Answer:
    app = call.app()
    everyone = [render_owner(app), *(render_collaborator(other, app) for other in app.collaborators.values())]
    return listing(everyone, dict, by={"id": itemgetter("id")})


def add_collaborator(call: Call) -> Answer:
    app = call.app()
    user = call.registry.find_user(call.text("user"))
    if user is None:
        raise not_found("user")
    return created(render_collaborator(call.registry.add_collaborator(app, user), app))


def remove_collaborator(call: Call) -> Answer:
    app = call.app()
    collaborator = _find_collaborator(call, app)
    call.registry.remove_collaborator(app, collaborator)
    return Answer(body=render_collaborator(collaborator, app))


def show_collaborator(call: Call) -> Answer:
    app = call.app()
    return Answer(body=render_collaborator(_find_collaborator(call, app), app))


def _list(call: Call, apps: Iterable[App]) -> Answer:
    return listing(apps, lambda app: render_app(app, call.heroku), by=("id", "name"))


def _list_team_apps(call: Call, apps: Iterable[App]) -> Answer:
    reader = call.scope.user if isinstance(call.scope, UserScope) else None
    return listing(apps, lambda app: render_team_app(app, call.heroku, reader=reader), by=("id", "name"))


def _create(call: Call, owner: User | Team) -> App:
    body = call.body()
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


def _find_collaborator(call: Call, app: App) -> Collaborator:
    user = call.registry.find_user(call.part("collaborator"))
    collaborator = app.collaborators.get(user.id) if user else None
    if collaborator is None:
        raise not_found("collaborator")
    return collaborator
