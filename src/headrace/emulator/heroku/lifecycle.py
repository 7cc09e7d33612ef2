"""The life of an add-on as Heroku runs it: provision, plan change, deprovision (contract §1, §3)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.eligibility import check_install
from headrace.emulator.heroku.logs import put_drain
from headrace.emulator.heroku.partner import PartnerAnswer
from headrace.emulator.kit.errors import Declined, invalid, unavailable
from headrace.emulator.world.records import Addon, AddonService, App, Attachment, Plan, Team, User
from headrace.emulator.world.tokens import GRANT_LIFETIME, IssuedGrant
from headrace.models import Secret, State
from headrace.protocol.manifest import SYSLOG_DRAIN

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
        Declined: the app may not have it, or the partner refused or failed; the add-on is removed again.

    """
    addon = begin_provision(
        heroku, app, plan, options=options, name=name, attachment_name=attachment_name, addon_id=addon_id
    )
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


def begin_provision(
    heroku: Heroku,
    app: App,
    plan: Plan,
    *,
    options: dict[str, str] | None = None,
    name: str = "",
    attachment_name: str = "",
    addon_id: str = "",
) -> Addon:
    """Create an add-on that its partner has not heard of: `provision_body` is what it has to be sent.

    The partner may use its grant before it answers (contract §1.2), so all that the grant leads to stands.

    Raises:
        Declined: the app may not have it.

    """
    check_install(heroku, plan.service, app)
    addon_id = addon_id or str(uuid4())
    addon = heroku.registry.add_addon(
        app,
        plan,
        name=name or _find_free_name(heroku, plan.service.name, addon_id),
        attachment_name=attachment_name,
        addon_id=addon_id,
        options=options,
    )
    _issue_log_tokens(heroku, addon)
    addon.provision_body = heroku.partner.build_provision(addon, _issue_grant(heroku, addon))
    return addon


async def change_plan(heroku: Heroku, addon: Addon, plan: Plan) -> None:
    """Have the partner move an add-on to another plan, or to the one it has, which it takes as a no-op.

    Raises:
        Declined: it is another service's plan, or the partner refused or failed; the plan stays.

    """
    if addon.state is State.DEPROVISIONING:
        raise invalid(f"{addon.name} is being deprovisioned.")
    if plan.service is not addon.service:
        raise invalid(f"{plan.full_name} is not a plan of {addon.service.name}.")
    answer = await heroku.partner.change_plan(addon, plan.name)
    _require_success(answer, addon.service, "change the plan of")
    config = _read_config(answer.body or {}, addon.service)
    heroku.registry.change_plan(addon, plan, message=answer.message)
    if config:
        heroku.registry.set_addon_config(addon, dict(config))


async def deprovision(heroku: Heroku, addon: Addon) -> None:
    """Have the partner remove an add-on. A 404 or 410 is as good: there is nothing any more (contract §1.4).

    In the asynchronous beta a 202 only begins it, and the partner keeps its tokens until it is done.

    Raises:
        Declined: the partner refused or failed; the add-on stays.

    """
    if addon.state is State.DEPROVISIONING:
        return
    answer = await heroku.partner.deprovision(addon)
    if not answer.is_success and answer.status not in {404, 410}:
        raise _refuse(answer, addon.service, "deprovision", unavailable)
    if heroku.registry.addons.get(addon.id) is not addon:
        return
    if answer.status == 202 and heroku.switches.async_deprovision:
        heroku.registry.begin_removal(addon)
        _await_partner(heroku, addon, limit=heroku.switches.deprovision_limit)
    else:
        remove(heroku, addon)


async def destroy_app(heroku: Heroku, app: App) -> None:
    """Remove an app after its add-ons, which it does not wait for longer than for an answer.

    Raises:
        Declined: a partner refused or failed; the app stays.

    """
    for addon in list(app.addons.values()):
        await deprovision(heroku, addon)
        if addon.id in app.addons:
            remove(heroku, addon)
    heroku.registry.remove_app(app)


def detach(heroku: Heroku, attachment: Attachment, *, by: User | Team) -> None:
    """Take an attachment and its config vars from an app, which gets a release.

    Raises:
        Declined: it is the add-on's last one on its own app.

    """
    app, addon = attachment.app, attachment.addon
    if app is addon.app and len(addon.attachments) == 1:
        raise invalid("The last attachment of an add-on cannot be removed; destroy the add-on instead.")
    heroku.registry.detach(attachment)
    heroku.registry.cut_release(app, f"Detach {attachment.name} (@{addon.name})", user_id=by.id, email=by.email)


def remove(heroku: Heroku, addon: Addon) -> None:
    """Take an add-on away; its tokens die with it (contract §1.4)."""
    heroku.tokens.revoke(addon)
    heroku.rates.forget(addon.id)
    heroku.registry.remove_addon(addon)


def plan_deadlines(heroku: Heroku) -> None:
    """Plan the end of every add-on that waits for its partner; whose call was lost with a restart begins to wait."""
    for addon in heroku.registry.addons:
        if addon.deadline is not None:
            _plan_end(heroku, addon, addon.deadline)
        elif addon.state is State.PROVISIONING:
            _await_partner(heroku, addon, limit=heroku.switches.provision_limit)


def make_name(stem: str, uuid: str) -> str:
    """Service, adjective, number, as Heroku names add-ons and apps (contract §1.2)."""
    number = int(uuid[:8], 16)
    return f"{stem}-{ADJECTIVES[number % len(ADJECTIVES)]}-{10_000 + number % 90_000}"


