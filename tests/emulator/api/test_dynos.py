from datetime import timedelta

import pytest

from emulator.partner import RawPartner
from emulator.wire import Wire
from headrace.emulator import Emulator, load_world
from headrace.errors import ConfigurationError


async def test_formation_and_dynos_are_what_the_world_declares(wire: Wire) -> None:
    formation = (await wire.get("/apps/storefront/formation")).body
    dynos = (await wire.get("/apps/storefront/dynos", Range="name ..")).body

    assert {"web": 2, "worker": 1} == {process["type"]: process["quantity"] for process in formation}
    assert ["web.1", "web.2", "worker.1"] == [dyno["name"] for dyno in dynos]
    assert {("up", 1)} == {(dyno["state"], dyno["release"]["version"]) for dyno in dynos}
    assert [] == (await wire.get("/apps/ada-notes/formation")).body
    assert [] == (await wire.get("/apps/ada-notes/dynos")).body


async def test_a_formation_is_scaled(wire: Wire) -> None:
    updates = {"updates": [{"type": "web", "quantity": 1}, {"type": "worker", "quantity": 2}]}
    first = await wire.send("PATCH", "/apps/storefront/formation", json=updates)
    one = await wire.send("PATCH", "/apps/storefront/formation/web", json={"quantity": 0})
    dynos = (await wire.get("/apps/storefront/dynos", Range="name ..")).body

    assert {"web": 1, "worker": 2} == {process["type"]: process["quantity"] for process in first.body}
    assert ("web", 0) == (one.body["type"], one.body["quantity"])
    assert one.body == (await wire.get("/apps/storefront/formation/web")).body
    assert ["worker.1", "worker.2"] == [dyno["name"] for dyno in dynos]


@pytest.mark.parametrize(("quantity", "expected"), [("3", 3), ("+1", 3), ("-2", 0), (2, 2)])
async def test_a_quantity_may_be_text_or_a_change(wire: Wire, quantity: object, expected: int) -> None:
    """The CLI's ps:scale sends what was typed."""
    reply = await wire.send("PATCH", "/apps/storefront/formation/web", json={"quantity": quantity})

    assert expected == reply.body["quantity"]


@pytest.mark.parametrize("update", [{"type": "web", "quantity": -3}, {"type": "web", "quantity": "many"}])
async def test_a_formation_cannot_be_scaled_to_nonsense(wire: Wire, update: dict[str, object]) -> None:
    reply = await wire.send("PATCH", "/apps/storefront/formation", json={"updates": [update]})

    assert (422, "invalid_params") == reply.error


async def test_a_process_type_that_is_not_there_cannot_be_scaled(wire: Wire) -> None:
    reply = await wire.send("PATCH", "/apps/ada-notes/formation/web", json={"quantity": 1})

    assert (404, "not_found") == reply.error


async def test_a_stopped_dyno_starts_again(heroku: Emulator, wire: Wire) -> None:
    before = (await wire.get("/apps/storefront/dynos/web.1")).body
    heroku.clock.advance(timedelta(minutes=1))
    reply = await wire.send("POST", "/apps/storefront/dynos/web.1/actions/stop")
    after = (await wire.get("/apps/storefront/dynos/web.1")).body

    assert (202, {}) == (reply.status, reply.body)
    assert before["id"] != after["id"]
    assert 404 == (await wire.get(f"/apps/storefront/dynos/{before['id']}")).status
    assert 200 == (await wire.get(f"/apps/storefront/dynos/{after['id']}")).status


async def test_every_dyno_starts_again_when_all_are_restarted_and_with_each_release(wire: Wire) -> None:
    async def list_ids() -> set[str]:
        return {dyno["id"] for dyno in (await wire.get("/apps/storefront/dynos")).body}

    first = await list_ids()
    assert 202 == (await wire.send("DELETE", "/apps/storefront/dynos")).status
    second = await list_ids()
    await wire.send("PATCH", "/apps/storefront/config-vars", json={"A": "1"})
    third = await list_ids()

    assert 9 == len(first | second | third)


