"""Events: told to the partner's hook once each, a reason to look, and never an order."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from headrace.emulator import Clock, Fault
from headrace.emulator.world.records import Addon, App
from headrace.errors import MisuseError
from headrace.models import State
from headrace.protocol.platform import HEADERS
from headrace.protocol.webhooks import RETRIED_FOR
from headrace.protocol.wire import Request
from headrace.store.sql.tables.schema import secret
from headrace.store.state.notices import list_notices_of, list_open_notices
from headrace.store.state.people.access import list_freshly_checked_apps
from headrace.store.state.placements import find_inspection
from headrace.store.state.webhooks import find_subscription
from headrace.testing import eventually
from headrace.workflows.engine.port import CONCURRENCY, EVENT_QUEUE
from headrace.workflows.lifecycle.subscriptions import RETRY_AFTER
from hearing import HearingAcme, deliver, list_taken, load_credentials, make_event, provision, subscribe
from pair import Pair, play_pair

DELIVERIES = "/heroku/webhooks/*"
WATCHED = ["api:addon", "api:addon-attachment", "api:app", "api:collaborator"]
MINUTE = timedelta(minutes=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def test_an_event_is_told_to_the_hook(database_url: str) -> None:
    """What happened to what, before and after, when and by whom; and the resource as we know it."""
    acme = HearingAcme()
    async with play_pair(database_url, acme=acme) as pair:
        uuid = await provision(pair, "shop")
        pair.heroku.rename_app("shop", "store")
        await eventually(lambda: acme.heard)

        (event,) = acme.heard
        assert ("api:app", "update") == (event.entity, event.action)
        assert ("store", "shop") == (event.data["name"], event.previous_data["name"])
        assert (uuid, "basic") == (event.resource.uuid, event.resource.plan)
        assert event.actor is not None
        assert "lumen@herokumanager.com" == event.actor.email
        assert event.created_at <= event.updated_at
        assert event.actor.email not in repr(event)


async def test_a_delivery_that_comes_twice_is_told_once(database_url: str) -> None:
    """Heroku delivers at least once (contract §8.4)."""
    acme = HearingAcme()
    async with play_pair(database_url, acme=acme) as pair:
        await provision(pair, "shop")
        pair.heroku.faults.add(Fault(kind="duplicate", direction="to partner", path=DELIVERIES))
        pair.heroku.rename_app("shop", "store")
        pair.heroku.rename_app("store", "shop")
        await pair.heroku.settle()
        await eventually(lambda: len(acme.heard) == 2)

        assert 2 == len(await list_taken(pair))
        assert {"store", "shop"} == {event.data["name"] for event in acme.heard}
        assert b'headrace_webhook_deliveries_total{outcome="repeated"} 2.0' in await pair.parts.metrics.render()


async def test_a_delivery_whose_answer_was_lost_is_told_once(sqlite_url: str) -> None:
    """Taken, and delivered again because Heroku could not know."""
    acme = HearingAcme()
    async with play_pair(sqlite_url, acme=acme) as pair:
        uuid = await provision(pair, "shop")
        pair.heroku.faults.add(Fault(kind="drop", direction="to partner", path=DELIVERIES, after_effect=True, count=1))
        pair.heroku.rename_app("shop", "store")
        await eventually(lambda: pair.heroku.deliveries(uuid)[0].status == "succeeded")
        await eventually(lambda: acme.heard)

        assert 2 == pair.heroku.deliveries(uuid)[0].attempt_count
        assert (1, 1) == (len(await list_taken(pair)), len(acme.heard))


async def test_events_out_of_order_are_all_told_and_the_newest_place_is_kept(database_url: str) -> None:
    """`updated_at` says which is the newer; what we keep comes from asking, so the order does not matter."""
    acme, clock = HearingAcme(), Clock()
    async with play_pair(database_url, acme=acme, clock=clock) as pair:
        uuid = await provision(pair, "shop")
        pair.heroku.faults.add(Fault(kind="reorder", direction="to partner", path=DELIVERIES, count=1))
        pair.heroku.rename_app("shop", "shop-1")
        clock.advance(MINUTE)
        pair.heroku.rename_app("shop-1", "shop-2")
        await eventually(lambda: len(acme.heard) == 2)
        await pair.sweep()

        newest = max(acme.heard, key=lambda event: event.updated_at)
        assert "shop-2" == newest.data["name"]
        assert "shop-2" == (await pair.find(uuid)).app_name


async def test_what_an_event_concerns_is_due_now(database_url: str) -> None:
    """The next look is not minutes away any more, with or without a hook."""
    async with play_pair(database_url) as pair:
        uuid = await provision(pair, "shop")
        pair.heroku.rename_app("shop", "store")
        await eventually(lambda: _is_taken(pair))
        await pair.sweep()

        assert "store" == (await pair.find(uuid)).app_name


async def test_a_removed_collaborator_is_no_longer_trusted(sqlite_url: str) -> None:
    """Who may see the app is asked again before anybody sees it."""
    async with play_pair(sqlite_url) as pair:
        await provision(pair, "shop-staging")
        app = pair.heroku.find_app("shop-staging")
        before = await _list_fresh(pair, app)
        (collaborator,) = app.collaborators.values()
        pair.heroku.state.remove_collaborator(app, collaborator)
        await eventually(lambda: _is_taken(pair))

        assert ({app.id}, set()) == (before, await _list_fresh(pair, app))


async def test_a_destroyed_addon_is_no_order_to_deprovision(sqlite_url: str) -> None:
    """DELETE is the only order; the event is a reason to look."""
    async with play_pair(sqlite_url) as pair:
        uuid = await provision(pair)
        before = await pair.parts.database.read(find_inspection, uuid)
        await deliver(pair, uuid, make_event(include="api:addon", action="destroy", data={"id": uuid}))
        after = await pair.parts.database.read(find_inspection, uuid)
        await pair.sweep()

        assert before is not None
        assert after is not None
        assert (None, True) == (before.wanted_at, after.wanted_at is not None)
        assert (State.PROVISIONED, []) == ((await pair.find(uuid)).state, pair.acme.dropped)


async def test_an_event_about_a_resource_on_its_way_out_is_taken_and_ignored(sqlite_url: str) -> None:
    """While it can still be verified it is answered as ever, and nothing follows from it."""
    acme = HearingAcme(drop_error=MisuseError("The partner's cloud is away."))
    async with play_pair(sqlite_url, acme=acme) as pair:
        uuid = await provision(pair)
        await pair.call("DELETE", f"/{uuid}")
        await pair.settle()
        answer = await deliver(pair, uuid, make_event())

        assert State.FAILED == (await pair.find(uuid)).state
        assert ((204, b""), [], []) == (answer, await list_taken(pair), acme.heard)


async def test_a_hook_that_fails_is_tried_again(sqlite_url: str) -> None:
    """By the same table as every hook."""
    acme = HearingAcme(error=RuntimeError("away"))
    async with play_pair(sqlite_url, acme=acme) as pair:
        uuid = await provision(pair)
        acme.failures_left = 2
        await deliver(pair, uuid, make_event())
        await eventually(lambda: len(acme.heard) == 3)

        assert 1 == len({event.id for event in acme.heard})
        assert [] == await pair.parts.database.read(list_open_notices)


async def test_a_hook_that_fails_for_good_is_told_to_an_operator(database_url: str) -> None:
    """With the kind of the error and no text of it; the resource works on."""
    acme = HearingAcme(error=MisuseError("recognisable-7f3a"))
    async with play_pair(database_url, acme=acme) as pair:
        uuid = await provision(pair)
        acme.failures_left = 1
        event = make_event()
        await deliver(pair, uuid, event)
        await eventually(lambda: pair.parts.database.read(list_open_notices))

        (notice,) = await pair.parts.database.read(list_open_notices)
        assert ("event.failed", {"event": event["id"], "reason": "MisuseError"}) == (notice.kind, notice.detail)
        assert State.PROVISIONED == (await pair.find(uuid)).state


async def test_what_an_event_holds_is_stored_sealed_and_only_until_it_is_told(sqlite_url: str, tmp_path: Path) -> None:
    """It may hold addresses and config; no table has it in clear, the engine's neither."""
    acme = HearingAcme()
    async with play_pair(sqlite_url, acme=acme) as pair:
        uuid = await provision(pair)
        acme.may_hear.clear()
        event = make_event(data={"id": "x", "config": "recognisable-7f3a"})
        await deliver(pair, uuid, event)
        await eventually(lambda: acme.heard)
        during = await _list_secrets(pair), _read_all(tmp_path)
        acme.may_hear.set()
        await eventually(lambda: _has_no_events(pair))

        assert f"event/{event['id']}" in during[0]
        assert b"recognisable-7f3a" not in during[1] + _read_all(tmp_path)
        assert "recognisable-7f3a" == acme.heard[0].data["config"]