def _issue_log_tokens(heroku: Heroku, addon: Addon) -> None:
    """Give what the manifest requires for logs; Fir apps have neither (contract §11)."""
    requires = addon.service.manifest.requires if addon.app.generation == "cedar" else ()
    addon.log_drain_token = Secret(f"d.{uuid4()}") if SYSLOG_DRAIN in requires else None
    addon.log_input_token = Secret(f"t.{uuid4()}") if heroku.switches.log_input_requirement in requires else None


def _issue_grant(heroku: Heroku, addon: Addon) -> IssuedGrant:
    path = urlsplit(addon.service.manifest.base_url).path
    is_over = heroku.faults.draw("to partner", "POST", path, {"expired_grant"})
    return heroku.tokens.issue_grant(addon, lifetime=timedelta(0) if is_over else GRANT_LIFETIME)


def _find_free_name(heroku: Heroku, stem: str, uuid: str) -> str:
    """Names are fewer than uuids, so that two of these may come to one of those."""
    name = make_name(stem, uuid)
    return name if name not in heroku.registry.addons else _find_free_name(heroku, stem, str(uuid4()))


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
    if isinstance(provider_id, int) and not isinstance(provider_id, bool):
        # It should be text; Heroku's first documents had numbers, and providers of then still answer so.
        provider_id = str(provider_id)
    if not isinstance(provider_id, str) or not provider_id:
        raise invalid(_generic("provision", addon.service), detail="The provider's answer has no id that is text.")
    config = _read_config(body, addon.service)
    _accept_drain(heroku, addon, body.get("log_drain_url"), is_later=answer.status == 202)
    heroku.registry.accept_provision(addon, provider_id=provider_id, message=answer.message)
    if answer.status != 202:
        heroku.registry.set_addon_config(addon, dict(config))
        heroku.registry.mark_provisioned(addon)
    elif addon.state == "provisioning":
        _await_partner(heroku, addon, limit=heroku.switches.provision_limit)


def _await_partner(heroku: Heroku, addon: Addon, *, limit: timedelta) -> None:
    """Give the partner its 12 hours (contract §1.4, §3)."""
    addon.deadline = heroku.clock.now() + limit
    _plan_end(heroku, addon, addon.deadline)


def _plan_end(heroku: Heroku, addon: Addon, deadline: datetime) -> None:
    """Remove an add-on when its deadline comes, unless it has none by then or a later one."""
    # By its id: what is gone by then is not kept until then.
    addon_id = addon.id

    def give_up() -> None:
        late = heroku.registry.addons.get(addon_id)
        if late is not None and late.deadline is not None and late.deadline <= heroku.clock.now():
            remove(heroku, late)

    heroku.agenda.add(deadline, give_up)


def _accept_drain(heroku: Heroku, addon: Addon, url: Any, *, is_later: bool) -> None:
    """Make the drain that the manifest requires; who provisions later may name it later (contract §1.2)."""
    if addon.log_drain_token is None or (url is None and is_later):
        return
    if not isinstance(url, str):
        detail = "The manifest requires syslog_drain, and the provider's answer has no log_drain_url that is text."
        raise invalid(_generic("provision", addon.service), detail=detail)
    put_drain(heroku.clock, addon, addon.log_drain_token.reveal(), url)


def _require_success(answer: PartnerAnswer, service: AddonService, verb: str) -> None:
    """Turn a refusal into what the customer reads: the partner's words with 422 and 503 only (contract §1.1)."""
    if answer.status in {422, 503}:
        raise _refuse(answer, service, verb, invalid)
    if answer.is_worth_repeating:
        raise unavailable(_generic(verb, service), detail=_describe(answer))
    if not answer.is_success or answer.body is None:
        raise invalid(_generic(verb, service), detail=_describe(answer))


def _refuse(answer: PartnerAnswer, service: AddonService, verb: str, decline: Callable[..., Declined]) -> Declined:
    """In the partner's words, which say why; without any, in general ones with what came beside them."""
    if answer.message:
        return decline(answer.message)
    return decline(_generic(verb, service), detail=_describe(answer))


def _describe(answer: PartnerAnswer) -> str:
    """Say what is wrong with an answer that is taken for none; what it holds may be secret and is not repeated."""
    if answer.status is None:
        return f"The provider gave no answer: {answer.error}."
    if answer.is_success:
        return f"The provider answered {answer.status}, and no JSON object with it."
    return f"The provider answered {answer.status}."


def _read_config(body: dict[str, Any], service: AddonService) -> dict[str, str]:
    """Return the config vars of an answer; an undeclared name or a value that is no text spoils it (contract §1.2)."""
    config = body.get("config") or {}
    if not isinstance(config, dict):
        raise invalid(_generic("configure", service), detail="The provider's config is no object.")
    odd = [name for name, value in config.items() if not isinstance(value, str)]
    if odd:
        raise invalid(_generic("configure", service), detail=f"The provider's value of {', '.join(odd)} is no text.")
    undeclared = service.manifest.find_undeclared(config)
    if undeclared:
        detail = f"The manifest does not declare {', '.join(undeclared)}, which the provider answered."
        raise invalid(_generic("configure", service), detail=detail)
    return config


def _generic(verb: str, service: AddonService) -> str:
    return f"Could not {verb} {service.manifest.name}. Please try again later."
