import pytest

from emulator.partner import RawPartner, change_manifest
from emulator.wire import Wire
from headrace.emulator import Declined, Emulator

BASIC = {"plan": "acme-search:basic"}


async def test_one_add_on_of_a_service_is_enough_for_an_app_unless_its_manifest_says_more(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    """The service list says the same in `supports_multiple_installations`."""
    change_manifest(heroku, requires=())
    first = await wire.send("POST", "/apps/storefront/addons", json=BASIC)
    second = await wire.send("POST", "/apps/storefront/addons", json=BASIC)
    elsewhere = await wire.send("POST", "/apps/ada-notes/addons", json=BASIC)
    service = (await wire.get("/addon-services/acme-search")).body
    change_manifest(heroku, requires=("many_per_app",))
    third = await wire.send("POST", "/apps/storefront/addons", json=BASIC)

    assert [201, 422, 201, 201] == [reply.status for reply in (first, second, elsewhere, third)]
    assert "storefront already has an add-on of Acme Search, and cannot have another." == second.body["message"]
    assert service["supports_multiple_installations"] is False
    assert 3 == len(acme.received)


async def test_an_add_on_stays_on_its_app_unless_its_manifest_lets_it_be_attached(heroku: Emulator, wire: Wire) -> None:
    """The service list says the same in `supports_sharing`."""
    change_manifest(heroku, requires=())
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    elsewhere = {"addon": addon.id, "app": "storefront-staging", "name": "SECOND"}
    same_app = await wire.send("POST", "/addon-attachments", json={"addon": addon.id, "app": "storefront"})
    refused = await wire.send("POST", "/addon-attachments", json=elsewhere)
    service = (await wire.get("/addon-services/acme-search")).body
    change_manifest(heroku, requires=("attachable",))
    attached = await wire.send("POST", "/addon-attachments", json=elsewhere)

    assert [201, 422, 201] == [reply.status for reply in (same_app, refused, attached)]
    assert service["supports_sharing"] is False


async def test_an_attached_add_on_counts_as_one_of_its_service(heroku: Emulator) -> None:
    change_manifest(heroku, requires=("attachable",))
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    heroku.attach(addon, "storefront-staging", "ONE")
    heroku.attach(addon, "storefront-staging", "TWO")

    with pytest.raises(Declined, match="already has"):
        await heroku.create_addon("storefront-staging", "acme-search:basic")
    await heroku.create_addon("storefront-dev", "acme-search:basic")
    with pytest.raises(Declined, match="already has"):
        heroku.attach(addon, "storefront-dev")


async def test_what_requires_means_can_be_left_unenforced(heroku: Emulator) -> None:
    change_manifest(heroku, requires=())
    heroku.switches.requires_enforced = False
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    await heroku.create_addon("storefront", "acme-search:basic")

    assert "storefront-staging" == heroku.attach(addon, "storefront-staging").app.name


async def test_an_add_on_is_had_in_the_regions_of_its_manifest_only(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    change_manifest(heroku, regions=("us",))
    refused = await wire.send("POST", "/apps/ledger-api/addons", json=BASIC)
    change_manifest(heroku, regions=("*",))

    assert (422, "Acme Search is not available in region eu.") == (refused.status, refused.body["message"])
    assert [] == acme.received
    assert 201 == (await wire.send("POST", "/apps/ledger-api/addons", json=BASIC)).status


async def test_a_private_region_reaches_the_partner_under_amazons_name(heroku: Emulator, acme: RawPartner) -> None:
    change_manifest(heroku, regions=("*",))
    heroku.create_app("far-away", owner="lumen", region="tokyo")
    await heroku.create_addon("far-away", "acme-search:basic")

    assert "amazon-web-services::ap-northeast-1" == acme.received[0].body["region"]


async def test_a_service_without_fir_is_not_for_fir_apps(heroku: Emulator, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront", "acme-search:basic")
    heroku.state.addon_services["acme-search"].generations = ("cedar",)
    heroku.state.apps["ada-notes"].generation = "fir"
    made = await wire.send("POST", "/apps/ada-notes/addons", json=BASIC)
    attached = await wire.send("POST", "/addon-attachments", json={"addon": addon.id, "app": "ada-notes"})
    service = (await wire.get("/addon-services/acme-search")).body

    assert [(422, "invalid_params")] * 2 == [made.error, attached.error]
    assert ["cedar"] == [generation["name"] for generation in service["supported_generations"]]


async def test_a_pipeline_has_apps_of_its_own_generation(heroku: Emulator, wire: Wire) -> None:
    """Not found in any text, so that a switch lets it be (contract §7.1)."""
    pipeline = (await wire.send("POST", "/pipelines", json={"name": "fir-line", "generation": {"name": "fir"}})).body
    body = {"app": "ada-notes", "pipeline": pipeline["id"], "stage": "staging"}
    refused = await wire.send("POST", "/pipeline-couplings", json=body)
    with pytest.raises(Declined, match="cedar app"):
        heroku.couple("ada-notes", "fir-line", "staging")
    heroku.switches.mixed_generations = True

    assert (422, "invalid_params") == refused.error
    assert 201 == (await wire.send("POST", "/pipeline-couplings", json=body)).status


async def test_a_pipeline_is_of_a_generation_that_exists(wire: Wire) -> None:
    reply = await wire.send("POST", "/pipelines", json={"name": "oak-line", "generation": {"name": "oak"}})

    assert (422, "invalid_params") == reply.error
