"""Webhooks: who may subscribe to what, and what a delivery is."""

import base64
import hashlib
import hmac
import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from emulator.partner import RawPartner, Received, answer, change_manifest
from emulator.wire import Reply, Wire
from headrace.emulator import Emulator
from headrace.emulator.world.records import Addon
from headrace.models import Secret
from headrace.protocol.webhooks import parse_event, verify_delivery

APP_ENTITIES = [
    "api:addon",
    "api:addon-attachment",
    "api:app",
    "api:collaborator",
    "api:domain",
    "api:formation",
    "api:release",
]
PARTNER_ENTITIES = ["api:addon", "api:addon-attachment", "api:app", "api:collaborator"]
ADA_EMAIL = "ada@lumen.example"
PARTNER_EMAIL = "acme-search@addons.heroku.com"
SIGNATURE = "Heroku-Webhook-Hmac-SHA256"


async def subscribe_app(wire: Wire, acme: RawPartner, *, app: str = "storefront", **members: Any) -> Reply:
    wanted = {"include": APP_ENTITIES, "level": "notify", "url": f"{acme.url}/webhooks/app", "secret": "whsec-test"}
    return await wire.send("POST", f"/apps/{app}/webhooks", json=wanted | members)


async def subscribe_addon(
    heroku: Emulator, wire: Wire, acme: RawPartner, *, app: str = "storefront", **members: Any
) -> tuple[Addon, str, Reply]:
    """Create an add-on and have its partner subscribe; return the add-on, its token and the answer."""
    addon = await heroku.create_addon(app, "acme-search:basic")
    token = await wire.authorize(next(received for received in reversed(acme.received) if not received.is_delivery))
    wanted = {"include": PARTNER_ENTITIES, "level": "sync", "url": f"{acme.url}/webhooks/addon", "secret": "whsec-test"}
    reply = await wire.send("POST", f"/addons/{addon.id}/webhooks", token=token, json=wanted | members)
    return addon, token, reply


def describe(received: Received) -> tuple[str, str, str]:
    body = received.body
    return body["webhook_metadata"]["event"]["include"], body["action"], body["actor"]["email"]


