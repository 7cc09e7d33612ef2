"""The life of an add-on as Heroku runs it: provision, plan change, deprovision (contract §1, §3)."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from headrace.emulator.errors import Declined, invalid, unavailable
from headrace.emulator.heroku import Heroku
from headrace.emulator.partner import PartnerAnswer
from headrace.emulator.records import Addon, AddonService, App, Plan
from headrace.emulator.tokens import GRANT_LIFETIME, IssuedGrant
from headrace.models import State

ADJECTIVES = ("amber", "brisk", "calm", "deep", "fluted", "keen", "mossy", "rugged", "silver", "tidy", "vivid", "wide")


async def provision(
    heroku: Heroku,
    app: App,
    plan: Plan,
    *,
    options: dict[str, str] | None = None,
    name: str = "",
    attachment_name: str = "",
    addon_id: str = "",
) -> Addon:
    """Create an add-on and have the partner provision it.

    Raises:
        Declined: the partner refused or failed; the add-on is removed again.

    """
    addon_id = addon_id or str(uuid4())
    addon = heroku.registry.add_addon(
        app,
        plan,
        name=name or make_name(plan.service.name, addon_id),
        attachment_name=attachment_name,
        addon_id=addon_id,
        options=options,
    )
    # The partner may use its grant before it answers (contract §1.2), so all of this stands by now.
    addon.provision_body = heroku.partner.build_provision(addon, _issue_grant(heroku, addon))
    answer = await _send_provision(heroku, addon)
    if heroku.registry.addons.get(addon.id) is not addon:
        raise invalid(f"{plan.service.name} gave up on this add-on.")
    try:
        _accept_provision(heroku, addon, answer)
    except Declined:
        remove(heroku, addon)
        if heroku.switches.delete_after_failure:
            await heroku.partner.deprovision(addon)
        raise
    return addon


async def change_plan(heroku: Heroku, addon: Addon, plan: Plan) -> None:
    """Have the partner move an add-on to another plan, or to the one it has, which it takes as a no-op.

    Raises:
        Declined: the partner refused or failed; the plan stays.

    """
    answer = await heroku.partner.change_plan(addon, plan.name)
    _require_success(answer, addon.service, "change the plan of")
    config = _read_config(answer.body or {}, addon.service)
    heroku.registry.change_plan(addon, plan)
    addon.message = answer.message
    if config:
        heroku.registry.set_addon_config(addon, dict(config))


async def deprovision(heroku: Heroku, addon: Addon) -> None:
    """Have the partner remove an add-on. A 404 or 410 is as good: there is nothing any more (contract §1.4).

    Raises:
        Declined: the partner refused or failed; the add-on stays.

    """
    answer = await heroku.partner.deprovision(addon)
    if not answer.is_success and answer.status not in {404, 410}:
        raise unavailable(answer.message or _generic("deprovision", addon.service))
    if heroku.registry.addons.get(addon.id) is addon:
        remove(heroku, addon)


async def destroy_app(heroku: Heroku, app: App) -> None:
    """Remove an app after its add-ons.

    Raises:
        Declined: a partner refused or failed; the app stays.

    """
    for addon in list(app.addons.values()):
        await deprovision(heroku, addon)
    heroku.registry.remove_app(app)


def remove(heroku: Heroku, addon: Addon) -> None:
    """Take an add-on away; its tokens die with it (contract §1.4)."""
    heroku.tokens.revoke(addon)
    heroku.registry.remove_addon(addon)


def plan_deadlines(heroku: Heroku) -> None:
    """Plan the end of every add-on that waits for its partner; whose call was lost with a restart begins to wait."""
    for addon in heroku.registry.addons:
        if addon.deadline is not None:
            _plan_end(heroku, addon, addon.deadline)
        elif addon.state is State.PROVISIONING:
            _await_partner(heroku, addon)


def make_name(stem: str, uuid: str) -> str:
    """Service, adjective, number, as Heroku names add-ons and apps (contract §1.2)."""
    number = int(uuid[:8], 16)
    return f"{stem}-{ADJECTIVES[number % len(ADJECTIVES)]}-{10_000 + number % 90_000}"


def _issue_grant(heroku: Heroku, addon: Addon) -> IssuedGrant:
    path = urlsplit(addon.service.manifest.base_url).path
    is_over = heroku.faults.draw("to partner", "POST", path, {"expired_grant"})
    return heroku.tokens.issue_grant(addon, lifetime=timedelta(0) if is_over else GRANT_LIFETIME)


async def _send_provision(heroku: Heroku, addon: Addon) -> PartnerAnswer:
    answer = await heroku.partner.provision(addon)
    for _ in range(heroku.switches.provision_retry_count):
        if not answer.is_worth_repeating:
            break
        answer = await heroku.partner.provision(addon)
    return answer


def _accept_provision(heroku: Heroku, addon: Addon, answer: PartnerAnswer) -> None:
    _require_success(answer, addon.service, "provision")
    body = answer.body or {}
    provider_id = body.get("id")
    if not isinstance(provider_id, str) or not provider_id:
        raise invalid(_generic("provision", addon.service))
    config = _read_config(body, addon.service)
    addon.provider_id = provider_id
    addon.message = answer.message
    if answer.status != 202:
        heroku.registry.set_addon_config(addon, dict(config))
        heroku.registry.mark_provisioned(addon)
    elif addon.state == "provisioning":
        _await_partner(heroku, addon)


def _await_partner(heroku: Heroku, addon: Addon) -> None:
    """Give the partner its 12 hours (contract §3)."""
    addon.deadline = heroku.clock.now() + heroku.switches.provision_limit
    _plan_end(heroku, addon, addon.deadline)


def _plan_end(heroku: Heroku, addon: Addon, deadline: datetime) -> None:
    """Remove an add-on when its deadline comes, unless it has none by then or a later one."""

    def give_up() -> None:
        if addon.deadline is not None and addon.deadline <= heroku.clock.now():
            remove(heroku, addon)

    heroku.agenda.add(deadline, give_up)


def _require_success(answer: PartnerAnswer, service: AddonService, verb: str) -> None:
    """Turn a refusal into what the customer reads: the partner's words with 422 and 503 only (contract §1.1)."""
    if answer.status in {422, 503}:
        raise invalid(answer.message or _generic(verb, service))
    if answer.is_worth_repeating:
        raise unavailable(_generic(verb, service))
    if not answer.is_success or answer.body is None:
        raise invalid(_generic(verb, service))


def _read_config(body: dict[str, Any], service: AddonService) -> dict[str, str]:
    """Return the config vars of an answer; an undeclared name or a value that is no text spoils it (contract §1.2)."""
    config = body.get("config") or {}
    if not isinstance(config, dict) or not all(isinstance(value, str) for value in config.values()):
        raise invalid(_generic("configure", service))
    if service.manifest.find_undeclared(config):
        raise invalid(_generic("configure", service))
    return config


def _generic(verb: str, service: AddonService) -> str:
    return f"Could not {verb} {service.manifest.name}. Please try again later."
