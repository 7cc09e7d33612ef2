"""Webhook subscriptions, events and deliveries as JSON: in the Platform API, and on their way (contract §8)."""

from typing import Any

from headrace.emulator.kit.paging import Json
from headrace.emulator.render.values import render_exact_time, render_time
from headrace.emulator.world.records import Addon, App, Attempt, Delivery, Event, Subscription

RELEASE = "api:release"
VERSION = "application/vnd.heroku+json; version=3"


def render_subscription(subscription: Subscription, owner: App | Addon) -> Json:
    """Neither secret is ever shown (contract §8.2)."""
    return {
        "app" if isinstance(owner, App) else "addon": {"id": owner.id, "name": owner.name},
        "created_at": render_time(subscription.created_at),
        "id": subscription.id,
        "include": list(subscription.include),
        "level": subscription.level,
        "updated_at": render_time(subscription.updated_at),
        "url": subscription.url,
    }


def render_event(event: Event) -> Json:
    return {
        "created_at": render_time(event.created_at),
        "id": event.id,
        "include": event.include,
        "payload": _render_payload(event),
        "updated_at": render_time(event.created_at),
    }


def render_delivery(delivery: Delivery) -> Json:
    next_attempt_at, last = delivery.next_attempt_at, delivery.last_attempt
    return {
        "created_at": render_time(delivery.created_at),
        "event": {"id": delivery.event.id, "include": delivery.event.include},
        "id": delivery.id,
        "last_attempt": _render_attempt(last) if last else None,
        "next_attempt_at": render_time(next_attempt_at) if next_attempt_at else None,
        "num_attempts": delivery.attempt_count,
        "status": delivery.status,
        "updated_at": render_time(delivery.updated_at),
        "webhook": {"id": delivery.subscription.id, "level": delivery.subscription.level},
    }


def render_sent(delivery: Delivery, attempt: Attempt) -> Json:
    """What the receiver gets (contract §8.4)."""
    event = delivery.event
    # Of all events that were seen, those of releases are told to the microsecond.
    at = (render_exact_time if event.include == RELEASE else render_time)(event.created_at)
    return {
        **_render_payload(event),
        "created_at": at,
        "id": event.id,
        "published_at": render_time(event.created_at),
        "sequence": None,
        "updated_at": at,
        "webhook_metadata": {
            "attempt": {"id": attempt.id},
            "delivery": {"id": delivery.id},
            "event": {"id": event.id, "include": event.include},
            "webhook": {"id": delivery.subscription.id},
        },
    }


def _render_payload(event: Event) -> dict[str, Any]:
    return {
        "action": event.action,
        "actor": {"email": event.actor_email, "id": event.actor_id},
        "data": event.data,
        "previous_data": event.previous_data,
        "resource": event.include.removeprefix("api:"),
        "version": VERSION,
    }


def _render_attempt(attempt: Attempt) -> Json:
    return {
        "code": attempt.code,
        "created_at": render_time(attempt.created_at),
        "error_class": attempt.error_class,
        "id": attempt.id,
        "status": attempt.status,
        "updated_at": render_time(attempt.updated_at),
    }
