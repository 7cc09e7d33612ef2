"""Platform API: who is in a team, who works on its apps, and apps that change hands."""

from operator import itemgetter
from uuid import uuid4

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, created, listing, require_text
from headrace.emulator.api.collaborators import (
    add_collaborator,
    find_collaborator,
    list_collaborators,
    read_permissions,
    remove_collaborator,
    show_collaborator,
)
from headrace.emulator.kit.errors import forbidden, invalid, not_found
from headrace.emulator.render.accounts import render_member, render_transfer
from headrace.emulator.render.apps import render_collaborator, render_team_app
from headrace.emulator.world.belongings import AppTransfer
from headrace.emulator.world.people import ADMIN, find_or_invite, join_team, leave_team, transfer_app
from headrace.emulator.world.records import App, Team, User

ROLES = ("admin", "member", "viewer")
STATES = ("accepted", "declined")


def put_member(call: Call) -> ApiAnswer:
    """Let somebody in, or give a member another role; who has no account is invited and is in at once."""
    team, email, role = _own_team(call), call.text("email"), _read_role(call)
    user = find_or_invite(call.registry, email)
    if user is None:
        raise invalid(f"{email} is no e-mail address.")
    return _give_role(team, user, role)


def update_member(call: Call) -> ApiAnswer:
    team, role = _own_team(call), _read_role(call)
    return _give_role(team, _find_member(call, team, call.text("email")), role)


def delete_member(call: Call) -> ApiAnswer:
    """Members may leave by themselves; only an admin removes others."""
    team = call.team()
    user = _find_member(call, team, call.part("member"))
    if user is not call.user:
        _require_admin(call, team)
    _keep_an_admin(team, user)
    shown = render_member(team, user)
    leave_team(team, user)
    return ApiAnswer(body=shown)


def show_team_app(call: Call) -> ApiAnswer:
    return _show(call, _team_app(call))


def update_team_app(call: Call) -> ApiAnswer:
    """Lock or unlock an app of a team, or give it to another owner; a person's app comes to a team this way."""
    app, body = call.app(), call.body()
    if "owner" in body:
        return _hand_over(call, app, require_text(body, "owner"))
    if not isinstance(app.owner, Team):
        raise invalid(f"{app.name} belongs to no team, and only a team's apps can be locked.")
    _require_admin(call, app.owner)
    if not isinstance(body.get("locked"), bool):
        raise invalid("locked has to be true or false.")
    with call.registry.changing(app, app):
        app.is_locked, app.updated_at = body["locked"], call.heroku.clock.now()
    return _show(call, app)


def join_app(call: Call) -> ApiAnswer:
    """Let somebody work on a team's app; a locked one lets nobody in whom no admin adds."""
    app = _team_app(call)
    if app.is_locked and isinstance(app.owner, Team) and not _is_admin(call, app.owner):
        raise forbidden(f"{app.name} is locked: an admin of {app.owner.name} has to add you.")
    return add_collaborator(call)


def update_collaborator(call: Call) -> ApiAnswer:
    app = _team_app(call)
    collaborator, permissions = find_collaborator(call, app), read_permissions(call.body())
    if permissions is None:
        raise invalid("permissions is required.")
    with call.registry.changing(collaborator, app):
        collaborator.permissions = permissions
    return ApiAnswer(body=render_collaborator(collaborator, app))


def list_transfers(call: Call) -> ApiAnswer:
    """What the caller gives away or is given."""
    shown = [render_transfer(transfer, app, call.registry.users) for transfer, app in _transfers(call)]
    return listing(shown, dict, by={"id": itemgetter("id")})


def create_transfer(call: Call) -> ApiAnswer:
    """Offer an app to somebody else, who has to accept it: the app stays whose it is until then."""
    app, recipient = call.app(call.text("app")), call.registry.find_user(call.text("recipient"))
    if app.owner is not call.user:
        raise forbidden(f"You do not own {app.name}.")
    if recipient is None:
        raise not_found("user")
    if recipient is call.user:
        raise invalid(f"{app.name} is yours already.")
    if app.transfer is not None and app.transfer.state == "pending":
        raise invalid(f"{app.name} is being transferred already.")
    at = call.heroku.clock.now()
    app.transfer = AppTransfer(
        id=str(uuid4()), owner_id=call.user.id, recipient_id=recipient.id, created_at=at, updated_at=at
    )
    return created(render_transfer(app.transfer, app, call.registry.users))


def show_transfer(call: Call) -> ApiAnswer:
    transfer, app = _find_transfer(call)
    return ApiAnswer(body=render_transfer(transfer, app, call.registry.users))


def answer_transfer(call: Call) -> ApiAnswer:
    """Accept or decline, which is the recipient's alone; with the first the app is theirs."""
    transfer, app = _find_transfer(call)
    state = call.body().get("state")
    if state not in STATES:
        raise invalid(f"state has to be one of {', '.join(STATES)}.")
    if transfer.recipient_id != call.user.id:
        raise forbidden("Only who is to get the app may answer that.")
    if transfer.state != "pending":
        raise invalid(f"The transfer is {transfer.state} already.")
    transfer.state, transfer.updated_at = state, call.heroku.clock.now()
    if state == "accepted":
        transfer_app(call.registry, app, call.user)
    return ApiAnswer(body=render_transfer(transfer, app, call.registry.users))


