"""Platform API: the account, its rate pool, and teams."""

from headrace.emulator.call import Answer, Call, listing
from headrace.emulator.records import Team
from headrace.emulator.render import PERMISSIONS, render_account, render_member, render_permission, render_team


def show_account(call: Call) -> Answer:
    return Answer(body=render_account(call.user))


def show_user(call: Call) -> Answer:
    """Other users than oneself are not to be read."""
    return Answer(body=render_account(call.person() or call.user))


def show_rate_limit(call: Call) -> Answer:
    """Asking is free of charge (contract §9)."""
    return Answer(body={"remaining": call.heroku.rates.remaining(call.scope.owner_id)})


def list_teams(call: Call) -> Answer:
    return listing(call.user.teams.values(), lambda team: render_team(team, role=_role(call, team)), by=("id", "name"))


def show_team(call: Call) -> Answer:
    team = call.team()
    return Answer(body=render_team(team, role=_role(call, team)))


def list_members(call: Call) -> Answer:
    team = call.team()
    members = [call.registry.users[user_id] for user_id in team.roles]
    return listing(members, lambda user: render_member(team, user), by=("email", "id"))


def list_permissions(_call: Call) -> Answer:
    """The CLI's `access` asks for these of a team's app."""
    return listing(PERMISSIONS, render_permission, by={"name": str})


def _role(call: Call, team: Team) -> str | None:
    return team.roles.get(call.user.id)
