"""Users and teams as the JSON objects of the Platform API."""

from collections.abc import Mapping

from headrace.emulator.kit.paging import Json
from headrace.emulator.render.values import render_ref, render_time
from headrace.emulator.world.belongings import AppTransfer
from headrace.emulator.world.records import App, Team, User
from headrace.emulator.world.world_file import derive_id


def render_account(user: User) -> Json:
    return {
        "allow_tracking": False,
        "beta": False,
        "country_of_residence": None,
        "created_at": render_time(user.created_at),
        "default_organization": None,
        "default_team": None,
        "delinquent_at": None,
        "email": user.email,
        "federated": False,
        "id": user.id,
        "identity_provider": None,
        "last_login": render_time(user.created_at),
        "name": user.name,
        "sms_number": None,
        "suspended_at": None,
        "two_factor_authentication": False,
        "updated_at": render_time(user.created_at),
        "verified": True,
    }


def render_team(team: Team, *, role: str | None) -> Json:
    return {
        "created_at": render_time(team.created_at),
        "credit_card_collections": True,
        "default": False,
        "enterprise_account": None,
        "id": team.id,
        "identity_provider": None,
        "membership_limit": 25,
        "name": team.name,
        "provisioned_licenses": False,
        "role": role,
        "type": "enterprise" if team.is_enterprise else "team",
        "updated_at": render_time(team.created_at),
    }


def render_access_controls(team: Team) -> Json:
    """The feature of an Enterprise team by which the CLI knows that `access` takes permissions there."""
    return {
        "created_at": render_time(team.created_at),
        "description": "Permissions for each person on each app.",
        "display_name": "App permissions",
        "doc_url": "https://devcenter.heroku.com/articles/app-permissions",
        "enabled": True,
        "feedback_email": "feedback@heroku.com",
        "id": derive_id("team feature", f"{team.id}:org-access-controls"),
        "name": "org-access-controls",
        "state": "general",
        "updated_at": render_time(team.created_at),
    }


def render_member(team: Team, user: User) -> Json:
    return {
        "created_at": render_time(team.created_at),
        "email": user.email,
        "federated": False,
        "id": derive_id("member", f"{team.id}:{user.id}"),
        "identity_provider": None,
        "role": team.roles[user.id],
        "two_factor_authentication": False,
        "updated_at": render_time(team.created_at),
        "user": {"email": user.email, "id": user.id, "name": user.name},
    }


def render_transfer(transfer: AppTransfer, app: App, users: Mapping[str, User]) -> Json:
    owner, recipient = users[transfer.owner_id], users[transfer.recipient_id]
    return {
        "app": render_ref(app),
        "created_at": render_time(transfer.created_at),
        "id": transfer.id,
        "owner": {"email": owner.email, "id": owner.id},
        "recipient": {"email": recipient.email, "id": recipient.id},
        "state": transfer.state,
        "updated_at": render_time(transfer.updated_at),
    }
