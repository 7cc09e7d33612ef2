"""Add-on services, plans, add-ons and attachments as the JSON objects of the Platform API (contract §6.4)."""

from collections.abc import Collection

from headrace.emulator.kit.paging import Json
from headrace.emulator.render.values import render_named, render_ref, render_time
from headrace.emulator.world.manifests import ATTACHABLE, MANY_PER_APP
from headrace.emulator.world.records import Addon, AddonService, App, Attachment, Plan


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


def render_addon(addon: Addon, url: str, *, expand: Collection[str] = ()) -> Json:
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
        "web_url": build_web_url(addon, addon.app, url),
    }
    return rendered | {"provision_message": addon.message} if addon.message else rendered


def render_config_var(item: tuple[str, str]) -> Json:
    name, value = item
    return {"name": name, "value": value}


def render_attachment(attachment: Attachment, url: str, *, include: Collection[str] = ()) -> Json:
    """`include` names what the CLI wants besides, in `Accept-Inclusion`."""
    addon = attachment.addon
    rendered: Json = {
        "addon": {"app": render_ref(addon.app), "id": addon.id, "name": addon.name},
        "app": render_ref(attachment.app),
        "created_at": render_time(attachment.created_at),
        "id": attachment.id,
        "log_input_url": addon.build_log_input_url(url),
        "name": attachment.name,
        "namespace": None,
        "updated_at": render_time(attachment.created_at),
        "web_url": build_web_url(addon, attachment.app, url),
    }
    if "addon:plan" in include:
        rendered["addon"]["plan"] = render_plan(addon.plan)
    if "config_vars" in include:
        rendered["config_vars"] = sorted(attachment.config_vars)
    return rendered


def build_web_url(addon: Addon, app: App, url: str) -> str | None:
    """The page that logs the customer in; it cannot stand at Heroku's path, where the API already is.

    A service whose manifest has no `sso_url` has none.
    """
    if not addon.service.manifest.sso_url:
        return None
    return f"{url}/sso/apps/{app.id}/addons/{addon.id}"


def _list_config_vars(addon: Addon) -> list[str]:
    """The names as they stand on the app that owns the add-on, whose attachment may rename them."""
    own = [attachment for attachment in addon.attachments.values() if attachment.app is addon.app]
    return sorted(own[0].rename(name) if own else name for name in addon.config)


def _price(plan: Plan) -> Json:
    return {"cents": plan.price_cents, "contract": False, "metered": False, "unit": "month"}
