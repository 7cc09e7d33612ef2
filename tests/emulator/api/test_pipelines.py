import pytest

from emulator.partner import RawPartner
from emulator.wire import Wire
from headrace.emulator import Emulator
from headrace.models import Stage


async def test_a_user_gets_one_object_and_a_partner_an_array(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    """The schema and the CLI need the object, the article shows partners an array (contract §7.3)."""
    await heroku.create_addon("storefront", "acme-search:basic")
    partner = await wire.authorize(acme.received[0])
    for_user = await wire.get("/apps/storefront/pipeline-couplings")
    for_partner = await wire.get("/apps/storefront/pipeline-couplings", token=partner)

    assert "production" == for_user.body["stage"]
    assert [for_user.body] == for_partner.body


async def test_the_forms_can_be_switched(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    await heroku.create_addon("storefront", "acme-search:basic")
    partner = await wire.authorize(acme.received[0])
    heroku.switches.user_couplings, heroku.switches.partner_couplings = "array", "object"

    assert isinstance((await wire.get("/apps/storefront/pipeline-couplings")).body, list)
    assert isinstance((await wire.get("/apps/storefront/pipeline-couplings", token=partner)).body, dict)


async def test_an_app_in_no_pipeline_is_a_404_or_an_empty_array(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    await heroku.create_addon("ada-notes", "acme-search:basic")
    partner = await wire.authorize(acme.received[0])
    for_user = await wire.get("/apps/ada-notes/pipeline-couplings")
    for_partner = await wire.get("/apps/ada-notes/pipeline-couplings", token=partner)
    heroku.switches.uncoupled_array = "not_found"
    switched = await wire.get("/apps/ada-notes/pipeline-couplings", token=partner)

    assert (404, {"id": "not_found", "message": "Not found."}) == (for_user.status, for_user.body)
    assert (200, []) == (for_partner.status, for_partner.body)
    assert (404, "not_found") == switched.error


async def test_the_pipelines_name_in_a_coupling_can_be_left_out(heroku: Emulator, wire: Wire) -> None:
    usual = (await wire.get("/apps/storefront/pipeline-couplings")).body["pipeline"]
    heroku.switches.has_pipeline_name = False
    bare = (await wire.get("/apps/storefront/pipeline-couplings")).body["pipeline"]

    assert {"id": bare["id"], "name": "storefront"} == usual
    assert {"id"} == set(bare)


async def test_a_partner_follows_the_three_steps_of_the_article(heroku: Emulator, acme: RawPartner, wire: Wire) -> None:
    addon = await heroku.create_addon("storefront-pr-411", "acme-search:free")
    partner = await wire.authorize(acme.received[0])
    app_id = (await wire.get(f"/addons/{addon.id}", token=partner)).body["app"]["id"]
    coupling = (await wire.get(f"/apps/{app_id}/pipeline-couplings", token=partner)).body[0]
    pipeline = (await wire.get(f"/pipelines/{coupling['pipeline']['id']}", token=partner)).body

    assert ("review", "storefront") == (coupling["stage"], pipeline["name"])


async def test_a_partner_sees_only_the_couplings_of_its_own_apps(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    await heroku.create_addon("storefront", "acme-search:basic")
    partner = await wire.authorize(acme.received[0])
    pipeline = heroku.state.pipelines["storefront"]
    path = f"/pipelines/{pipeline.id}/pipeline-couplings"
    usual = await wire.get(path, token=partner)
    heroku.switches.siblings_visible = True
    with_siblings = await wire.get(path, token=partner)

    assert ["production"] == [coupling["stage"] for coupling in usual.body]
    assert len(pipeline.couplings) == len(with_siblings.body)
    assert [pipeline.id] == [found["id"] for found in (await wire.get("/pipelines", token=partner)).body]


async def test_a_partner_may_not_read_another_pipeline_nor_write_its_own(
    heroku: Emulator, acme: RawPartner, wire: Wire
) -> None:
    await heroku.create_addon("storefront", "acme-search:basic")
    partner = await wire.authorize(acme.received[0])
    other, own = heroku.state.pipelines["ledger-api"], heroku.state.pipelines["storefront"]
    coupling = heroku.state.apps["storefront"].coupling
    assert coupling is not None

    assert (403, "forbidden") == (await wire.get(f"/pipelines/{other.id}", token=partner)).error
    for method, path in (("DELETE", f"/pipelines/{own.id}"), ("PATCH", f"/pipeline-couplings/{coupling.id}")):
        assert (403, "forbidden") == (await wire.send(method, path, token=partner, json={})).error


@pytest.mark.parametrize(
    "path", ["/pipelines", "/pipelines/storefront", "/pipeline-couplings", "/apps/storefront/pipeline-couplings"]
)
async def test_pipelines_can_be_closed_to_partners(heroku: Emulator, acme: RawPartner, wire: Wire, path: str) -> None:
    await heroku.create_addon("storefront", "acme-search:basic")
    partner = await wire.authorize(acme.received[0])
    heroku.switches.pipelines_forbidden = True

    assert (403, "forbidden") == (await wire.get(path, token=partner)).error
    assert 200 == (await wire.get(path)).status


async def test_pipelines_are_looked_up_by_exact_name(wire: Wire) -> None:
    found = await wire.get("/pipelines?eq[name]=storefront")
    missing = await wire.get("/pipelines?eq[name]=store")

    assert (["storefront"], []) == ([pipeline["name"] for pipeline in found.body], missing.body)


async def test_two_pipelines_may_share_a_name(wire: Wire) -> None:
    await wire.send("POST", "/pipelines", json={"name": "storefront", "generation": {"name": "fir"}})

    assert 2 == len((await wire.get("/pipelines?eq[name]=storefront")).body)
    assert 404 == (await wire.get("/pipelines/storefront")).status


@pytest.mark.parametrize("by", ["name", "id", "object"])
async def test_an_app_may_be_named_in_any_way(heroku: Emulator, wire: Wire, by: str) -> None:
    app = heroku.state.apps["ada-notes"]
    named = {"name": app.name, "id": app.id, "object": {"id": app.id}}[by]
    pipeline = heroku.state.pipelines["help-centre"]
    body = {"app": named, "pipeline": pipeline.id, "stage": "development"}
    made = await wire.send("POST", "/pipeline-couplings", json=body)

    assert 201 == made.status
    assert made.body == (await wire.get("/apps/ada-notes/pipeline-couplings")).body


async def test_a_move_keeps_the_couplings_id(wire: Wire) -> None:
    before = (await wire.get("/apps/help-centre/pipeline-couplings")).body
    moved = await wire.send("PATCH", f"/pipeline-couplings/{before['id']}", json={"stage": "staging"})

    assert {**before, "stage": "staging", "updated_at": moved.body["updated_at"]} == moved.body


async def test_an_app_is_in_one_pipeline_at_most(heroku: Emulator, wire: Wire) -> None:
    pipeline = heroku.state.pipelines["help-centre"]
    body = {"app": "storefront", "pipeline": pipeline.id, "stage": "staging"}

    assert (422, "invalid_params") == (await wire.send("POST", "/pipeline-couplings", json=body)).error


async def test_a_stage_is_one_of_five(heroku: Emulator, wire: Wire) -> None:
    body = {"app": "ada-notes", "pipeline": heroku.state.pipelines["help-centre"].id, "stage": "moon"}

    assert (422, "invalid_params") == (await wire.send("POST", "/pipeline-couplings", json=body)).error


async def test_a_pipeline_takes_its_couplings_with_it(heroku: Emulator, wire: Wire) -> None:
    pipeline = heroku.state.pipelines["help-centre"]

    assert 200 == (await wire.send("DELETE", f"/pipelines/{pipeline.id}", json={"name": "help-centre"})).status
    assert 404 == (await wire.get("/apps/help-centre/pipeline-couplings")).status
    assert 200 == (await wire.get("/apps/help-centre")).status


async def test_the_python_surface_moves_apps_as_a_customer_would(heroku: Emulator) -> None:
    heroku.create_app("storefront-pr-999", owner="lumen")
    heroku.couple("storefront-pr-999", "storefront", "review")
    heroku.move("storefront-pr-999", "staging")
    coupling = heroku.state.apps["storefront-pr-999"].coupling
    heroku.uncouple("storefront-pr-999")

    assert coupling is not None
    assert "staging" == coupling.stage
    assert heroku.state.apps["storefront-pr-999"].coupling is None
    assert coupling.id not in heroku.state.couplings


async def test_a_promotion_cuts_a_release_on_its_targets(heroku: Emulator, wire: Wire) -> None:
    source, target = heroku.state.apps["storefront-staging"], heroku.state.apps["storefront"]
    pipeline = heroku.state.pipelines["storefront"]
    body = {"pipeline": {"id": pipeline.id}, "source": {"app": {"id": source.id}}, "targets": [{"app": target.id}]}
    made = await wire.send("POST", "/pipeline-promotions", json=body)
    [done] = (await wire.get(f"/pipeline-promotions/{made.body['id']}/promotion-targets")).body
    release = (await wire.get(f"/apps/{target.id}/releases/{done['release']['id']}")).body

    assert (201, "completed", "succeeded") == (made.status, made.body["status"], done["status"])
    assert (2, "Promote storefront-staging v1") == (release["version"], release["description"])


async def test_a_promotion_stays_in_its_pipeline(heroku: Emulator, wire: Wire) -> None:
    pipeline = heroku.state.pipelines["storefront"]
    body = {"pipeline": pipeline.id, "source": {"app": "storefront"}, "targets": [{"app": "ledger-api"}]}

    assert (422, "invalid_params") == (await wire.send("POST", "/pipeline-promotions", json=body)).error


async def test_a_transfer_takes_the_apps_of_the_pipeline_along(heroku: Emulator, wire: Wire) -> None:
    """As the schema says of it."""
    pipeline, lumen = heroku.state.pipelines["help-centre"], heroku.state.teams["lumen"]
    body = {"pipeline": {"id": pipeline.id}, "new_owner": {"id": lumen.id, "type": "team"}}
    reply = await wire.send("POST", "/pipeline-transfers", json=body)
    apps = [coupling.app.name for coupling in pipeline.couplings.values()]
    shown = [(await wire.get(f"/apps/{name}")).body for name in apps]

    assert (201, lumen.id) == (reply.status, reply.body["new_owner"]["id"])
    assert apps
    assert {("lumen", lumen.email)} == {(app["team"]["name"], app["owner"]["email"]) for app in shown}


async def test_nobody_transfers_what_is_not_theirs(heroku: Emulator, wire: Wire) -> None:
    """An app of somebody else's in the pipeline stops the whole of it."""
    pipeline, linus = heroku.state.pipelines["help-centre"], heroku.state.users_by_email["linus@orbit.example"]
    foreign = heroku.create_app("linus-shop", owner=linus.email)
    heroku.state.couple(foreign, pipeline, Stage.STAGING)
    owner = pipeline.owner
    body = {"pipeline": {"id": pipeline.id}, "new_owner": {"id": linus.id, "type": "user"}}
    reply = await wire.send("POST", "/pipeline-transfers", json=body)

    assert (403, "forbidden") == reply.error
    assert "linus-shop" in reply.body["message"]
    assert owner is pipeline.owner


async def test_an_empty_pipeline_is_found_by_its_id_alone(heroku: Emulator, wire: Wire) -> None:
    pipeline = heroku.create_pipeline("lonely", owner="ada@lumen.example")

    assert 200 == (await wire.get(f"/pipelines/{pipeline.id}")).status
    assert (404, "not_found") == (await wire.get("/pipelines/lonely")).error
