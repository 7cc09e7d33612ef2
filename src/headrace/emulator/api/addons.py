"""Platform API: add-on services and plans, add-ons, their config, actions and attachments."""

import re
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, Partner, created, listing, read_reference
from headrace.emulator.heroku.eligibility import check_attachment
from headrace.emulator.heroku.lifecycle import change_plan, deprovision, detach, provision, remove
from headrace.emulator.heroku.scopes import UserScope, find_addons, find_attachments
from headrace.emulator.heroku.sso import build_form, require_login
from headrace.emulator.kit.errors import Declined, invalid, not_found
from headrace.emulator.render.addons import (
    render_addon,
    render_attachment,
    render_config_var,
    render_plan,
    render_service,
)
from headrace.emulator.world.records import Addon, App, Attachment
from headrace.models import State

# The schema's; that of attachments is what config vars are written with.
ADDON_NAME = re.compile(r"[a-zA-Z][A-Za-z0-9_-]+")
ATTACHMENT_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def list_services(call: Call) -> ApiAnswer:
    return listing(call.registry.addon_services, render_service, by=("id", "name"))


def show_service(call: Call) -> ApiAnswer:
    return ApiAnswer(body=render_service(call.service()))


def list_plans(call: Call) -> ApiAnswer:
    return listing(call.service().plans.values(), render_plan, by=("id", "name"))


def show_plan(call: Call) -> ApiAnswer:
    """By service and plan, the latter with or without its prefix; or by plan alone."""
    key = call.part("plan")
    if "service" in call.request.path_params and ":" not in key and key not in call.registry.plans:
        key = f"{call.service().name}:{key}"
    return ApiAnswer(body=render_plan(call.plan(key)))


async def create_addon(call: Call) -> ApiAnswer:
    """`config` in the body is what the customer typed after the plan; it reaches the partner as `options`."""
    app, body = call.app(), call.body()
    attachment_name = _read_attachment_name(body.get("attachment"))
    name = _read_name(body.get("name"))
    plan, options = call.plan(call.text("plan")), _read_options(body.get("config"))
    replaced = _make_room(call, app, attachment_name)
    try:
        addon = await provision(call.heroku, app, plan, options=options, name=name, attachment_name=attachment_name)
    except Declined:
        if replaced is not None:
            call.registry.attach(replaced, app, attachment_name)
        raise
    return created(_render(call, addon))


def list_addons(call: Call) -> ApiAnswer:
    return _list(call, find_addons(call.scope))


def list_user_addons(call: Call) -> ApiAnswer:
    person, addons = call.person(), find_addons(call.scope)
    return _list(call, [addon for addon in addons if person is None or UserScope(person).can_see_addon(addon)])


def list_app_addons(call: Call) -> ApiAnswer:
    """The add-ons attached to an app, those of other apps included."""
    app = call.app()
    found = {attachment.addon.id: attachment.addon for attachment in app.attachments.values()} | app.addons
    return _list(call, [addon for addon in found.values() if call.scope.can_see_addon(addon)])


def list_team_addons(call: Call) -> ApiAnswer:
    return _list(call, [addon for app in call.team().apps.values() for addon in app.addons.values()])


def show_addon(call: Call) -> ApiAnswer:
    return ApiAnswer(body=_render(call, call.addon()))


def show_app_addon(call: Call) -> ApiAnswer:
    return ApiAnswer(body=_render(call, call.addon_on_app()))


async def update_addon(call: Call) -> ApiAnswer:
    """Change the plan, the name, or both; a bare plan belongs to the add-on's own service."""
    addon, body = call.addon_on_app(), call.body()
    name, plan_key = _read_name(body.get("name")), read_reference(body.get("plan"))
    if not name and not plan_key:
        raise invalid("plan is required.")
    if plan_key:
        await _change_plan(call, addon, plan_key)
    if name:
        call.registry.rename_addon(addon, name)
    return ApiAnswer(body=_render(call, addon))


async def delete_addon(call: Call) -> ApiAnswer:
    """One that other apps use too goes only with `force`, as the CLI's flag of that name says."""
    addon = call.addon_on_app()
    others = sorted({link.app.name for link in addon.attachments.values() if link.app is not addon.app})
    if others and call.body().get("force") is not True:
        raise invalid(f"{addon.name} is attached to {', '.join(others)} too; use force to destroy it all the same.")
    # Its config vars are part of the answer and gone after it.
    body = _render(call, addon)
    await deprovision(call.heroku, addon)
    return ApiAnswer(body=body | {"state": str(addon.state)})


def resolve_addons(call: Call) -> ApiAnswer:
    found = _resolve(call, call.text("addon"))
    service = read_reference(call.body().get("addon_service"))
    matching = [addon for addon in found if service in {"", addon.service.name, addon.service.id}]
    if not matching:
        raise not_found("add on")
    return _list(call, matching)


