"""Platform API: the account, its rate pool, and teams."""

from operator import itemgetter

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, Partner, listing
from headrace.emulator.kit.catalogue import PERMISSIONS
from headrace.emulator.kit.errors import not_found
from headrace.emulator.render.accounts import render_access_controls, render_account, render_member, render_team
from headrace.emulator.render.apps import render_permission
from headrace.emulator.world.records import Team


def show_account(call: Call) -> ApiAnswer:
    return ApiAnswer(body=render_account(call.user))


def show_user(call: Call) -> ApiAnswer:
    """Anybody by e-mail address or id: the CLI looks up whom a pipeline is transferred to."""
    key = call.part("user")
    user = call.user if key == "~" else call.registry.find_user(key)
    if user is None:
        raise not_found("user")
    return ApiAnswer(body=render_account(user))


def show_rate_limit(call: Call) -> ApiAnswer:
    """Asking is free of charge (contract §9)."""
    return ApiAnswer(body={"remaining": call.heroku.rates.remaining(call.scope.owner_id)})


def list_teams(call: Call) -> ApiAnswer:
    return listing(call.user.teams.values(), lambda team: render_team(team, role=_role(call, team)), by=("id", "name"))


def show_team(call: Call) -> ApiAnswer:
    team = call.team()
    return ApiAnswer(body=render_team(team, role=_role(call, team)))


def list_members(call: Call) -> ApiAnswer:
    team = call.team()
    members = [call.registry.users[user_id] for user_id in team.roles]
    return listing(members, lambda user: render_member(team, user), by=("email", "id"))


def list_features(call: Call) -> ApiAnswer:
    """A team's features: an Enterprise team has permissions on apps, for which the CLI's `access` looks here."""
    team = call.team()
    return listing([render_access_controls(team)] if team.is_enterprise else [], dict, by={"id": itemgetter("id")})


def list_permissions(_call: Call) -> ApiAnswer:
    """The CLI's `access` asks for these of a team's app."""
    return listing(PERMISSIONS, render_permission, by={"name": str})


ENDPOINTS = (
    Endpoint("GET", "/account", show_account),
    Endpoint("GET", "/account/rate-limits", show_rate_limit, Partner.YES, is_free=True),
    Endpoint("GET", "/teams", list_teams),
    Endpoint("GET", "/teams/permissions", list_permissions),
    Endpoint("GET", "/teams/{team}", show_team),
    Endpoint("GET", "/teams/{team}/features", list_features),
    Endpoint("GET", "/teams/{team}/members", list_members, Partner.YES),
    Endpoint("GET", "/users/{user}", show_user),
)


def _role(call: Call, team: Team) -> str | None:
    return team.roles.get(call.user.id)