async def test_a_partner_stops_dynos_only_where_heroku_opened_it(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """Formation, builds and the stopping of dynos are open to a partner only on request (contract §6.2)."""
    await heroku.create_addon("storefront", "acme-search:basic")
    token, path = await wire.authorize(acme.received[0]), "/apps/storefront/dynos/web.1/actions/stop"
    refused = await wire.send("POST", path, token=token)
    heroku.switches.extras_allowed = True

    assert (403, "forbidden") == refused.error
    assert 202 == (await wire.send("POST", path, token=token)).status
    assert 200 == (await wire.get("/apps/storefront/formation", token=token)).status
    assert [] == (await wire.get("/apps/storefront/builds", token=token)).body


async def test_a_promotion_brings_the_process_types_along(heroku: Emulator, wire: Wire) -> None:
    """Code that comes for the first time starts one web dyno and nothing else."""
    pipeline = heroku.state.pipelines["storefront"].id
    body = {
        "pipeline": {"id": pipeline},
        "source": {"app": {"name": "storefront-staging"}},
        "targets": [{"app": {"name": "storefront-dev"}}, {"app": {"name": "storefront"}}],
    }
    await wire.send("POST", "/pipeline-promotions", json=body)
    found = [
        {process["type"]: process["quantity"] for process in (await wire.get(f"/apps/{app}/formation")).body}
        for app in ("storefront-dev", "storefront")
    ]

    assert [{"web": 1, "worker": 0}, {"web": 2, "worker": 1}] == found


async def test_an_app_has_the_domain_that_heroku_gives_and_the_customers_own(wire: Wire) -> None:
    made = await wire.send(
        "POST", "/apps/storefront/domains", json={"hostname": "shop.example.com", "sni_endpoint": None}
    )
    listed = (await wire.get("/apps/storefront/domains", Range="domain ..; ;")).body
    given = (await wire.get("/apps/storefront/domains/storefront.herokuapp.com")).body

    assert (201, "custom", "shop.example.com.herokudns.com") == (made.status, made.body["kind"], made.body["cname"])
    assert {"storefront.herokuapp.com": "heroku", "shop.example.com": "custom"} == {
        domain["hostname"]: domain["kind"] for domain in listed
    }
    assert (None, "heroku") == (given["cname"], given["kind"])


async def test_only_a_domain_of_ones_own_is_removed(wire: Wire) -> None:
    made = (await wire.send("POST", "/apps/storefront/domains", json={"hostname": "shop.example.com"})).body
    path = "/apps/storefront/domains"
    again = await wire.send("POST", path, json={"hostname": "shop.example.com"})

    assert (422, "invalid_params") == again.error
    assert (422, "invalid_params") == (await wire.send("POST", path, json={"hostname": "no host"})).error
    assert (403, "forbidden") == (await wire.send("DELETE", f"{path}/storefront.herokuapp.com")).error
    assert 200 == (await wire.send("DELETE", f"{path}/{made['id']}")).status
    assert (404, "not_found") == (await wire.get(f"{path}/shop.example.com")).error


async def test_maintenance_and_stack_are_the_customers_to_set(wire: Wire) -> None:
    made = (await wire.send("POST", "/apps", json={"name": "fresh-app", "stack": "heroku-22"})).body
    body = {"maintenance": True, "build_stack": "heroku-24"}
    changed = (await wire.send("PATCH", "/apps/fresh-app", json=body)).body

    assert ("heroku-22", "heroku-22", False) == (
        made["stack"]["name"],
        made["build_stack"]["name"],
        made["maintenance"],
    )
    assert ("heroku-22", "heroku-24", True) == (
        changed["stack"]["name"],
        changed["build_stack"]["name"],
        changed["maintenance"],
    )


@pytest.mark.parametrize("body", [{"maintenance": "on"}, {"build_stack": "heroku-1"}, {"name": "Not A Name"}])
async def test_a_change_that_makes_no_sense_changes_nothing(wire: Wire, body: dict[str, object]) -> None:
    before = (await wire.get("/apps/ada-notes")).body
    reply = await wire.send("PATCH", "/apps/ada-notes", json={"maintenance": True} | body)

    assert (422, "invalid_params") == reply.error
    assert before == (await wire.get("/apps/ada-notes")).body


@pytest.mark.parametrize(("member", "value"), [("stack", "heroku-1"), ("region", "moon")])
async def test_an_app_is_created_from_what_heroku_has(wire: Wire, member: str, value: str) -> None:
    assert (422, "invalid_params") == (await wire.send("POST", "/apps", json={member: value})).error


async def test_the_stack_that_an_old_client_asks_for_is_the_default_one(wire: Wire) -> None:
    """heroku3 asks for cedar."""
    made = (await wire.send("POST", "/apps", json={"stack": "cedar"})).body

    assert "heroku-24" == made["stack"]["name"]


async def test_regions_and_stacks_are_found_by_name_and_id(wire: Wire) -> None:
    regions = {region["name"]: region for region in (await wire.get("/regions")).body}
    stacks = {stack["name"]: stack for stack in (await wire.get("/stacks")).body}

    assert "eu-central-1" == regions["frankfurt"]["provider"]["region"]
    assert [False, False, True] == [regions[name]["private_capable"] for name in ("us", "eu", "tokyo")]
    assert regions["eu"] == (await wire.get("/regions/eu")).body
    assert stacks["heroku-24"] == (await wire.get(f"/stacks/{stacks['heroku-24']['id']}")).body
    assert (404, "not_found") == (await wire.get("/regions/moon")).error


@pytest.mark.parametrize(
    "path", ["/account/keys", "/account/features", "/apps/storefront/features", "/apps/storefront/sni-endpoints"]
)
async def test_what_nobody_has_here_is_an_empty_list(wire: Wire, path: str) -> None:
    reply = await wire.get(path)

    assert (200, []) == (reply.status, reply.body)


def test_a_formation_of_a_world_is_checked() -> None:
    text = """
    users = [{ email = "a@b.example", token = "t" }]
    apps = [
        { name = "one", owner = "a@b.example", formation = { web = -1 } },
        { name = "two", owner = "a@b.example", formation = { "no type" = 1 } },
        { name = "three", owner = "a@b.example", region = "moon" },
        { name = "four", owner = "a@b.example", generation = "oak" },
    ]
    """

    with pytest.raises(ConfigurationError) as caught:
        load_world(text)
    problems = "\n".join(caught.value.problems)
    for expected in ("apps, number 1: ", "apps, number 2: ", "apps, three: there is no moon.", "apps, number 4: "):
        assert expected in problems


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/formation", {"updates": [{"type": "web", "size": "standard-1x"}]}),
        ("/formation", {"updates": [{"type": "web", "quantity": 2, "dyno_size": {"name": "Standard-1X"}}]}),
        ("/formation/web", {"size": "STANDARD-1X"}),
    ],
)
async def test_a_process_type_gets_another_dyno_size(
    heroku: Emulator, wire: Wire, path: str, body: dict[str, object]
) -> None:
    """It is kept and shown, on formation and dynos, and the dynos start anew."""
    before = {dyno["name"]: dyno["id"] for dyno in (await wire.get("/apps/storefront/dynos")).body}
    heroku.clock.advance(timedelta(minutes=1))
    reply = await wire.send("PATCH", f"/apps/storefront{path}", json=body)
    process = (await wire.get("/apps/storefront/formation/web")).body
    dynos = {dyno["name"]: dyno for dyno in (await wire.get("/apps/storefront/dynos")).body}

    assert (200, "Standard-1X", "Standard-1X") == (reply.status, process["size"], process["dyno_size"]["name"])
    assert ("Standard-1X", "Basic") == (dynos["web.1"]["size"], dynos["worker.1"]["size"])
    assert before["web.1"] != dynos["web.1"]["id"]
    assert before["worker.1"] == dynos["worker.1"]["id"]


