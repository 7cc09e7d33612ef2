"""Apps, their releases, collaborators and log drains as the JSON objects of the Platform API (contract §6.4)."""

from collections.abc import Iterable
from datetime import datetime

from headrace.emulator.kit.catalogue import PERMISSIONS
from headrace.emulator.kit.paging import Json
from headrace.emulator.render.values import render_named, render_ref, render_time
from headrace.emulator.world.belongings import TelemetryDrain
from headrace.emulator.world.records import App, Collaborator, LogDrain, Release, Team, User
from headrace.emulator.world.world_file import derive_id


def render_app(app: App, url: str) -> Json:
    team = {"id": app.owner.id, "name": app.owner.name} if isinstance(app.owner, Team) else None
    return {
        "acm": False,
        "archived_at": None,
        "build_stack": render_named("stack", app.build_stack),
        "buildpack_provided_description": None,
        "created_at": render_time(app.created_at),
        "generation": render_named("generation", app.generation),
        # A push must not leave this machine, so this is not the address at Heroku.
        "git_url": f"{url}/git/{app.name}.git",
        "id": app.id,
        "internal_routing": None,
        "maintenance": app.maintenance,
        "name": app.name,
        "organization": team,
        "owner": {"email": app.owner.email, "id": app.owner.id},
        "region": render_named("region", app.region),
        "released_at": render_time(app.releases[-1].created_at),
        "repo_size": None,
        "slug_size": None,
        "space": None,
        "stack": render_named("stack", app.stack),
        "team": team,
        "updated_at": render_time(app.updated_at),
        "web_url": f"https://{app.name}.herokuapp.com/",
    }


def render_team_app(app: App, url: str, *, reader: User | None) -> Json:
    """An app as Heroku lists those of a team, and those that a filter found; `reader` is the person who asks."""
    whole = render_app(app, url)
    shown = {name: value for name, value in whole.items() if name not in {"acm", "generation", "organization"}}
    is_joined = reader is not None and reader.id in app.collaborators
    return shown | {
        "joined": is_joined,
        "locked": app.is_locked,
        "team": whole["team"] and {"name": whole["team"]["name"]},
    }


def render_release(release: Release, app: App) -> Json:
    return {
        "addon_plan_names": list(release.addon_plan_names),
        "app": render_ref(app),
        "artifacts": [],
        "created_at": render_time(release.created_at),
        "current": release.version == app.releases[-1].version and release.status == "succeeded",
        "description": release.description,
        "eligible_for_rollback": release.version != app.releases[-1].version,
        "id": release.id,
        "output_stream_url": None,
        "slug": None,
        "status": release.status,
        "updated_at": render_time(release.created_at),
        "user": {"email": release.email, "id": release.user_id},
        "version": release.version,
    }


def render_collaborator(collaborator: Collaborator, app: App) -> Json:
    return _access(
        app,
        collaborator.user,
        role="collaborator",
        since=collaborator.created_at,
        permissions=collaborator.permissions,
    )


def render_owner(app: App) -> Json:
    """The owner stands in the list of collaborators too (contract §6.4)."""
    return _access(app, app.owner, role="owner", since=app.created_at, permissions=PERMISSIONS)


def render_permission(name: str) -> Json:
    return {"description": f"Can {name} the app.", "name": name}


def render_drain(drain: LogDrain) -> Json:
    addon = drain.addon
    return {
        "addon": {"app": render_ref(addon.app), "id": addon.id, "name": addon.name} if addon else None,
        "app": render_ref(drain.app),
        "created_at": render_time(drain.created_at),
        "id": drain.id,
        "token": drain.token.reveal(),
        "updated_at": render_time(drain.updated_at),
        "url": drain.url,
    }


def render_telemetry_drain(drain: TelemetryDrain, app: App) -> Json:
    return {
        "created_at": render_time(drain.created_at),
        "exporter": {"endpoint": drain.endpoint, "headers": drain.headers, "type": drain.kind},
        "id": drain.id,
        "owner": {"id": app.id, "type": "app"},
        "signals": list(drain.signals),
        "updated_at": render_time(drain.updated_at),
    }


def _access(app: App, person: User | Team, *, role: str, since: datetime, permissions: Iterable[str]) -> Json:
    return {
        "app": render_ref(app),
        "created_at": render_time(since),
        "id": derive_id("collaborator", f"{app.id}:{person.id}"),
        "permissions": [render_permission(name) for name in permissions],
        "role": role,
        "updated_at": render_time(since),
        "user": {"email": person.email, "federated": False, "id": person.id},
    }
