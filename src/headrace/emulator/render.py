"""Records as the JSON objects of the Platform API (contract §6.4, §7.1)."""

from collections.abc import Collection
from datetime import UTC, datetime

from headrace.emulator.eligibility import ATTACHABLE, MANY_PER_APP
from headrace.emulator.heroku import Heroku
from headrace.emulator.paging import Json
from headrace.emulator.records import (
    Addon,
    AddonService,
    App,
    Attachment,
    Collaborator,
    Coupling,
    LogDrain,
    Pipeline,
    Plan,
    Promotion,
    PromotionTarget,
    Release,
    Team,
    User,
)
from headrace.emulator.world import derive_id

PERMISSIONS = ("deploy", "manage", "operate", "view")


def render_time(at: datetime) -> str:
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


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
        "type": "team",
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


def render_app(app: App, heroku: Heroku) -> Json:
    team = {"id": app.owner.id, "name": app.owner.name} if isinstance(app.owner, Team) else None
    return {
        "acm": False,
        "archived_at": None,
        "build_stack": render_named("stack", app.build_stack),
        "buildpack_provided_description": None,
        "created_at": render_time(app.created_at),
        "generation": render_named("generation", app.generation),
        # A push must not leave this machine, so this is not the address at Heroku.
        "git_url": f"{heroku.url}/git/{app.name}.git",
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


def render_team_app(app: App, heroku: Heroku, *, reader: User | None) -> Json:
    """An app as Heroku lists those of a team, and those that a filter found; `reader` is the person who asks."""
    whole = render_app(app, heroku)
    shown = {name: value for name, value in whole.items() if name not in {"acm", "generation", "organization"}}
    is_joined = reader is not None and reader.id in app.collaborators
    return shown | {"joined": is_joined, "locked": False, "team": whole["team"] and {"name": whole["team"]["name"]}}


def render_release(release: Release, app: App) -> Json:
    return {
        "addon_plan_names": list(release.addon_plan_names),
        "app": render_ref(app),
        "artifacts": [],
        "created_at": render_time(release.created_at),
        "current": release is app.releases[-1],
        "description": release.description,
        "eligible_for_rollback": True,
        "id": release.id,
        "output_stream_url": None,
        "slug": None,
        "status": "succeeded",
        "updated_at": render_time(release.created_at),
        "user": {"email": release.email, "id": release.user_id},
        "version": release.version,
    }


def render_collaborator(collaborator: Collaborator, app: App) -> Json:
    return _access(app, collaborator.user, role="collaborator", since=collaborator.created_at)


def render_owner(app: App) -> Json:
    """The owner stands in the list of collaborators too (contract §6.4)."""
    return _access(app, app.owner, role="owner", since=app.created_at)


def render_pipeline(pipeline: Pipeline) -> Json:
    owner = pipeline.owner
    kind = "team" if isinstance(owner, Team) else "user"
    return {
        "created_at": render_time(pipeline.created_at),
        "generation": render_named("generation", pipeline.generation),
        "id": pipeline.id,
        "name": pipeline.name,
        "owner": {"id": owner.id, "type": kind} if owner else None,
        "updated_at": render_time(pipeline.updated_at),
    }


def render_coupling(coupling: Coupling, heroku: Heroku) -> Json:
    pipeline = {"id": coupling.pipeline.id}
    if heroku.switches.has_pipeline_name:
        pipeline["name"] = coupling.pipeline.name
    return {
        "app": {"id": coupling.app.id},
        "created_at": render_time(coupling.created_at),
        "id": coupling.id,
        "pipeline": pipeline,
        "stage": str(coupling.stage),
        "updated_at": render_time(coupling.updated_at),
    }


def render_promotion(promotion: Promotion) -> Json:
    return {
        "created_at": render_time(promotion.created_at),
        "id": promotion.id,
        "pipeline": {"id": promotion.pipeline.id},
        "source": {"app": {"id": promotion.source.id}, "release": {"id": promotion.release.id}},
        "status": "completed",
        "updated_at": render_time(promotion.created_at),
    }


def render_promotion_target(target: PromotionTarget, promotion: Promotion) -> Json:
    return {
        "app": {"id": target.app.id},
        "error_message": None,
        "id": target.id,
        "pipeline_promotion": {"id": promotion.id},
        "release": {"id": target.release.id},
        "status": "succeeded",
    }


def render_service(service: AddonService) -> Json:
    return {
        "cli_plugin_name": None,
        "created_at": render_time(service.created_at),
        "human_name": service.manifest.name,
        "id": service.id,
        "name": service.name,
        "state": "ga",
        "supported_generations": [render_named("generation", name) for name in service.generations],
        "supports_multiple_installations": MANY_PER_APP in service.manifest.requires,
        "supports_sharing": ATTACHABLE in service.manifest.requires,
        "updated_at": render_time(service.created_at),
    }


def render_plan(plan: Plan) -> Json:
    return {
        "addon_service": render_ref(plan.service),
        "compliance": None,
        "created_at": render_time(plan.created_at),
        "default": plan.is_default,
        "description": f"{plan.service.manifest.name} {plan.name}",
        "human_name": plan.name.replace("-", " ").title(),
        "id": plan.id,
        "installable_inside_private_network": True,
        "installable_outside_private_network": True,
        "name": plan.full_name,
        "price": _price(plan),
        "space_default": False,
        "state": "ga",
        "updated_at": render_time(plan.created_at),
        "visible": True,
    }


def render_addon(addon: Addon, heroku: Heroku, *, expand: Collection[str] = ()) -> Json:
    """`expand` names the members to show whole, as the CLI asks in `Accept-Expansion`."""
    rendered = {
        "actions": [],
        "addon_service": render_service(addon.service) if "addon_service" in expand else render_ref(addon.service),
        "app": render_ref(addon.app),
        "billed_price": {"cents": addon.plan.price_cents, "contract": False, "unit": "month"},
        "billing_entity": {**render_ref(addon.app), "type": "app"},
        "config_vars": _list_config_vars(addon),
        "created_at": render_time(addon.created_at),
        "id": addon.id,
        "name": addon.name,
        "plan": render_plan(addon.plan) if "plan" in expand else {"id": addon.plan.id, "name": addon.plan.full_name},
        "provider_id": addon.provider_id,
        "state": str(addon.state),
        "updated_at": render_time(addon.updated_at),
        "web_url": build_web_url(addon, addon.app, heroku),
    }
    return rendered | {"provision_message": addon.message} if addon.message else rendered


def render_config_var(item: tuple[str, str]) -> Json:
    name, value = item
    return {"name": name, "value": value}


def render_attachment(attachment: Attachment, heroku: Heroku, *, include: Collection[str] = ()) -> Json:
    """`include` names what the CLI wants besides, in `Accept-Inclusion`."""
    addon = attachment.addon
    rendered: Json = {
        "addon": {"app": render_ref(addon.app), "id": addon.id, "name": addon.name},
        "app": render_ref(attachment.app),
        "created_at": render_time(attachment.created_at),
        "id": attachment.id,
        "log_input_url": addon.build_log_input_url(heroku.url),
        "name": attachment.name,
        "namespace": None,
        "updated_at": render_time(attachment.created_at),
        "web_url": build_web_url(addon, attachment.app, heroku),
    }
    if "addon:plan" in include:
        rendered["addon"]["plan"] = render_plan(addon.plan)
    if "config_vars" in include:
        rendered["config_vars"] = sorted(attachment.config_vars)
    return rendered


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


def build_web_url(addon: Addon, app: App, heroku: Heroku) -> str:
    """The page that logs the customer in; it cannot stand at Heroku's path, where the API already is."""
    return f"{heroku.url}/sso/apps/{app.id}/addons/{addon.id}"


def _list_config_vars(addon: Addon) -> list[str]:
    """The names as they stand on the app that owns the add-on, whose attachment may rename them."""
    own = [attachment for attachment in addon.attachments.values() if attachment.app is addon.app]
    return sorted(own[0].rename(name) if own else name for name in addon.config)


def _access(app: App, person: User | Team, *, role: str, since: datetime) -> Json:
    return {
        "app": render_ref(app),
        "created_at": render_time(since),
        "id": derive_id("collaborator", f"{app.id}:{person.id}"),
        "permissions": [render_permission(name) for name in PERMISSIONS],
        "role": role,
        "updated_at": render_time(since),
        "user": {"email": person.email, "federated": False, "id": person.id},
    }


def render_permission(name: str) -> Json:
    return {"description": f"Can {name} the app.", "name": name}


def _price(plan: Plan) -> Json:
    return {"cents": plan.price_cents, "contract": False, "metered": False, "unit": "month"}


def render_ref(thing: App | AddonService) -> Json:
    return {"id": thing.id, "name": thing.name}


def render_named(kind: str, name: str) -> Json:
    return {"id": derive_id(kind, name), "name": name}