async def test_a_partner_subscribes_and_neither_secret_is_echoed(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """201, and the subscription as every later answer shows it (contract §8.2)."""
    addon, token, reply = await subscribe_addon(heroku, wire, acme, authorization="Bearer hook-auth-1")
    webhook_id = reply.body["id"]
    shown = await wire.get(f"/addons/{addon.id}/webhooks/{webhook_id}", token=token)
    listed = await wire.get(f"/addons/{addon.id}/webhooks", token=token)

    assert (201, "sync", {"id": addon.id, "name": addon.name}) == (
        reply.status,
        reply.body["level"],
        reply.body["addon"],
    )
    assert {"addon", "created_at", "id", "include", "level", "updated_at", "url"} == set(reply.body)
    assert ([reply.body], reply.body) == (listed.body, shown.body)
    assert "Heroku-Webhook-Secret" not in reply.headers


async def test_secrets_of_a_subscription_stay_out_of_the_traffic(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """What is kept of the calls shows that there was a secret, and not which."""
    await subscribe_addon(heroku, wire, acme, secret="whsec-hidden", authorization="Bearer auth-hidden")
    kept = "".join(exchange.request + exchange.response for exchange in heroku.traffic)

    assert '"secret":"•••","authorization":"•••"' in kept
    assert "hidden" not in kept


async def test_heroku_makes_a_secret_and_shows_it_once(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """In a header of the answer to the subscription, never again (contract §8.2)."""
    addon, token, reply = await subscribe_addon(heroku, wire, acme, secret=None)
    again = await wire.get(f"/addons/{addon.id}/webhooks/{reply.body['id']}", token=token)
    heroku.rename_app("storefront", "shopfront")
    await heroku.settle()
    (received,) = acme.delivered

    assert "Heroku-Webhook-Secret" not in again.headers
    verify_delivery(
        received.raw,
        signature=received.headers[SIGNATURE],
        secret=Secret(reply.headers["Heroku-Webhook-Secret"]),
    )


@pytest.mark.parametrize("secret", ["whsec-second", None])
async def test_a_secret_can_be_replaced(heroku: Emulator, acme: RawPartner, wire: Wire, secret: str | None) -> None:
    """By PATCH only, with one's own, or with a new one of Heroku's, which is again shown once."""
    addon, token, reply = await subscribe_addon(heroku, wire, acme)
    path = f"/addons/{addon.id}/webhooks/{reply.body['id']}"
    patched = await wire.send("PATCH", path, token=token, json={"secret": secret})
    heroku.rename_app("storefront", "shopfront")
    await heroku.settle()
    (received,) = acme.delivered

    assert 200 == patched.status
    verify_delivery(
        received.raw,
        signature=received.headers[SIGNATURE],
        secret=Secret(secret or patched.headers["Heroku-Webhook-Secret"]),
    )


async def test_a_delivery_is_signed_over_its_bytes_and_carries_what_was_asked_for(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """HMAC-SHA256 in Base64, and the authorization word by word (contract §8.4)."""
    await subscribe_addon(heroku, wire, acme, authorization="Bearer hook-auth-1")
    heroku.rename_app("storefront", "shopfront")
    await heroku.settle()
    (received,) = acme.delivered
    digest = hmac.digest(b"whsec-test", received.raw, hashlib.sha256)

    assert base64.b64encode(digest).decode() == received.headers[SIGNATURE]
    assert ("Bearer hook-auth-1", "application/json") == (
        received.headers["Authorization"],
        received.headers["Content-Type"],
    )


async def test_a_delivery_tells_the_whole_thing_and_what_was_before(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """The article's members, with those that changed in `previous_data` (contract §8.4)."""
    addon, token, reply = await subscribe_addon(heroku, wire, acme)
    await wire.send("PATCH", "/apps/storefront", json={"name": "shopfront"})
    await heroku.settle()
    (received,) = acme.delivered
    body, event = received.body, parse_event(received.raw)
    deliveries = await wire.get(f"/addons/{addon.id}/webhook-deliveries", token=token)
    shown = (await wire.get("/apps/shopfront")).body

    assert ("app", "update", "api:app") == (event.resource, event.action, event.entity)
    assert (shown, "storefront") == (body["data"], body["previous_data"]["name"])
    assert {"name", "git_url", "web_url"} == set(body["previous_data"])
    assert {"email": ADA_EMAIL, "id": heroku.state.users_by_email[ADA_EMAIL].id} == body["actor"]
    assert (body["created_at"], None, "application/vnd.heroku+json; version=3") == (
        body["published_at"],
        body["sequence"],
        body["version"],
    )
    assert {
        "attempt": {"id": deliveries.body[0]["last_attempt"]["id"]},
        "delivery": {"id": deliveries.body[0]["id"]},
        "event": {"id": body["id"], "include": "api:app"},
        "webhook": {"id": reply.body["id"]},
    } == body["webhook_metadata"]


async def test_an_app_hears_the_whole_life_of_an_addon(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Created and updated while it is provisioning, with the partner as the actor of what the partner did."""
    await subscribe_app(wire, acme, app="help-centre")
    addon = await heroku.create_addon("help-centre", "acme-search:basic")
    await heroku.change_plan(addon, "standard")
    await heroku.deprovision(addon)
    await heroku.settle()
    told = [(received, *describe(received)) for received in acme.delivered]
    addon_told = [
        (action, received.body["data"]["state"], set(received.body["previous_data"]), actor)
        for received, entity, action, actor in told
        if entity == "api:addon"
    ]
    ada, partner = ADA_EMAIL, PARTNER_EMAIL

    assert [
        ("create", "provisioning", set(), ada),
        ("update", "provisioning", {"provider_id"}, partner),
        ("update", "provisioning", {"config_vars"}, partner),
        ("update", "provisioned", {"state"}, partner),
        ("update", "provisioned", {"plan", "billed_price", "provision_message"}, ada),
        ("destroy", "deprovisioned", set(), ada),
    ] == addon_told
    assert [("create", ada), ("destroy", ada)] == [
        (action, actor) for _, entity, action, actor in told if entity == "api:addon-attachment"
    ]
    releases = [(action, received.body, actor) for received, entity, action, actor in told if entity == "api:release"]
    assert [("create", "pending", partner), ("update", "succeeded", partner)] * 2 == [
        (action, body["data"]["status"], actor) for action, body, actor in releases
    ]
    assert [2, 2, 3, 3] == [body["data"]["version"] for _, body, _ in releases]


async def test_a_release_is_told_with_what_only_its_events_have(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """As deliveries of 2025 were seen: to the microsecond, with the stack and, of a Basic app, its tier."""
    await subscribe_app(wire, acme)
    await wire.send("PATCH", "/apps/storefront/config-vars", json={"COLOUR": "green"})
    await wire.send("PATCH", "/apps/storefront/formation/web", json={"size": "standard-1x"})
    await wire.send("PATCH", "/apps/storefront/config-vars", json={"COLOUR": "blue"})
    await heroku.settle()
    told = [received.body for received in acme.delivered if received.body["resource"] == "release"]
    shown = (await wire.get("/apps/storefront/releases")).body

    assert [("heroku-24", {})] * 4 == [(body["data"]["stack"], body["data"]["pstable"]) for body in told]
    assert ["basic", "basic", None, None] == [body["data"]["app"].get("process_tier") for body in told]
    assert all(re.fullmatch(r".{19}\.\d{6}Z", body[name]) for body in told for name in ("created_at", "updated_at"))
    assert all(re.fullmatch(r".{19}Z", body["published_at"]) for body in told)
    assert not {"stack", "pstable"} & set(shown[0])


async def test_an_addon_hears_of_every_app_it_is_attached_to(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Its attachments, the apps and who works on them; when it is detached that ends."""
    addon, _, _ = await subscribe_addon(heroku, wire, acme)
    attachment = heroku.attach(addon, "storefront-staging")
    heroku.rename_app("storefront-staging", "shop-staging")
    await wire.send("POST", "/apps/shop-staging/collaborators", json={"user": "linus@orbit.example"})
    heroku.state.detach(attachment)
    heroku.rename_app("shop-staging", "late-staging")
    heroku.rename_app("storefront-dev", "shop-dev")
    await heroku.settle()

    assert [
        ("api:addon-attachment", "create"),
        ("api:app", "update"),
        ("api:collaborator", "create"),
        ("api:addon-attachment", "destroy"),
    ] == [describe(received)[:2] for received in acme.delivered]


async def test_an_app_hears_what_its_customer_does(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Each change is one event, with what it changed, in the customer's name."""
    await subscribe_app(wire, acme)
    for method, path, body in (
        ("PATCH", "", {"maintenance": True}),
        ("PATCH", "/config-vars", {"COLOUR": "green"}),
        ("POST", "/collaborators", {"user": "linus@orbit.example"}),
        ("DELETE", "/collaborators/linus@orbit.example", None),
        ("POST", "/domains", {"hostname": "shop.example.com"}),
        ("DELETE", "/domains/shop.example.com", None),
        ("PATCH", "/formation/web", {"quantity": 3}),
    ):
        assert (await wire.send(method, f"/apps/storefront{path}", json=body)).status in {200, 201}
    await heroku.settle()

    assert [
        ("api:app", "update", {"maintenance": False}),
        ("api:release", "create", {}),
        ("api:release", "update", {"current": False, "status": "pending"}),
        ("api:collaborator", "create", {}),
        ("api:collaborator", "destroy", {}),
        ("api:domain", "create", {}),
        ("api:domain", "destroy", {}),
        ("api:formation", "update", {"quantity": 2}),
    ] == [(*describe(received)[:2], received.body["previous_data"]) for received in acme.delivered]
    assert {ADA_EMAIL} == {describe(received)[2] for received in acme.delivered}


async def test_the_address_of_an_apps_log_is_in_no_event(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """It is the add-on's own, and it holds a token."""
    change_manifest(heroku, requires=("log_input",))
    await subscribe_app(wire, acme)
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    await heroku.settle()
    token = addon.log_input_token

    assert token is not None
    assert [] == [received for received in acme.delivered if token.reveal() in received.raw.decode()]


async def test_a_partners_own_change_names_the_partner(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Events say `<slug>@addons.heroku.com` (contract §6.1)."""
    addon, token, _ = await subscribe_addon(heroku, wire, acme)
    config = [{"name": "ACME_SEARCH_URL", "value": "https://new.acme"}]
    await wire.send("PATCH", f"/addons/{addon.id}/config", token=token, json={"config": config})
    await heroku.settle()

    assert [("api:addon", "update", PARTNER_EMAIL)] == [describe(r) for r in acme.delivered]


async def test_a_removed_addon_gets_its_last_event_and_then_none(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """Its subscriptions end with it, after everybody has heard that it is gone."""
    addon, token, _ = await subscribe_addon(heroku, wire, acme)
    await heroku.deprovision(addon)
    heroku.rename_app("storefront", "shopfront")
    await heroku.settle()

    assert [("api:addon-attachment", "destroy"), ("api:addon", "destroy")] == [
        describe(received)[:2] for received in acme.delivered
    ]
    assert ["succeeded"] * 2 == [delivery.status for delivery in heroku.deliveries(addon)]
    assert 401 == (await wire.get(f"/addons/{addon.id}/webhooks", token=token)).status


async def test_the_last_event_of_a_removed_addon_is_tried_again(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Whoever is away when it goes hears of it later."""
    addon, _, _ = await subscribe_addon(heroku, wire, acme, include=["api:addon"])
    acme.reactions["webhook"] = answer(500)
    await heroku.deprovision(addon)
    await heroku.settle()
    before = [delivery.status for delivery in heroku.deliveries(addon)]
    acme.reactions["webhook"] = answer(204, raw=b"")
    heroku.clock.advance(timedelta(hours=1))
    await heroku.settle()

    assert (["retrying"], ["succeeded"]) == (before, [delivery.status for delivery in heroku.deliveries(addon)])


async def test_a_destroyed_app_is_told_to_those_who_are_attached(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """The add-on of another app loses its attachment with the app."""
    addon, _, _ = await subscribe_addon(heroku, wire, acme)
    heroku.attach(addon, "storefront-staging")
    await heroku.destroy_app("storefront-staging")
    await heroku.settle()

    assert [
        ("api:addon-attachment", "create"),
        ("api:app", "destroy"),
        ("api:addon-attachment", "destroy"),
    ] == [describe(received)[:2] for received in acme.delivered]


async def test_no_pipeline_event_exists(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Whatever happens to pipelines and couplings, nobody is told (contract §8.1)."""
    await subscribe_app(wire, acme)
    addon, token, _ = await subscribe_addon(heroku, wire, acme)
    await heroku.settle()
    acme.received.clear()
    pipeline = heroku.state.pipelines["storefront"]
    heroku.move("storefront", "staging")
    heroku.uncouple("storefront")
    heroku.couple("storefront", "storefront", "production")
    heroku.state.rename_pipeline(pipeline, "shop")
    heroku.state.remove_pipeline(pipeline)
    await heroku.settle()
    asked = await wire.send(
        "POST",
        f"/addons/{addon.id}/webhooks",
        token=token,
        json={"include": ["api:pipeline-coupling"], "level": "sync", "url": f"{acme.url}/webhooks/x"},
    )

    assert [] == acme.delivered
    assert (422, "invalid_params") == asked.error
    assert 404 == (await wire.send("POST", "/pipelines/storefront/webhooks", json={})).status


@pytest.mark.parametrize("entity", ["api:build", "api:dyno", "api:formation", "api:release", "dyno"])
async def test_some_entities_need_an_extra_permission(
    heroku: Emulator, acme: RawPartner, wire: Wire, entity: str
) -> None:
    """A partner is refused until it has that permission; a customer never is (contract §8.3)."""
    addon, token, _ = await subscribe_addon(heroku, wire, acme)
    wanted = {"include": ["api:app", entity], "level": "notify", "url": f"{acme.url}/webhooks/x"}
    refused = await wire.send("POST", f"/addons/{addon.id}/webhooks", token=token, json=wanted)
    heroku.switches.extras_allowed = True
    allowed = await wire.send("POST", f"/addons/{addon.id}/webhooks", token=token, json=wanted)

    assert ((403, "forbidden"), 201) == (refused.error, allowed.status)
    assert 201 == (await subscribe_app(wire, acme, include=[entity])).status


@pytest.mark.parametrize(
    "wrong",
    [
        {"include": None},
        {"include": []},
        {"include": "api:app"},
        {"include": ["api:everything"]},
        {"include": [{}]},
        {"level": None},
        {"level": "often"},
        {"level": ["sync"]},
        {"url": None},
        {"url": "acme.example/webhooks"},
        {"url": "ftp://acme.example"},
        {"url": "http://acme.example:port"},
        {"url": f"http://{'a' * 64}.example"},
        {"secret": ""},
        {"authorization": "two\nlines"},
        {"authorization": "Bearer one", "url": "http://user:other@127.0.0.1"},
    ],
)
async def test_a_subscription_that_makes_no_sense_is_refused(
    acme: RawPartner, wire: Wire, wrong: dict[str, Any]
) -> None:
    """422, whether it is made so or changed to be so, and nothing of it is kept."""
    created = await subscribe_app(wire, acme, **wrong)
    good = await subscribe_app(wire, acme)
    path = f"/apps/storefront/webhooks/{good.body['id']}"
    patched = await wire.send("PATCH", path, json={"level": "sync", "include": ["api:app"]} | wrong)

    assert [(422, "invalid_params")] * 2 == [created.error, patched.error]
    assert [good.body] == (await wire.get("/apps/storefront/webhooks")).body


async def test_webhooks_go_to_this_machine_only_unless_switched(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Whoever may subscribe would else reach what this machine reaches; what was subscribed to before is not sent."""
    refused = [
        (await subscribe_app(wire, acme, url=f"http://{host}/hook")).error
        for host in ("acme.example", "192.0.2.7", "127.0.0.1.nip.example", "[::ffff:192.0.2.7]")
    ]
    heroku.switches.foreign_webhooks = True
    foreign = await subscribe_app(wire, acme, url="http://acme.invalid/hook")
    heroku.switches.foreign_webhooks = False
    local = await subscribe_app(wire, acme, url=acme.url.replace("127.0.0.1", "localhost") + "/webhooks/app")
    heroku.rename_app("storefront", "shopfront")
    await heroku.settle()

    assert [(422, "invalid_params")] * 4 == refused
    assert (201, 201) == (foreign.status, local.status)
    assert ["/webhooks/app"] == [received.path for received in acme.delivered]
    assert {"ForeignHost", ""} == {
        delivery.last_attempt.error_class or "" for delivery in heroku.deliveries("shopfront") if delivery.last_attempt
    }


async def test_a_subscription_can_be_changed_and_removed(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Any member by itself; after its removal nothing is sent, not even what waited."""
    created = await subscribe_app(wire, acme)
    path = f"/apps/storefront/webhooks/{created.body['id']}"
    changed = await wire.send("PATCH", path, json={"level": "sync", "url": f"{acme.url}/webhooks/other"})
    acme.reactions["webhook"] = answer(503)
    for old, new in pairwise(("storefront", "shopfront", "storefront")):
        heroku.rename_app(old, new)
    await heroku.settle()
    removed = await wire.send("DELETE", path)
    heroku.clock.advance(timedelta(hours=1))
    await heroku.settle()

    assert (APP_ENTITIES, "sync") == (changed.body["include"], changed.body["level"])
    assert (changed.body, 404) == (removed.body, (await wire.get(path)).status)
    assert [] == (await wire.get("/apps/storefront/webhook-deliveries")).body
    assert ["/webhooks/other"] == [received.path for received in acme.delivered]


@pytest.mark.parametrize("owner", ["apps/storefront", "addons/limited"])
async def test_there_are_ten_subscriptions_at_most(heroku: Emulator, acme: RawPartner, wire: Wire, owner: str) -> None:
    """Known of apps, assumed of add-ons, where a switch says otherwise (contract §8.2)."""
    await heroku.create_addon("storefront", "acme-search:basic", name="limited")
    wanted = {"include": ["api:app"], "level": "notify", "url": f"{acme.url}/webhooks/x"}
    statuses = [(await wire.send("POST", f"/{owner}/webhooks", json=wanted)).status for _ in range(11)]
    heroku.switches.addon_webhook_limit = 11
    more = await wire.send("POST", f"/{owner}/webhooks", json=wanted)

    assert [201] * 10 + [422] == statuses
    assert {"apps/storefront": 422, "addons/limited": 201}[owner] == more.status


async def test_a_partner_reaches_the_webhooks_of_its_own_addon_only(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """Not those of the app, nor those of a sibling that it can see (contract §6.1)."""
    addon, _, reply = await subscribe_addon(heroku, wire, acme)
    _, sibling, _ = await subscribe_addon(heroku, wire, acme)
    of_sibling = await wire.get(f"/addons/{addon.id}/webhooks/{reply.body['id']}", token=sibling)
    of_app = await wire.get("/apps/storefront/webhooks", token=sibling)
    of_customer = await wire.get(f"/addons/{addon.id}/webhooks")

    assert [(403, "forbidden")] * 2 == [of_sibling.error, of_app.error]
    assert [reply.body["id"]] == [found["id"] for found in of_customer.body]


@pytest.mark.parametrize("part", ["webhooks", "webhook-deliveries", "webhook-events"])
async def test_what_is_not_there_is_not_found(wire: Wire, part: str) -> None:
    assert (404, "not_found") == (await wire.get(f"/apps/storefront/{part}/none")).error


async def test_events_can_be_listed_and_read(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """What the CLI's webhooks commands ask: events by age, deliveries by state (clients sort by `seq`)."""
    await subscribe_app(wire, acme, include=["api:app"])
    for old, new in pairwise(("storefront", "shop-1", "shop-2", "shop-3")):
        heroku.rename_app(old, new)
    await heroku.settle()
    events = await wire.get("/apps/shop-3/webhook-events", Range="seq ..; order=desc,max=2")
    one = await wire.get(f"/apps/shop-3/webhook-events/{events.body[0]['id']}")
    succeeded = await wire.get("/apps/shop-3/webhook-deliveries?eq[status]=succeeded")
    delivery = await wire.get(f"/apps/shop-3/webhook-deliveries/{succeeded.body[0]['id']}")

    assert (206, ["shop-3", "shop-2"]) == (
        events.status,
        [event["payload"]["data"]["name"] for event in events.body],
    )
    assert (events.body[0], succeeded.body[0]) == (one.body, delivery.body)
    assert 3 == len(succeeded.body)
    assert [] == (await wire.get("/apps/shop-3/webhook-deliveries?eq[status]=failed")).body