def show_config(call: Call) -> ApiAnswer:
    return _list_config(call.addon())


def update_config(call: Call) -> ApiAnswer:
    """Merge by name, null removes; the whole set is the answer (contract §6.4)."""
    addon = call.own_addon()
    call.registry.set_addon_config(addon, _read_config(call.body().get("config")))
    return _list_config(addon)


def mark_provisioned(call: Call) -> ApiAnswer:
    addon = call.own_addon()
    call.registry.mark_provisioned(addon)
    return ApiAnswer(body=_render(call, addon))


def mark_deprovisioned(call: Call) -> ApiAnswer:
    addon = call.own_addon()
    body = _render(call, addon)
    remove(call.heroku, addon)
    return ApiAnswer(body=body | {"state": str(State.DEPROVISIONED)})


def show_sso(call: Call) -> ApiAnswer:
    """The login form as JSON, for the CLI's kind of client (contract §4.1)."""
    addon, app = call.addon_on_app(), call.app()
    require_login(app, call.user)
    form = build_form(call.heroku, addon, call.user, app=app)
    return ApiAnswer(body={"action": addon.service.manifest.sso_url, "method": "post", "params": form})


def list_attachments(call: Call) -> ApiAnswer:
    return _list_attachments(call, find_attachments(call.scope))


def list_app_attachments(call: Call) -> ApiAnswer:
    return _list_attachments(call, _find_visible(call, call.app().attachments))


def list_addon_attachments(call: Call) -> ApiAnswer:
    return _list_attachments(call, _find_visible(call, call.addon().attachments))


def show_app_attachment(call: Call) -> ApiAnswer:
    app, key = call.app(), call.part("attachment")
    attachment = app.attachments.get(key) or call.registry.attachments.get(key)
    if attachment is None or attachment.app is not app or not _can_see(call, attachment):
        raise not_found("add-on attachment")
    return ApiAnswer(body=render_attachment(attachment, call.heroku.url))


def create_attachment(call: Call) -> ApiAnswer:
    addon, app = call.addon(call.text("addon")), call.app(call.text("app"))
    check_attachment(call.heroku, addon, app)
    name = _read_attachment_name(call.body().get("name"))
    _make_room(call, app, name)
    attachment = call.registry.attach(addon, app, name)
    user = call.user
    call.registry.cut_release(app, f"Attach {attachment.name} (@{addon.name})", user_id=user.id, email=user.email)
    return created(render_attachment(attachment, call.heroku.url))


def delete_attachment(call: Call) -> ApiAnswer:
    attachment = call.registry.attachments.get(call.part("attachment"))
    if attachment is None or not _can_see(call, attachment):
        raise not_found("add-on attachment")
    detach(call.heroku, attachment, by=call.user)
    return ApiAnswer(body=render_attachment(attachment, call.heroku.url))


def resolve_attachments(call: Call) -> ApiAnswer:
    body = call.body()
    key = read_reference(body.get("addon_attachment"))
    if not key:
        raise invalid("addon_attachment is required.")
    links = _apps_attachments(call, read_reference(body.get("app")))
    found = [link for link in links if key in {link.id, link.name, f"{link.app.name}::{link.name}"}]
    if not found:
        raise not_found("add-on attachment")
    return _list_attachments(call, found)


ENDPOINTS = (
    Endpoint("GET", "/teams/{team}/addons", list_team_addons),
    Endpoint("GET", "/users/{user}/addons", list_user_addons, Partner.YES),
    Endpoint("GET", "/addon-services", list_services, Partner.YES),
    Endpoint("GET", "/addon-services/{service}", show_service, Partner.YES),
    Endpoint("GET", "/addon-services/{service}/plans", list_plans, Partner.YES),
    Endpoint("GET", "/addon-services/{service}/plans/{plan}", show_plan, Partner.YES),
    Endpoint("GET", "/plans/{plan}", show_plan, Partner.YES),
    Endpoint("GET", "/addons", list_addons, Partner.YES),
    Endpoint("GET", "/addons/{addon}", show_addon, Partner.YES),
    Endpoint("GET", "/addons/{addon}/config", show_config, Partner.YES),
    Endpoint("PATCH", "/addons/{addon}/config", update_config, Partner.YES),
    Endpoint("POST", "/addons/{addon}/actions/provision", mark_provisioned, Partner.YES),
    Endpoint("POST", "/addons/{addon}/actions/deprovision", mark_deprovisioned, Partner.YES),
    Endpoint("GET", "/addons/{addon}/addon-attachments", list_addon_attachments, Partner.YES),
    Endpoint("GET", "/apps/{app}/addons", list_app_addons, Partner.YES),
    Endpoint("POST", "/apps/{app}/addons", create_addon),
    Endpoint("GET", "/apps/{app}/addons/{addon}", show_app_addon, Partner.YES),
    Endpoint("PATCH", "/apps/{app}/addons/{addon}", update_addon),
    Endpoint("DELETE", "/apps/{app}/addons/{addon}", delete_addon),
    Endpoint("GET", "/apps/{app}/addons/{addon}/sso", show_sso),
    Endpoint("POST", "/actions/addons/resolve", resolve_addons),
    Endpoint("POST", "/actions/addon-attachments/resolve", resolve_attachments),
    Endpoint("GET", "/addon-attachments", list_attachments),
    Endpoint("POST", "/addon-attachments", create_attachment),
    Endpoint("DELETE", "/addon-attachments/{attachment}", delete_attachment),
    Endpoint("GET", "/apps/{app}/addon-attachments", list_app_attachments, Partner.YES),
    Endpoint("GET", "/apps/{app}/addon-attachments/{attachment}", show_app_attachment, Partner.YES),
)