def delete_transfer(call: Call) -> ApiAnswer:
    transfer, app = _find_transfer(call)
    if transfer.owner_id != call.user.id:
        raise forbidden("Only who gives the app away may take that back.")
    app.transfer = None
    return ApiAnswer(body=render_transfer(transfer, app, call.registry.users))


ENDPOINTS = (
    Endpoint("PUT", "/teams/{team}/members", put_member),
    Endpoint("POST", "/teams/{team}/members", put_member),
    Endpoint("PATCH", "/teams/{team}/members", update_member),
    Endpoint("DELETE", "/teams/{team}/members/{member}", delete_member),
    Endpoint("GET", "/teams/apps/{app}", show_team_app),
    Endpoint("PATCH", "/teams/apps/{app}", update_team_app),
    Endpoint("GET", "/teams/apps/{app}/collaborators", list_collaborators),
    Endpoint("POST", "/teams/apps/{app}/collaborators", join_app),
    Endpoint("GET", "/teams/apps/{app}/collaborators/{collaborator}", show_collaborator),
    Endpoint("PATCH", "/teams/apps/{app}/collaborators/{collaborator}", update_collaborator),
    Endpoint("DELETE", "/teams/apps/{app}/collaborators/{collaborator}", remove_collaborator),
    Endpoint("GET", "/account/app-transfers", list_transfers),
    Endpoint("POST", "/account/app-transfers", create_transfer),
    Endpoint("GET", "/account/app-transfers/{transfer}", show_transfer),
    Endpoint("PATCH", "/account/app-transfers/{transfer}", answer_transfer),
    Endpoint("DELETE", "/account/app-transfers/{transfer}", delete_transfer),
)


def _show(call: Call, app: App) -> ApiAnswer:
    return ApiAnswer(body=render_team_app(app, call.heroku.url, reader=call.user))


def _own_team(call: Call) -> Team:
    team = call.team()
    _require_admin(call, team)
    return team


def _is_admin(call: Call, team: Team) -> bool:
    return team.roles.get(call.user.id) == ADMIN


def _require_admin(call: Call, team: Team) -> None:
    if not _is_admin(call, team):
        raise forbidden(f"You are no admin of {team.name}.")


def _read_role(call: Call) -> str:
    role = call.text("role")
    if role not in ROLES:
        raise invalid(f"role has to be one of {', '.join(ROLES)}; collaborators are added to an app.")
    return role


def _give_role(team: Team, user: User, role: str) -> ApiAnswer:
    if role != ADMIN:
        _keep_an_admin(team, user)
    join_team(team, user, role)
    return ApiAnswer(body=render_member(team, user))


def _find_member(call: Call, team: Team, key: str) -> User:
    user = call.registry.find_user(key)
    if user is None or user.id not in team.roles:
        raise not_found("member")
    return user


def _keep_an_admin(team: Team, user: User) -> None:
    if [user.id] == [user_id for user_id, role in team.roles.items() if role == ADMIN]:
        raise invalid(f"{user.email} is the only admin of {team.name}.")


def _team_app(call: Call) -> App:
    app = call.app()
    if not isinstance(app.owner, Team):
        raise not_found("app")
    return app


def _hand_over(call: Call, app: App, key: str) -> ApiAnswer:
    owner = call.registry.find_owner(key)
    if owner is None:
        raise not_found("team or user")
    if isinstance(app.owner, Team):
        _require_admin(call, app.owner)
    elif app.owner is not call.user:
        raise forbidden(f"You do not own {app.name}.")
    if isinstance(owner, Team):
        call.team(owner.id)
    else:
        _let_go_of_a_team(call, app)
    transfer_app(call.registry, app, owner)
    return _show(call, app)


def _let_go_of_a_team(call: Call, app: App) -> None:
    """Only a team's app is given to a person outright, and without whoever worked on it, as the CLI warns."""
    if not isinstance(app.owner, Team):
        raise invalid(f"{app.name} belongs to a person: offer it with POST /account/app-transfers.")
    for collaborator in list(app.collaborators.values()):
        call.registry.remove_collaborator(app, collaborator)


def _transfers(call: Call) -> list[tuple[AppTransfer, App]]:
    found: list[tuple[AppTransfer, App]] = []
    for app in call.registry.apps:
        transfer = app.transfer
        if transfer is not None and call.user.id in {transfer.owner_id, transfer.recipient_id}:
            found.append((transfer, app))
    return found


def _find_transfer(call: Call) -> tuple[AppTransfer, App]:
    for transfer, app in _transfers(call):
        if call.part("transfer") in {transfer.id, app.id, app.name}:
            return transfer, app
    raise not_found("app transfer")
