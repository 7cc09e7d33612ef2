"""Single sign-on from Heroku's side: the signed form, and the page that sends it (contract §4)."""

import base64
from collections.abc import Mapping
from datetime import timedelta
from html import escape

import msgspec
from starlette.responses import HTMLResponse

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.scopes import UserScope
from headrace.emulator.kit.errors import Declined, invalid, not_found
from headrace.emulator.kit.whole_request import WholeRequest
from headrace.emulator.world.people import ADMIN
from headrace.emulator.world.records import Addon, App, Team, User
from headrace.models import Secret
from headrace.protocol.sso import sign_resource, sign_user

# Either of these permissions opens the add-ons of an Enterprise team's app.
OPENING = frozenset({"deploy", "operate"})
# Older than the five minutes that a partner accepts (contract §4.3).
STALE_BY = timedelta(minutes=6)

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Opening {service} - Heroku emulator</title>
<body>
<p>This is an emulator. It logs <b>{email}</b> in to {service} on <b>{app}</b>, as Heroku would.</p>
<form method="post" action="{action}">
{fields}
<button type="submit">Open {service}</button>
</form>
<script>document.forms[0].submit()</script>
</body>
</html>
"""


async def show_launch_page(heroku: Heroku, request: WholeRequest) -> HTMLResponse:
    """Log a customer in: the person that `?user=` names, or the app's owner. Other query values pass through.

    Raises:
        Declined: they have no access to the app, or there is no such add-on on it.
    """
    app = heroku.registry.apps.find(request.path_params["app"])
    addon = heroku.registry.addons.find(request.path_params["addon"])
    if app is None or addon is None or not any(link.app is app for link in addon.attachments.values()):
        raise not_found("add on")
    extra = request.query_params
    user = find_person(heroku, app, extra.pop("user", None))
    require_login(app, user)
    form = build_form(heroku, addon, user, app=app, extra=extra)
    return HTMLResponse(_render_page(addon, app, user, form), headers={"Cache-Control": "no-store"})


def may_log_in(app: App, user: User) -> bool:
    """Whether somebody may open the add-ons of an app.

    In an Enterprise team that needs the permission to deploy or to operate; its admins have every permission, and its
    members no other than to view (Heroku's article "Using App Permissions in Enterprise Teams").
    """
    if not UserScope(user).can_see_app(app):
        return False
    team = app.owner
    if not (isinstance(team, Team) and team.is_enterprise) or team.roles.get(user.id) == ADMIN:
        return True
    collaborator = app.collaborators.get(user.id)
    return collaborator is not None and not OPENING.isdisjoint(collaborator.permissions)


def require_login(app: App, user: User) -> None:
    """Refuse whom Heroku would not log in to an app's add-ons, and say why.

    Raises:
        Declined: they may not.

    """
    if may_log_in(app, user):
        return
    if UserScope(user).can_see_app(app):
        message = f"{user.email} may only view the app {app.name}: in an Enterprise team, opening its add-ons"
        raise Declined(403, "forbidden", f"{message} needs the permission to deploy or to operate.")
    message = f"You do not have access to the app {app.name}: {user.email} is no collaborator of it"
    raise Declined(403, "forbidden", f"{message}, and in no team that owns it.")


def find_person(heroku: Heroku, app: App, email: str | None = None) -> User:
    """Return the user named, or the app's owner; for a team that is its first admin."""
    if email:
        user = heroku.registry.find_user(email)
        if user is None:
            raise not_found("user")
        return user
    if isinstance(app.owner, User):
        return app.owner
    return _first_admin(heroku, app.owner)


def build_form(
    heroku: Heroku, addon: Addon, user: User, *, app: App, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the fields that Heroku posts to `sso_url`, made wrong where a switch says so (contract §4.1).

    Raises:
        Declined: the manifest of the add-on service has no single sign-on.

    """
    if not addon.service.manifest.sso_url:
        raise invalid(f"{addon.service.manifest.name} has no single sign-on: its manifest names no sso_url.")
    switches, salt = heroku.switches, addon.service.manifest.sso_salt
    at = heroku.clock.now() - (STALE_BY if switches.sso_is_stale else timedelta(0))
    timestamp = str(_claim_second(heroku, addon, int(at.timestamp())))
    if switches.sso_has_bad_token:
        salt = Secret(f"not-{salt.reveal()}")
    form = {
        **(extra or {}),
        "resource_id": addon.id,
        "resource_token": sign_resource(addon.id, salt=salt, timestamp=timestamp),
        "timestamp": timestamp,
        "email": user.email,
        "user_id": user.id,
        "app": addon.app.name,
        "context_app": app.name,
        "nav-data": _build_nav_data(addon, app),
        "id": addon.provider_id,
        "token": sign_resource(addon.provider_id, salt=salt, timestamp=timestamp),
    }
    if switches.sso_has_user_token:
        form["user_scoped_resource_token"] = sign_user(
            addon.id, salt=salt, timestamp=timestamp, user_id=user.id, email=user.email
        )
    return form


def _claim_second(heroku: Heroku, addon: Addon, at: int) -> int:
    """Return the last second, up to this one, in which no form of the add-on was signed.

    Two forms of one second would be the same form, and a partner may take each form once only.
    """
    claimed = heroku.logins.setdefault(addon.id, set())
    while at in claimed:
        at -= 1
    claimed.add(at)
    return at


def _first_admin(heroku: Heroku, team: Team) -> User:
    for user_id, role in team.roles.items():
        if role == ADMIN:
            return heroku.registry.users[user_id]
    raise Declined(404, "not_found", f"Team {team.name} has no admin; name a person with ?user=.")


def _build_nav_data(addon: Addon, app: App) -> str:
    """Base64url JSON for the old navigation bar."""
    data = {"addon": addon.service.manifest.name, "appname": app.name}
    return base64.urlsafe_b64encode(msgspec.json.encode(data)).decode()


def _render_page(addon: Addon, app: App, user: User, form: Mapping[str, str]) -> str:
    fields = [f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in form.items()]
    manifest = addon.service.manifest
    return PAGE.format(
        service=escape(manifest.name),
        email=escape(user.email),
        app=escape(app.name),
        action=escape(manifest.sso_url),
        fields="\n".join(fields),
    )
