from base64 import b64encode
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from emulator.partner import RawPartner, accept_for_later, answer, change_manifest
from emulator.wire import Wire
from headrace.emulator import Declined, Emulator

DRAINED = {"id": "one", "log_drain_url": "https://logs.acme.example/in"}


async def test_the_manifest_asks_for_a_drain_which_the_answer_makes(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    change_manifest(heroku, requires=("syslog_drain",))
    acme.reactions["POST"] = answer(200, DRAINED)
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    token, sent = await wire.authorize(acme.received[0]), acme.received[0].body["log_drain_token"]
    [drain] = (await wire.get(f"/addons/{addon.id}/log-drains", token=token)).body

    assert (sent, "https://logs.acme.example/in", addon.id, "storefront") == (
        drain["token"],
        drain["url"],
        drain["addon"]["id"],
        drain["app"]["name"],
    )
    assert [drain] == (await wire.get("/apps/storefront/log-drains")).body


@pytest.mark.parametrize("url", [None, 7, "logs.acme.example", "http://logs.acme.example", "https://"])
async def test_a_drain_that_is_asked_for_has_to_be_named(heroku: Emulator, acme: RawPartner, url: object) -> None:
    change_manifest(heroku, requires=("syslog_drain",))
    acme.reactions["POST"] = answer(200, {"id": "one", "log_drain_url": url})

    with pytest.raises(Declined):
        await heroku.create_addon("storefront", "acme-search:basic")
    assert [] == list(heroku.state.addons)


async def test_a_partner_that_provisions_later_names_its_drain_later(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """The drain is named by the token of the provision request, then by its id, URL or token."""
    change_manifest(heroku, requires=("syslog_drain",))
    acme.reactions["POST"] = accept_for_later
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    token, drain_token = await wire.authorize(acme.received[0]), acme.received[0].body["log_drain_token"]
    path = f"/addons/{addon.id}/log-drains"
    before = (await wire.get(path, token=token)).body
    made = await wire.send("PUT", f"{path}/{drain_token}", token=token, json={"url": "https://one.example"})
    for key in (drain_token, made.body["id"], quote("https://two.example", safe="")):
        moved = await wire.send("PUT", f"{path}/{key}", token=token, json={"url": "https://two.example"})
        assert (200, made.body["id"], "https://two.example") == (moved.status, moved.body["id"], moved.body["url"])

    assert ([], "https://one.example") == (before, made.body["url"])
    assert (404, "not_found") == (await wire.send("PUT", f"{path}/other", token=token, json=made.body)).error


async def test_a_drain_goes_with_its_add_on(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    change_manifest(heroku, requires=("syslog_drain",))
    acme.reactions["POST"] = answer(200, DRAINED)
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    await heroku.deprovision(addon)

    assert [] == (await wire.get("/apps/storefront/log-drains")).body


async def test_a_drain_on_another_app_goes_when_the_add_on_is_detached(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    attachment, path = heroku.attach(addon, "storefront-staging"), "/apps/storefront-staging/log-drains"
    token = await wire.authorize(acme.received[0])
    made = await wire.send("POST", path, token=token, json={"url": "https://logs.example"})
    listed = (await wire.get(f"/addons/{addon.id}/log-drains", token=token)).body
    await wire.send("DELETE", f"/addon-attachments/{attachment.id}")

    assert (201, [made.body]) == (made.status, listed)
    assert [] == (await wire.get(path)).body


async def test_a_customer_drains_an_app(wire: Wire) -> None:
    path, body = "/apps/storefront/log-drains", {"url": "syslog://logs.example:514"}
    made = await wire.send("POST", path, json=body)
    again = await wire.send("POST", path, json=body)

    assert (201, None) == (made.status, made.body["addon"])
    assert (422, "invalid_params") == again.error
    assert made.body == (await wire.get(f"{path}/{quote(body['url'], safe='')}")).body
    assert 200 == (await wire.send("DELETE", f"{path}/{quote(body['url'], safe='')}")).status
    assert (404, "not_found") == (await wire.get(f"{path}/{made.body['id']}")).error


async def test_nobody_removes_anothers_drain(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    await heroku.create_addon("storefront", "acme-search:basic")
    token, path = await wire.authorize(acme.received[0]), "/apps/storefront/log-drains"
    customers = (await wire.send("POST", path, json={"url": "https://a.example"})).body
    partners = (await wire.send("POST", path, token=token, json={"url": "https://b.example"})).body

    assert (403, "forbidden") == (await wire.send("DELETE", f"{path}/{partners['id']}")).error
    assert (403, "forbidden") == (await wire.send("DELETE", f"{path}/{customers['id']}", token=token)).error
    assert (403, "forbidden") == (await wire.get(path, token=token)).error
    assert 200 == (await wire.send("DELETE", f"{path}/{partners['token']}", token=token)).status


async def test_a_fir_app_has_no_log_drains(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """Fir has telemetry drains instead (contract §11)."""
    change_manifest(heroku, requires=("syslog_drain", "log_input"))
    heroku.state.apps["storefront"].generation = "fir"
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    token = await wire.authorize(acme.received[0])
    body = {"url": "https://logs.example"}

    assert {"log_drain_token", "log_input_url"}.isdisjoint(acme.received[0].body)
    assert (422, "invalid_params") == (await wire.send("POST", "/apps/storefront/log-drains", json=body)).error
    assert (422, "invalid_params") == (
        await wire.send("PUT", f"/addons/{addon.id}/log-drains/any", token=token, json=body)
    ).error


@pytest.mark.parametrize("requirement", ["log_input", "input_of_logs"])
async def test_an_add_on_writes_to_the_log_where_its_manifest_asks_for_it(
    heroku: Emulator, acme: RawPartner, wire: Wire, requirement: str
) -> None:
    """The name of the entry was not found, so that a switch says it (contract §5)."""
    heroku.switches.log_input_requirement = requirement
    change_manifest(heroku, requires=(requirement,))
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    url: str = acme.received[0].body["log_input_url"]
    parts, line = urlsplit(url), b"55 <13>1 2026-11-23T18:00:00Z host token acme - - indexed\n"
    credentials = f"Basic {b64encode(f'{parts.username}:{parts.password}'.encode()).decode()}"
    good, bad = [
        await wire.send("POST", parts.path, token=None, data=line, Authorization=sent)
        for sent in (credentials, "Basic dG9rZW46bm8=")
    ]
    shown = (await wire.get(f"/addons/{addon.id}/addon-attachments")).body

    assert (204, 401) == (good.status, bad.status)
    assert [url] == [attachment["log_input_url"] for attachment in shown]


async def test_no_token_of_a_log_shows_in_the_traffic(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    change_manifest(heroku, requires=("syslog_drain", "log_input"))
    acme.reactions["POST"] = answer(200, {"id": "one", "log_drain_url": "https://user:pa55@logs.example"})
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    token, body = await wire.authorize(acme.received[0]), acme.received[0].body
    path = f"/addons/{addon.id}/log-drains/{body['log_drain_token']}"
    await wire.send("PUT", path, token=token, json={"url": "https://logs.example"})
    await wire.get(f"/addons/{addon.id}/addon-attachments")
    kept: list[Any] = [
        text for exchange in heroku.traffic for text in (exchange.path, exchange.request, exchange.response)
    ]
    secrets = (body["log_drain_token"], body["log_input_url"], urlsplit(body["log_input_url"]).password, "pa55")

    assert not [text for text in kept for secret in secrets if secret in text]
    assert [text for text in kept if text.endswith("/log-drains/•••")]
