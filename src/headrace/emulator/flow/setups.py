"""An app after its app.json: config vars, add-ons, and the release that it runs when all of them are there."""

from typing import Any
from uuid import uuid4

from headrace.emulator.flow.app_json import AddonWish, AppJson, AppJsonError, Environment, read_app_json
from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.lifecycle import destroy_app, provision
from headrace.emulator.kit.catalogue import REGIONS
from headrace.emulator.kit.errors import Declined, invalid
from headrace.emulator.world.dynos import scale
from headrace.emulator.world.flow import AppSetup
from headrace.emulator.world.records import AddonService, App, Plan
from headrace.models import State


def begin_setup(heroku: Heroku, app: App) -> AppSetup:
    now = heroku.clock.now()
    setup = AppSetup(id=str(uuid4()), app=app, created_at=now, updated_at=now)
    heroku.flow.setups[setup.id] = setup
    heroku.flow.setups_by_app[app.id] = setup
    return setup


async def carry_out(
    heroku: Heroku, setup: AppSetup, written: dict[str, Any], environment: Environment, config: dict[str, str]
) -> AppJson | None:
    """Set config vars and ask for every add-on, one after the other; None when it failed.

    `config` goes before what app.json says. What was begun goes when something fails, and the app with it.
    """
    try:
        wanted = _read(written, environment, config)
        setup.app.config |= {**wanted.env, **config}
        for wish in wanted.addons:
            if heroku.registry.apps.get(setup.app.id) is not setup.app:
                return None
            addon = await provision(
                heroku,
                setup.app,
                find_wished_plan(heroku, setup.app, wish, is_short_lived=bool(environment)),
                options=dict(wish.options),
                attachment_name=wish.attachment_name,
            )
            setup.addon_ids.append(addon.id)
    except Declined as declined:
        await fail(heroku, setup, " ".join(filter(None, [declined.message, declined.detail])))
        return None
    except AppJsonError as error:
        setup.manifest_errors = tuple(error.problems)
        await fail(heroku, setup, "The app.json cannot be used.")
        return None
    setup.is_asked = True
    return wanted


def is_ready(heroku: Heroku, setup: AppSetup) -> bool:
    """Whether every add-on is provisioned, for which Heroku waits before it builds."""
    addons = [heroku.registry.addons.get(addon_id) for addon_id in setup.addon_ids]
    return setup.is_asked and all(addon is not None and addon.state is State.PROVISIONED for addon in addons)


def finish(heroku: Heroku, setup: AppSetup) -> None:
    """Let the app run: its first release with code, which here is none."""
    app, now = setup.app, heroku.clock.now()
    scale(app, {"web": 1}, at=now)
    heroku.registry.cut_release(app, "Deploy", user_id=app.owner.id, email=app.owner.email)
    setup.status, setup.updated_at = "succeeded", now


async def fail(heroku: Heroku, setup: AppSetup, message: str) -> None:
    """End a setup for a reason; its app and the add-ons that it has are taken away."""
    if setup.status != "pending":
        return
    setup.status, setup.failure_message, setup.updated_at = "failed", message, heroku.clock.now()
    if heroku.registry.apps.get(setup.app.id) is setup.app:
        await destroy_app(heroku, setup.app)


def find_wished_plan(heroku: Heroku, app: App, wish: AddonWish, *, is_short_lived: bool) -> Plan:
    """Return the plan of an add-on that app.json names (contract §7.6).

    A short-lived app gets the plan that the service has for such apps, whatever plan app.json names.

    Raises:
        Declined: this world has no such service, or it no such plan.

    """
    service = heroku.registry.addon_services.find(wish.service)
    if service is None:
        raise invalid(f"This world has no add-on service {wish.service}, which the app.json names.")
    if is_short_lived:
        plan = find_short_lived_plan(service, is_private=REGIONS[app.region].is_private)
    else:
        plan = service.plans.get(wish.plan) if wish.plan else service.default_plan
    if plan is None:
        raise invalid(f'Couldn\'t find either the add-on service or the add-on plan of "{wish.service}:{wish.plan}".')
    return plan


def find_short_lived_plan(service: AddonService, *, is_private: bool) -> Plan | None:
    """Return a service's plan for review and CI apps: its own for where they stand, or the service's default."""
    name = service.private_short_lived_plan if is_private else service.short_lived_plan
    cheapest = min(service.plans.values(), key=lambda plan: plan.price_cents, default=None)
    return service.plans.get(name) or service.default_plan or cheapest


def _read(written: dict[str, Any], environment: Environment, config: dict[str, str]) -> AppJson:
    wanted = read_app_json(written, environment)
    missing = [name for name in wanted.required if name not in config]
    if missing and not environment:
        raise AppJsonError([f"env, {name}: is required and has no value." for name in missing])
    return wanted
