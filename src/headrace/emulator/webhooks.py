"""The rules of webhooks: who hears of what, and when a delivery is tried again (contract §8)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from headrace.emulator.changes import Change, Thing
from headrace.emulator.heroku import Heroku
from headrace.emulator.paging import Json
from headrace.emulator.records import Addon, App, Attachment, Collaborator, Delivery, Domain, Process, Release, Webhooks
from headrace.emulator.render import (
    render_addon,
    render_app,
    render_attachment,
    render_collaborator,
    render_release,
)
from headrace.emulator.render_runtime import render_domain, render_process
from headrace.protocol.webhooks import RETRIED_FOR

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


def render_data(change: Change, heroku: Heroku) -> tuple[Json, Json]:
    """Return the thing as the Platform API shows it, and what changed members were before."""
    entity = ENTITY_OF[type(change.thing)]
    data = entity.render(change.thing, change.app, heroku)
    before = data if change.before is None else entity.render(change.before, change.app, heroku)
    # The time of the change is no change, in Heroku's samples.
    return data, {name: value for name, value in before.items() if data.get(name) != value and name != "updated_at"}


def decide_next_attempt(delivery: Delivery, *, now: datetime, delay: timedelta) -> datetime | None:
    """Tell when a delivery that failed is tried again; None is never (contract §8.4)."""
    if delivery.subscription.level == "notify":
        return None
    seconds = delay.total_seconds() * 2.0 ** (delivery.attempt_count - 1)
    at = now + timedelta(seconds=min(seconds, LONGEST_DELAY.total_seconds()))
    return at if at <= delivery.event.created_at + RETRIED_FOR else None


def _render_attachment(attachment: Attachment, heroku: Heroku) -> Json:
    """The address of the app's log is for the add-on alone, and not among the members that events have."""
    return {name: value for name, value in render_attachment(attachment, heroku).items() if name != "log_input_url"}


@dataclass(frozen=True, slots=True)
class Entity:
    """What a kind of thing is to subscriptions, and how their events show it."""

    name: str
    render: Callable[[Any, App, Heroku], Json]


ENTITY_OF: dict[type[Thing], Entity] = {
    Addon: Entity("api:addon", lambda addon, _app, heroku: render_addon(addon, heroku)),
    App: Entity("api:app", lambda app, _app, heroku: render_app(app, heroku)),
    Attachment: Entity("api:addon-attachment", lambda link, _app, heroku: _render_attachment(link, heroku)),
    Collaborator: Entity("api:collaborator", lambda collaborator, app, _heroku: render_collaborator(collaborator, app)),
    Domain: Entity("api:domain", lambda domain, app, _heroku: render_domain(domain, app)),
    Process: Entity("api:formation", lambda process, app, _heroku: render_process(process, app)),
    Release: Entity("api:release", lambda release, app, _heroku: render_release(release, app)),
}
