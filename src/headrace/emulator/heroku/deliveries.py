"""Webhook deliveries on their way: those of one subscription in order, each until it is over (contract §8.4)."""

from datetime import datetime
from functools import partial
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

from headrace.emulator.heroku.assembly import Heroku
from headrace.emulator.heroku.partner import PartnerAnswer
from headrace.emulator.heroku.webhooks import ENTITY_OF, decide_next_attempt, find_audience, render_data
from headrace.emulator.kit.callers import is_loopback
from headrace.emulator.render.webhooks import render_sent
from headrace.emulator.world.change_feed import Change
from headrace.emulator.world.records import Attempt, Delivery, Event, Subscription, Webhooks
from headrace.protocol.webhooks import RETRIED_FOR, SIGNATURE_HEADER, sign_delivery

# How many events, and deliveries, of one app or add-on can be listed.
KEPT_COUNT = 1000


def publish(heroku: Heroku, change: Change) -> None:
    """Make a change an event for everybody who has subscribed to such, and send it to them."""
    entity = ENTITY_OF[type(change.thing)].name
    for webhooks in find_audience(change):
        subscriptions = [one for one in webhooks.subscriptions.values() if entity in one.include]
        if subscriptions:
            event = _add_event(heroku, webhooks, change, entity)
            for subscription in subscriptions:
                _enqueue(heroku, webhooks, subscription, event)


def resume(heroku: Heroku, webhooks: Webhooks) -> None:
    """Put what waits on the agenda again, after a stop; what was under way then is sent again."""
    for subscription in webhooks.subscriptions.values():
        if subscription.waiting and not subscription.waiting[0].is_held:
            first = subscription.waiting[0]
            _plan(heroku, first, first.next_attempt_at or heroku.clock.now())


def may_deliver(heroku: Heroku, url: str) -> bool:
    """Whether deliveries may go to a URL: whoever can subscribe would otherwise reach whatever this machine reaches."""
    return heroku.switches.foreign_webhooks or is_loopback(urlsplit(url).hostname or "")


def end_subscription(webhooks: Webhooks, subscription: Subscription) -> None:
    """Remove a subscription and what still waits for it."""
    del webhooks.subscriptions[subscription.id]
    for delivery in subscription.waiting:
        webhooks.deliveries.pop(delivery.id, None)
    subscription.waiting.clear()


def _add_event(heroku: Heroku, webhooks: Webhooks, change: Change, entity: str) -> Event:
    data, previous_data = render_data(change, heroku.url)
    event = Event(
        id=str(uuid4()),
        number=webhooks.next_number(),
        include=entity,
        action=change.action,
        actor_id=change.actor.id,
        actor_email=change.actor.email,
        data=data,
        previous_data=previous_data,
        created_at=change.at,
    )
    webhooks.events[event.id] = event
    if len(webhooks.events) > KEPT_COUNT:
        del webhooks.events[next(iter(webhooks.events))]
    return event


def _enqueue(heroku: Heroku, webhooks: Webhooks, subscription: Subscription, event: Event) -> None:
    delivery = Delivery(
        id=str(uuid4()),
        number=webhooks.next_number(),
        event=event,
        subscription=subscription,
        created_at=event.created_at,
        updated_at=event.created_at,
    )
    # What comes after one that is held is the one that overtakes.
    if not (subscription.waiting and subscription.waiting[-1].is_held):
        path = urlsplit(subscription.url).path
        delivery.is_held = bool(heroku.faults.draw("to partner", "POST", path, {"reorder"}))
    webhooks.deliveries[delivery.id] = delivery
    if len(webhooks.deliveries) > KEPT_COUNT:
        del webhooks.deliveries[next(iter(webhooks.deliveries))]
    subscription.waiting.append(delivery)
    _advance(heroku, subscription)


def _advance(heroku: Heroku, subscription: Subscription) -> None:
    """Get the first delivery going unless it is already; one that is held lets the next go first."""
    waiting = subscription.waiting
    if len(waiting) > 1 and waiting[0].is_held:
        waiting[0].is_held = False
        waiting[:2] = reversed(waiting[:2])
    if waiting and waiting[0].status == "pending" and not waiting[0].is_held:
        _plan(heroku, waiting[0], heroku.clock.now())


def _plan(heroku: Heroku, delivery: Delivery, at: datetime) -> None:
    delivery.status = "retrying" if delivery.attempt_count else "scheduled"
    delivery.next_attempt_at = at
    heroku.agenda.add(at, partial(_begin, heroku, delivery))


def _begin(heroku: Heroku, delivery: Delivery) -> None:
    """Start an attempt, unless the subscription has been ended meanwhile."""
    if delivery in delivery.subscription.waiting:
        heroku.agenda.start(_attempt(heroku, delivery))


async def _attempt(heroku: Heroku, delivery: Delivery) -> None:
    now = heroku.clock.now()
    attempt = Attempt(id=str(uuid4()), status="scheduled", created_at=now, updated_at=now)
    delivery.attempt_count += 1
    delivery.next_attempt_at = None
    delivery.last_attempt, delivery.updated_at = attempt, now
    answer = await _send(heroku, delivery, attempt)
    attempt.status = "succeeded" if answer.is_success else "failed"
    attempt.code, attempt.error_class = answer.status, answer.error or None
    attempt.updated_at = delivery.updated_at = heroku.clock.now()
    if delivery in delivery.subscription.waiting:
        _conclude(heroku, delivery, attempt)


async def _send(heroku: Heroku, delivery: Delivery, attempt: Attempt) -> PartnerAnswer:
    subscription = delivery.subscription
    if not may_deliver(heroku, subscription.url):
        # It was subscribed to while the switch was on.
        return PartnerAnswer(status=None, error="ForeignHost")
    body = msgspec.json.encode(render_sent(delivery, attempt))
    headers = {
        "Content-Type": "application/json",
        SIGNATURE_HEADER: sign_delivery(body, secret=subscription.secret),
    }
    if subscription.authorization is not None:
        headers["Authorization"] = subscription.authorization.reveal()
    return await heroku.partner.send("POST", subscription.url, headers, body, cut_off=heroku.switches.webhook_cut_off)


def _conclude(heroku: Heroku, delivery: Delivery, attempt: Attempt) -> None:
    """End a delivery and let the next one go, or plan another attempt."""
    if attempt.status == "succeeded":
        delivery.status = "succeeded"
    else:
        now, delay = heroku.clock.now(), heroku.switches.webhook_delay
        next_attempt_at = decide_next_attempt(delivery, now=now, delay=delay)
        if next_attempt_at is not None:
            _plan(heroku, delivery, next_attempt_at)
            return
        delivery.status = "skipped" if _came_too_late(delivery, attempt) else "failed"
    delivery.subscription.waiting.remove(delivery)
    _advance(heroku, delivery.subscription)


def _came_too_late(delivery: Delivery, attempt: Attempt) -> bool:
    """A single try is all that is left to what waited behind others for 72 hours (contract §8.4)."""
    is_late = attempt.created_at - delivery.event.created_at >= RETRIED_FOR
    return is_late and delivery.attempt_count == 1