async def test_hooks_for_events_that_hang_keep_no_provision_waiting(sqlite_url: str) -> None:
    """More of them than a worker takes at a time, nor each other: who is in a hook takes nobody's place."""
    acme = HearingAcme()
    async with play_pair(sqlite_url, acme=acme) as pair:
        uuid = await provision(pair)
        acme.may_hear.clear()
        for _ in range(CONCURRENCY[EVENT_QUEUE] + 5):
            await deliver(pair, uuid, make_event())
        await eventually(lambda: len(acme.heard) == CONCURRENCY[EVENT_QUEUE] + 5)
        addon = await pair.heroku.create_addon("blog", "acme-search:basic")
        await pair.settle()
        acme.may_hear.set()

        assert State.PROVISIONED == addon.state


async def test_an_event_without_a_hook_for_it_is_told_to_nobody(sqlite_url: str) -> None:
    """It is a reason to look all the same."""
    acme = HearingAcme(entities=("api:addon",))
    async with play_pair(sqlite_url, acme=acme) as pair:
        uuid = await provision(pair)
        await deliver(pair, uuid, make_event())
        await deliver(pair, uuid, make_event(include="api:addon"))
        await eventually(lambda: acme.heard)

        assert ["api:addon"] == [event.entity for event in acme.heard]
        assert 2 == len(await list_taken(pair))


