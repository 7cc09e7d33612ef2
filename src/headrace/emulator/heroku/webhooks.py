"""The rules of webhooks: who hears of what, and when a delivery is tried again (contract §8)."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from headrace.emulator.kit.paging import Json
from headrace.emulator.render.addons import render_addon, render_attachment
from headrace.emulator.render.apps import render_app, render_collaborator, render_release
from headrace.emulator.render.dynos import read_size, render_domain, render_process
from headrace.emulator.world.change_feed import Change, Thing
from headrace.emulator.world.records import (
    Addon,
    App,
    Attachment,
    Collaborator,
    Delivery,
    Domain,
    Process,
    Release,
    Webhooks,
)
from headrace.protocol.webhooks import RETRIED_FOR

BASIC = "Basic"
LONGEST_DELAY = timedelta(hours=1)


def find_audience(change: Change) -> Iterable[Webhooks]:
    """Return whose subscriptions a change concerns: of its apps, and of the add-ons on them.

    An add-on hears of its own life and links, and of everything else about the apps that have it. How far Heroku
    goes is not documented.
    """
    if isinstance(change.thing, Addon):
        apps = {change.app.id: change.app} | {link.app.id: link.app for link in change.thing.attachments.values()}
        return [change.thing.webhooks, *(app.webhooks for app in apps.values())]
    if isinstance(change.thing, Attachment):
        return [change.thing.addon.webhooks, change.app.webhooks]
    attached = {link.addon.id: link.addon for link in change.app.attachments.values()}
    return [change.app.webhooks, *(addon.webhooks for addon in attached.values())]


def render_data(change: Change, url: str) -> tuple[Json, Json]:
    """Return the thing as the Platform API shows it, and what changed members were before."""
    entity = ENTITY_OF[type(change.thing)]
    data = entity.render(change.thing, change.app, url)
    before = data if change.before is None else entity.render(change.before, change.app, url)
    # The time of the change is no change, in Heroku's samples.
    return data, {name: value for name, value in before.items() if data.get(name) != value and name != "updated_at"}


def decide_next_attempt(delivery: Delivery, *, now: datetime, delay: timedelta) -> datetime | None:
    """Tell when a delivery that failed is tried again; None is never (contract §8.4)."""
    if delivery.subscription.level == "notify":
        return None
    seconds = delay.total_seconds() * 2.0 ** (delivery.attempt_count - 1)
    at = now + timedelta(seconds=min(seconds, LONGEST_DELAY.total_seconds()))
    return at if at <= delivery.event.created_at + RETRIED_FOR else None


def _render_attachment(attachment: Attachment, url: str) -> Json:
    """The address of the app's log is for the add-on alone, and not among the members that events have."""
    return {name: value for name, value in render_attachment(attachment, url).items() if name != "log_input_url"}


def _render_release(release: Release, app: App) -> Json:
    """Events have members that the Platform API has not: those of a Basic app's were seen, of no other."""
    shown = render_release(release, app)
    is_basic = all(read_size(process, app) == BASIC for process in app.formation.values())
    tier = {"process_tier": BASIC.lower()} if is_basic and app.generation == "cedar" else {}
    return shown | {"app": shown["app"] | tier, "pstable": {}, "stack": app.stack}


class Entity(msgspec.Struct, frozen=True):
    """What a kind of thing is to subscriptions, and how their events show it."""

    name: str
    render: Callable[[Any, App, str], Json]


ENTITY_OF: dict[type[Thing], Entity] = {
    Addon: Entity("api:addon", lambda addon, _app, url: render_addon(addon, url)),
    App: Entity("api:app", lambda app, _app, url: render_app(app, url)),
    Attachment: Entity("api:addon-attachment", lambda link, _app, url: _render_attachment(link, url)),
    Collaborator: Entity("api:collaborator", lambda collaborator, app, _url: render_collaborator(collaborator, app)),
    Domain: Entity("api:domain", lambda domain, app, _url: render_domain(domain, app)),
    Process: Entity("api:formation", lambda process, app, _url: render_process(process, app)),
    Release: Entity("api:release", lambda release, app, _url: _render_release(release, app)),
}
