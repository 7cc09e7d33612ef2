"""Platform API: who works on an app, and what they may do there."""

from operator import itemgetter
from typing import Any

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, Partner, created, listing
from headrace.emulator.kit.catalogue import PERMISSIONS
from headrace.emulator.kit.errors import invalid, not_found
from headrace.emulator.render.apps import render_collaborator, render_owner
from headrace.emulator.world.people import find_or_invite
from headrace.emulator.world.records import App, Collaborator


def list_collaborators(call: Call) -> ApiAnswer:
    app = call.app()
    everyone = [render_owner(app), *(render_collaborator(other, app) for other in app.collaborators.values())]
    return listing(everyone, dict, by={"id": itemgetter("id")})


def add_collaborator(call: Call) -> ApiAnswer:
    """Somebody whom Heroku does not know is invited by e-mail, and stands in the list at once (the schema)."""
    app, key, permissions = call.app(), call.text("user"), read_permissions(call.body())
    user = find_or_invite(call.registry, key)
    if user is None:
        raise not_found("user")
    collaborator = call.registry.add_collaborator(app, user, permissions=permissions or ())
    return created(render_collaborator(collaborator, app))


def remove_collaborator(call: Call) -> ApiAnswer:
    app = call.app()
    collaborator = find_collaborator(call, app)
    call.registry.remove_collaborator(app, collaborator)
    return ApiAnswer(body=render_collaborator(collaborator, app))


def show_collaborator(call: Call) -> ApiAnswer:
    app = call.app()
    return ApiAnswer(body=render_collaborator(find_collaborator(call, app), app))


ENDPOINTS = (
    Endpoint("GET", "/apps/{app}/collaborators", list_collaborators, Partner.YES),
    Endpoint("POST", "/apps/{app}/collaborators", add_collaborator),
    Endpoint("GET", "/apps/{app}/collaborators/{collaborator}", show_collaborator),
    Endpoint("DELETE", "/apps/{app}/collaborators/{collaborator}", remove_collaborator),
)


def find_collaborator(call: Call, app: App) -> Collaborator:
    user = call.registry.find_user(call.part("collaborator"))
    collaborator = app.collaborators.get(user.id) if user else None
    if collaborator is None:
        raise not_found("collaborator")
    return collaborator


def read_permissions(body: dict[str, Any]) -> tuple[str, ...] | None:
    """Return what somebody may do with an app, which is always to view it; None where nothing is said of it."""
    wanted = body.get("permissions")
    if wanted is None:
        return None
    if not isinstance(wanted, list) or not all(isinstance(name, str) and name in PERMISSIONS for name in wanted):
        raise invalid(f"permissions has to be a list of {', '.join(PERMISSIONS)}.")
    return tuple(name for name in PERMISSIONS if name in {*wanted, "view"})