async def test_a_resource_is_subscribed_once_to_what_concerns_it(database_url: str) -> None:
    """What may move it or change who sees it, and what the hooks want to hear of (contract §8.2)."""
    acme = HearingAcme(entities=("api:domain", "api:app"))
    async with play_pair(database_url, acme=acme) as pair:
        uuid = await provision(pair)
        again = await pair.parts.subscriptions.run_once()
        (subscription,) = _find_addon(pair, uuid).webhooks.subscriptions.values()
        credentials = await load_credentials(pair, uuid)

        assert 0 == again
        assert sorted([*WATCHED, "api:domain"]) == list(subscription.include)
        assert ("sync", f"{pair.url}/heroku/webhooks/{uuid}") == (subscription.level, subscription.url)
        assert (credentials.secret, credentials.authorization) == (subscription.secret, subscription.authorization)


async def test_the_worker_subscribes_by_itself(sqlite_url: str) -> None:
    """Soon after the provision, and not before: there is no token yet."""
    async with play_pair(sqlite_url, HEADRACE_RECHECK_SECONDS="0.2") as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await eventually(lambda: addon.webhooks.subscriptions)

        assert 1 == len(addon.webhooks.subscriptions)


async def test_a_subscription_whose_secret_nobody_knows_is_given_ours(sqlite_url: str) -> None:
    """One that an earlier installation left behind is taken over; there are never two."""
    async with play_pair(sqlite_url) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        url = f"http://127.0.0.1:9/heroku/webhooks/{addon.id}"
        await pair.parts.client.call(addon.id, _build_foreign(addon.id, url))
        await subscribe(pair, addon.id)
        pair.heroku.rename_app("shop", "store")
        await eventually(lambda: _is_taken(pair))

        (subscription,) = addon.webhooks.subscriptions.values()
        assert (f"{pair.url}/heroku/webhooks/{addon.id}", WATCHED) == (subscription.url, [*subscription.include])


async def test_a_crash_after_the_request_leaves_one_subscription_that_we_can_verify(sqlite_url: str) -> None:
    """The answer is lost, so the step runs again: the same credentials, and the same subscription."""
    async with play_pair(sqlite_url) as pair:
        pair.heroku.faults.add(Fault(kind="drop", method="POST", path="/addons/*/webhooks", after_effect=True, count=1))
        uuid = await provision(pair)
        pair.heroku.rename_app("shop", "store")
        await eventually(lambda: _is_taken(pair))

        assert 1 == len(_find_addon(pair, uuid).webhooks.subscriptions)


async def test_a_release_that_wants_to_hear_more_asks_for_it(sqlite_url: str) -> None:
    """What is provisioned already is brought up to date, with the same credentials."""
    acme = HearingAcme()
    async with play_pair(sqlite_url, acme=acme) as pair:
        uuid = await provision(pair)
        before = await load_credentials(pair, uuid)
        assert acme.service is not None
        acme.service.on_event("api:domain")(acme.hear)
        await subscribe(pair, uuid)

        (subscription,) = _find_addon(pair, uuid).webhooks.subscriptions.values()
        assert "api:domain" in subscription.include
        assert before == await load_credentials(pair, uuid)