@pytest.mark.parametrize("size", ["zzz", "dyno-1c-0.5gb"])
async def test_an_unknown_dyno_size_changes_nothing(wire: Wire, size: str) -> None:
    """Fir's sizes are unknown to a Cedar app; nothing of a batch is done when one of it is wrong."""
    before = (await wire.get("/apps/storefront/formation")).body
    updates = [{"type": "worker", "quantity": 3}, {"type": "web", "size": size}]
    replies = [
        await wire.send("PATCH", "/apps/storefront/formation", json={"updates": updates}),
        await wire.send("PATCH", "/apps/storefront/formation/web", json={"quantity": 2, "size": size}),
    ]

    assert [(422, "invalid_params")] * 2 == [reply.error for reply in replies]
    assert before == (await wire.get("/apps/storefront/formation")).body


async def test_a_domain_belongs_to_one_app_of_all(wire: Wire) -> None:
    """Each refusal says where it is, and a certificate that there is not is refused too."""
    shop = {"hostname": "www.lumen.example"}
    first = await wire.send("POST", "/apps/storefront/domains", json=shop)
    again = await wire.send("POST", "/apps/storefront/domains", json=shop)
    elsewhere = await wire.send("POST", "/apps/storefront-staging/domains", json=shop)
    secured = await wire.send(
        "POST", "/apps/storefront/domains", json={"hostname": "x.lumen.example", "sni_endpoint": "a"}
    )

    assert [201, 422, 422, 422] == [reply.status for reply in (first, again, elsewhere, secured)]
    assert "a domain of storefront already" in again.body["message"]
    assert "in use by another app" in elsewhere.body["message"]
    assert "no certificates" in secured.body["message"]
