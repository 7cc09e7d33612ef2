"""People at the emulated Heroku: who joins, and whose an app becomes."""

import re
from datetime import datetime
from uuid import uuid4

from headrace.emulator.world.records import App, Team, User
from headrace.emulator.world.state import Registry
from headrace.emulator.world.world_file import derive_id
from headrace.models import Secret

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
ADMIN = "admin"


def add_user(
    registry: Registry, email: str, *, name: str = "", token: str = "", user_id: str = "", at: datetime | None = None
) -> User:
    """Add somebody whose e-mail address is new, with a token that never expires; one that is not given is made."""
    at = at or registry.clock.now()
    user = User(
        id=user_id or derive_id("user", email),
        email=email,
        name=name or email.partition("@")[0],
        token=Secret(token or str(uuid4())),
        created_at=at,
    )
    registry.users[user.id] = user
    registry.users_by_email[email] = user
    registry.authorizations.add(
        user,
        description="The token that the world gives",
        token=user.token,
        authorization_id=derive_id("authorization", email),
        at=at,
    )
    return user


def find_or_invite(registry: Registry, key: str) -> User | None:
    """Return the user with this e-mail address or id; whom Heroku does not know, it invites under the address."""
    user = registry.find_user(key)
    return add_user(registry, key) if user is None and EMAIL.fullmatch(key) else user


def join_team(team: Team, user: User, role: str) -> None:
    """Let a user into a team, or give a member another role."""
    team.roles[user.id] = role
    user.teams[team.id] = team


def leave_team(team: Team, user: User) -> None:
    """Take a member out of a team; what they were added to by name, they keep."""
    del team.roles[user.id]
    del user.teams[team.id]


def transfer_app(registry: Registry, app: App, owner: User | Team) -> None:
    """Give an app to another owner, who is no collaborator any longer; whoever had it works on it no more."""
    if app.owner is owner:
        return
    if owner.id in app.collaborators:
        registry.remove_collaborator(app, app.collaborators[owner.id])
    with registry.changing(app, app):
        del app.owner.apps[app.id]
        app.owner = owner
        owner.apps[app.id] = app
        app.updated_at = registry.clock.now()
