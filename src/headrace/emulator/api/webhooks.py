"""Platform API: webhook subscriptions of apps and add-ons, their deliveries and events (contract §8)."""

import secrets
from operator import attrgetter
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from headrace.emulator.api.call import ApiAnswer, Call, Endpoint, Partner, listing
from headrace.emulator.heroku.deliveries import end_subscription, may_deliver
from headrace.emulator.kit.errors import forbidden, invalid, not_found
from headrace.emulator.render.webhooks import render_delivery, render_event, render_subscription
from headrace.emulator.world.records import Addon, App, Subscription
from headrace.models import Secret
from headrace.protocol.webhooks import ENTITIES, EXTRA_ENTITIES

APP_LIMIT = 10
SECRET_HEADER = "Heroku-Webhook-Secret"
# Real clients sort by `seq`.
KEYS = {"id": attrgetter("id"), "seq": attrgetter("number")}


def list_webhooks(call: Call) -> ApiAnswer:
    owner = _find_owner(call)
    return listing(owner.webhooks.subscriptions.values(), lambda found: render_subscription(found, owner))


def show_webhook(call: Call) -> ApiAnswer:
    owner = _find_owner(call)
    return ApiAnswer(body=render_subscription(_find_subscription(call, owner), owner))


def create_webhook(call: Call) -> ApiAnswer:
    """Subscribe; without a secret Heroku makes one, and shows it in this answer only (contract §8.2)."""
    owner, body = _find_owner(call), call.body()
    for name in ("include", "level", "url"):
        if body.get(name) is None:
            raise invalid(f"{name} is required.")
    limit = APP_LIMIT if isinstance(owner, App) else call.heroku.switches.addon_webhook_limit
    if len(owner.webhooks.subscriptions) >= limit:
        raise invalid(f"{owner.name} has reached the limit of {limit} webhooks.")
    at = call.heroku.clock.now()
    members = _read_members(call, {"secret": None, "authorization": None} | body)
    subscription = Subscription(id=str(uuid4()), created_at=at, updated_at=at, **members)
    _check_credentials(subscription.url, subscription.authorization)
    owner.webhooks.subscriptions[subscription.id] = subscription
    headers = {} if body.get("secret") else _show_secret(subscription)
    return ApiAnswer(body=render_subscription(subscription, owner), status=201, headers=headers)


def update_webhook(call: Call) -> ApiAnswer:
    """Change any of the members that a subscription is made of. A secret of null asks for a new one."""
    owner, body = _find_owner(call), call.body()
    subscription = _find_subscription(call, owner)
    members = _read_members(call, body)
    _check_credentials(members.get("url", subscription.url), members.get("authorization", subscription.authorization))
    for name, value in members.items():
        setattr(subscription, name, value)
    subscription.updated_at = call.heroku.clock.now()
    is_new = "secret" in body and body["secret"] is None
    headers = _show_secret(subscription) if is_new else {}
    return ApiAnswer(body=render_subscription(subscription, owner), headers=headers)


def delete_webhook(call: Call) -> ApiAnswer:
    owner = _find_owner(call)
    subscription = _find_subscription(call, owner)
    end_subscription(owner.webhooks, subscription)
    return ApiAnswer(body=render_subscription(subscription, owner))


def list_deliveries(call: Call) -> ApiAnswer:
    deliveries = _find_owner(call).webhooks.deliveries.values()
    status = call.request.query_params.get("eq[status]")
    found = [delivery for delivery in deliveries if status in {None, delivery.status}]
    return listing(found, render_delivery, by=KEYS)


def show_delivery(call: Call) -> ApiAnswer:
    delivery = _find_owner(call).webhooks.deliveries.get(call.part("delivery"))
    if delivery is None:
        raise not_found("webhook delivery")
    return ApiAnswer(body=render_delivery(delivery))


def list_events(call: Call) -> ApiAnswer:
    return listing(_find_owner(call).webhooks.events.values(), render_event, by=KEYS)


def show_event(call: Call) -> ApiAnswer:
    event = _find_owner(call).webhooks.events.get(call.part("event"))
    if event is None:
        raise not_found("webhook event")
    return ApiAnswer(body=render_event(event))