def _read_name(value: Any) -> str:
    """An add-on's name, or none (pattern of the schema)."""
    name = read_reference(value)
    if name and not ADDON_NAME.fullmatch(name):
        raise invalid("Name must start with a letter and can only contain letters, digits, underscores and dashes.")
    return name


def _read_attachment_name(value: Any) -> str:
    """An attachment's name becomes the beginning of config vars, so that it is written as those are."""
    name = read_reference(value)
    if name and not ATTACHMENT_NAME.fullmatch(name):
        raise invalid("Attachment name must start with a letter and can only contain uppercase letters, digits and _.")
    return name


def _make_room(call: Call, app: App, name: str) -> Addon | None:
    """Take a name from the attachment that has it, if the customer has confirmed that with the app's name (§9)."""
    taken = app.attachments.get(name)
    if taken is None:
        return None
    if read_reference(call.body().get("confirm")) != app.name:
        message = f"{name} is {taken.addon.name} on {app.name} already. Confirm with the app's name to replace it."
        raise Declined(423, "confirmation_required", message)
    detach(call.heroku, taken, by=call.user)
    return taken.addon


def _list(call: Call, addons: Iterable[Addon]) -> ApiAnswer:
    return listing(addons, lambda addon: _render(call, addon), by=("id", "name"))


def _list_config(addon: Addon) -> ApiAnswer:
    return listing(addon.config.items(), render_config_var, by={"name": itemgetter(0)})


def _render(call: Call, addon: Addon) -> dict[str, Any]:
    return render_addon(addon, call.heroku.url, expand=call.header_words("accept-expansion"))


async def _change_plan(call: Call, addon: Addon, key: str) -> None:
    await change_plan(call.heroku, addon, addon.service.plans.get(key) or call.plan(key))


def _read_options(value: Any) -> dict[str, str]:
    """Options are text at the partner, whatever the customer's client sent (contract §1.2)."""
    if value is not None and not isinstance(value, dict):
        raise invalid("config has to be an object.")
    return {name: _as_text(option) for name, option in (value or {}).items()}


def _as_text(option: Any) -> str:
    return str(option).lower() if isinstance(option, bool) else str(option)


def _read_config(value: Any) -> dict[str, str | None]:
    if not isinstance(value, list):
        raise invalid("config is required.")
    changes: dict[str, str | None] = {}
    for item in value:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or not isinstance(item.get("value"), str | None):
            raise invalid("config has to be a list of objects with name and value.")
        changes[name] = item.get("value")
    return changes


def _resolve(call: Call, key: str) -> list[Addon]:
    """Find by id, name, attachment or service, on one app or on all that the caller sees."""
    app_key = read_reference(call.body().get("app"))
    addon = call.registry.addons.find(key)
    if addon is not None:
        is_there = not app_key or any(link.app is call.app(app_key) for link in addon.attachments.values())
        return [addon] if is_there and call.scope.can_see_addon(addon) else []
    links = _apps_attachments(call, app_key)
    named = [link for link in links if key in {link.name, f"{link.app.name}::{link.name}", link.addon.service.name}]
    return list({link.addon.id: link.addon for link in named}.values())


def _apps_attachments(call: Call, app_key: str) -> Iterable[Attachment]:
    if app_key:
        return _find_visible(call, call.app(app_key).attachments)
    return find_attachments(call.scope)


def _find_visible(call: Call, attachments: Mapping[str, Attachment]) -> list[Attachment]:
    return [attachment for attachment in attachments.values() if _can_see(call, attachment)]


def _can_see(call: Call, attachment: Attachment) -> bool:
    return call.scope.can_see_app(attachment.app) and call.scope.can_see_addon(attachment.addon)


def _list_attachments(call: Call, attachments: Iterable[Attachment]) -> ApiAnswer:
    include = call.header_words("accept-inclusion")
    return listing(attachments, lambda link: render_attachment(link, call.heroku.url, include=include))