async def test_of_two_orders_for_one_resource_in_a_batch_the_later_one_goes_on(database_url: str) -> None:
    """One that waited for Heroku for long, and one of a release that wants to hear more."""
    async with play_pair(database_url, acme=HearingAcme()) as pair:
        uuid = await provision(pair)
        prepare = pair.parts.subscriptions._prepare  # noqa: SLF001 - when they meet in one batch is chance
        chains = await pair.parts.database.write(prepare, [(uuid, 0), (uuid, 1)])

        assert [False, True] == [chain is not None for chain in chains]


async def test_what_heroku_does_not_permit_leaves_the_resource_working(sqlite_url: str) -> None:
    """403: an operator is told, and a day later it is asked for again."""
    clock = Clock()
    acme = HearingAcme(entities=("api:release",))
    async with play_pair(sqlite_url, acme=acme, clock=clock) as pair:
        addon = await pair.heroku.create_addon("shop", "acme-search:basic")
        await pair.settle()
        await pair.parts.subscriptions.run_once()
        await eventually(lambda: pair.parts.database.read(list_open_notices))
        (notice,) = await pair.parts.database.read(list_notices_of, addon.id)
        soon = await pair.parts.subscriptions.run_once()
        pair.heroku.switches.extras_allowed = True
        clock.advance(RETRY_AFTER + MINUTE)
        await subscribe(pair, addon.id)

        assert ("subscription.failed", {"reason": "Forbidden"}) == (notice.kind, notice.detail)
        assert (State.PROVISIONED, State.PROVISIONED) == (addon.state, (await pair.find(addon.id)).state)
        assert (0, 1) == (soon, len(addon.webhooks.subscriptions))
        assert [] == await pair.parts.database.read(list_open_notices)


async def test_a_deprovision_forgets_what_a_subscription_had(database_url: str) -> None:
    """Credentials and events go with the other secrets, and nobody subscribes it again."""
    acme = HearingAcme()
    async with play_pair(database_url, acme=acme) as pair:
        uuid = await provision(pair)
        await pair.heroku.deprovision(uuid)
        await pair.settle()
        again = await pair.parts.subscriptions.run_once()

        assert (State.DEPROVISIONED, 0, []) == ((await pair.find(uuid)).state, again, await _list_secrets(pair))


async def test_a_resource_without_a_token_is_not_subscribed(sqlite_url: str) -> None:
    """Without a grant nothing can be asked of Heroku."""
    async with play_pair(sqlite_url) as pair:
        uuid = "01234567-89ab-cdef-0123-456789abcdef"
        await pair.call("POST", json={"uuid": uuid, "plan": "basic", "region": "us"})

        assert 0 == await pair.parts.subscriptions.run_once()
        assert await pair.parts.database.read(find_subscription, uuid) is None


async def test_events_that_are_too_old_to_come_again_are_forgotten(database_url: str) -> None:
    """The table holds three days and no more."""
    clock = Clock()
    async with play_pair(database_url, clock=clock) as pair:
        uuid = await provision(pair)
        await deliver(pair, uuid, make_event(created_at=clock.now().isoformat()))
        clock.advance(RETRIED_FOR + MINUTE)
        await deliver(pair, uuid, make_event(include="api:addon", created_at=clock.now().isoformat()))

        assert [(uuid, "api:addon", "update")] == await list_taken(pair)


async def _is_taken(pair: Pair) -> bool:
    return bool(await list_taken(pair))


async def _list_secrets(pair: Pair) -> list[str]:
    """The kinds of all that is sealed."""
    query = sa.select(secret.c.kind)
    return await pair.parts.database.read(lambda connection: list(connection.execute(query).scalars()))


async def _has_no_events(pair: Pair) -> bool:
    return not [kind for kind in await _list_secrets(pair) if kind.startswith("event/")]


def _read_all(folder: Path) -> bytes:
    """Everything that a database file and its journals hold."""
    return b"".join(path.read_bytes() for path in folder.glob("headrace.db*"))


async def _list_fresh(pair: Pair, app: App) -> set[str]:
    return await pair.parts.database.read(list_freshly_checked_apps, [app.id], after=LONG_AGO, now=pair.parts.clock())


def _find_addon(pair: Pair, uuid: str) -> Addon:
    return pair.heroku.find_addon(uuid)


def _build_foreign(uuid: str, url: str) -> Request:
    body = b'{"include": ["api:app"], "level": "notify", "secret": "lost", "url": "%s"}' % url.encode()
    return Request(method="POST", path=f"/addons/{uuid}/webhooks", endpoint="", headers=HEADERS, body=body)