def _list_endpoints(owner: str, partner: Partner) -> tuple[Endpoint, ...]:
    """Apps and add-ons have the same ones."""
    return (
        Endpoint("GET", f"{owner}/webhooks", list_webhooks, partner),
        Endpoint("POST", f"{owner}/webhooks", create_webhook, partner),
        Endpoint("GET", f"{owner}/webhooks/{{webhook}}", show_webhook, partner),
        Endpoint("PATCH", f"{owner}/webhooks/{{webhook}}", update_webhook, partner),
        Endpoint("DELETE", f"{owner}/webhooks/{{webhook}}", delete_webhook, partner),
        Endpoint("GET", f"{owner}/webhook-deliveries", list_deliveries, partner),
        Endpoint("GET", f"{owner}/webhook-deliveries/{{delivery}}", show_delivery, partner),
        Endpoint("GET", f"{owner}/webhook-events", list_events, partner),
        Endpoint("GET", f"{owner}/webhook-events/{{event}}", show_event, partner),
    )


ENDPOINTS = (
    *_list_endpoints("/apps/{app}", Partner.NO),
    *_list_endpoints("/addons/{addon}", Partner.YES),
)


def _find_owner(call: Call) -> App | Addon:
    """The app or add-on of the path; of add-ons a partner reaches its own only (contract §6.1)."""
    if "app" in call.request.path_params:
        return call.app()
    return call.addon() if call.scope.addon is None else call.own_addon()


def _find_subscription(call: Call, owner: App | Addon) -> Subscription:
    subscription = owner.webhooks.subscriptions.get(call.part("webhook"))
    if subscription is None:
        raise not_found("webhook")
    return subscription


def _read_members(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """Return what a body says of a subscription, checked; the rest of it is ignored."""
    readers = {
        "include": lambda value: _read_include(call, value),
        "level": _read_level,
        "url": lambda value: _read_url(call, value),
        "secret": _read_secret,
        "authorization": _read_authorization,
    }
    return {name: read(body[name]) for name, read in readers.items() if name in body}


def _read_include(call: Call, value: Any) -> tuple[str, ...]:
    """Return the entities; those of things that the emulator does not have are taken and stay silent."""
    if not isinstance(value, list) or not value or not all(isinstance(entity, str) for entity in value):
        raise invalid("include has to be a list of entities.")
    unknown = [entity for entity in value if entity not in ENTITIES]
    if unknown:
        raise invalid(f"include: {', '.join(unknown)} is not among {', '.join(sorted(ENTITIES))}.")
    extra = [entity for entity in value if entity in EXTRA_ENTITIES]
    if extra and call.scope.addon is not None and not call.heroku.switches.extras_allowed:
        raise forbidden(f"This add-on may not subscribe to {', '.join(extra)}.")
    return tuple(dict.fromkeys(value))


def _read_level(value: Any) -> str:
    if not isinstance(value, str) or value not in {"notify", "sync"}:
        raise invalid("level has to be notify or sync.")
    return value


def _read_url(call: Call, value: Any) -> str:
    if not isinstance(value, str) or not _is_web_address(value):
        raise invalid("url has to be an http or https URL.")
    if not may_deliver(call.heroku, value):
        raise invalid("url: webhooks go to this machine only; the switch foreign_webhooks lets them out.")
    return value


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").encode("idna"), parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(host) and port != 0


def _read_secret(value: Any) -> Secret:
    if value is None:
        return Secret(secrets.token_hex(32))
    return Secret(_require_line(value, "secret"))


def _read_authorization(value: Any) -> Secret | None:
    return None if value is None else Secret(_require_line(value, "authorization"))


def _require_line(value: Any, name: str) -> str:
    """Return text that may stand in a header."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise invalid(f"{name} has to be a line of text.")
    return value


def _check_credentials(url: str, authorization: Secret | None) -> None:
    if authorization is not None and "@" in urlsplit(url).netloc:
        raise invalid("Credentials stand in the url or in authorization, not in both.")


def _show_secret(subscription: Subscription) -> dict[str, str]:
    return {SECRET_HEADER: subscription.secret.reveal()}
